//! Customer, runner and order ids.

use crate::records::decoded;

#[test]
fn the_payload_is_asked_before_the_top_level_and_snake_case_before_camel_case() {
    for (message, order_id) in [
        (
            r#"{"order_id":"t","payload":{"order_id":"p","orderId":"q"}}"#,
            Some("p"),
        ),
        (
            r#"{"order_id":"t","payload":{"orderId":"q","order_id":""}}"#,
            Some("q"),
        ),
        (
            r#"{"order_id":"t","orderId":"u","payload":{"orderId":null}}"#,
            Some("t"),
        ),
        (
            r#"{"orderId":"u","order_id":"None","payload":{"order_id":[]}}"#,
            Some("u"),
        ),
        (r#"{"orderId":"u","payload":[{"order_id":"x"}]}"#, Some("u")),
        (r#"{"orderId":"u","payload":null}"#, Some("u")),
        (r#"{"orderId":"u","order_id":"t"}"#, Some("t")),
        (r#"{"orderId":"u"}"#, Some("u")),
        // not looked for elsewhere
        (
            r#"{"payload":{"after":{"order_id":"x"},"detail":{"orderId":"y"}}}"#,
            None,
        ),
        (
            r#"{"payload":{"ORDER_ID":"x","orderid":"y","order-id":"z"}}"#,
            None,
        ),
        (r#"{"data":{"order_id":"x"}}"#, None),
        (r#"[{"order_id":"x"}]"#, None),
        (
            r#"{"payload":{"x":{"order_id":1}},"metadata":{"order_id":2}}"#,
            None,
        ),
    ] {
        assert_eq!(decoded(message).order_id.as_deref(), order_id, "{message}");
    }
}

#[test]
fn each_id_has_its_two_names() {
    let event = decoded(r#"{"payload":{"customer_id":"c","runner_id":"r","order_id":"o"}}"#);
    assert_eq!(event.customer_id.as_deref(), Some("c"));
    assert_eq!(event.runner_id.as_deref(), Some("r"));
    assert_eq!(event.order_id.as_deref(), Some("o"));
    let event = decoded(r#"{"payload":{"customerId":"c","runnerId":"r","orderId":"o"}}"#);
    assert_eq!(event.customer_id.as_deref(), Some("c"));
    assert_eq!(event.runner_id.as_deref(), Some("r"));
    assert_eq!(event.order_id.as_deref(), Some("o"));
}

#[test]
fn the_rule_of_absence_holds_for_ids() {
    for (value, text) in [
        (r#""x""#, Some("x")),
        ("7", Some("7")),
        ("1.0", Some("1.0")),
        ("1e400", Some("1e400")),
        ("12345678901234567890123", Some("12345678901234567890123")),
        ("-0", Some("-0")),
        (r#""\ud83d\ude00\n\"""#, Some("😀\n\"")),
        (r#""None""#, None),
        (r#""null""#, None),
        (r#""""#, None),
        ("null", None),
        ("false", None),
        ("[7]", None),
        (r#"{"id":7}"#, None),
    ] {
        let event = decoded(format!(r#"{{"payload":{{"order_id":{value}}}}}"#));
        assert_eq!(event.order_id.as_deref(), text, "{value}");
        let event = decoded(format!(r#"{{"customerId":{value},"payload":5}}"#));
        assert_eq!(event.customer_id.as_deref(), text, "{value}");
    }
}

#[test]
fn keys_are_compared_by_what_they_say_not_by_how_they_are_written() {
    let event = decoded(r#"{"\u0074ype":"a","payload":{"order\u005fid":"o"},"sourc\u0065":"s"}"#);
    assert_eq!(event.event_type, "a");
    assert_eq!(event.order_id.as_deref(), Some("o"));
    assert_eq!(event.source_service, "s");
}

#[test]
fn an_id_that_cannot_be_stored_counts_as_found() {
    for value in [r#""a\u0000""#, r#""\udc00""#] {
        let message = format!(r#"{{"payload":{{"order_id":{value},"orderId":"other"}}}}"#);
        assert_eq!(decoded(&message).order_id, None, "{message}");
    }
}
