//! Texts that do not fit their columns are left out of them, not out of the row.

use serde_json::{Value, json};

use crate::records::{attributes, decoded, decoded_with};

#[test]
fn a_text_that_does_not_fit_its_column_is_kept_beside_it() {
    let long = "é".repeat(256);
    let event = decoded(
        json!({
            "type": long, "correlation_id": long, "source": long, "timestamp": 1,
            "payload": {"order_id": long, "customer_id": long, "runner_id": long},
        })
        .to_string(),
    );
    assert_eq!(event.raw_reason, None);
    assert_eq!(event.event_type, "unknown");
    assert_eq!(event.source_service, "unknown");
    for column in [
        &event.correlation_id,
        &event.order_id,
        &event.customer_id,
        &event.runner_id,
    ] {
        assert_eq!(*column, None);
    }
    assert_eq!(
        attributes(&event)["tooLong"],
        json!({
            "event_type": long, "correlation_id": long, "source_service": long,
            "order_id": long, "customer_id": long, "runner_id": long,
        })
    );
    assert_eq!(
        attributes(&event)["envelope"],
        json!({"type": long, "correlation_id": long, "source": long})
    );
}

#[test]
fn columns_take_255_characters_however_many_bytes_they_are() {
    let fits = "😀".repeat(255);
    let event = decoded(json!({"type": fits, "order_id": fits}).to_string());
    assert_eq!(event.event_type, fits);
    assert_eq!(event.order_id, Some(fits));
    assert_eq!(attributes(&event)["tooLong"], Value::Null);
    let digits = "1".repeat(256);
    let event = decoded(format!(r#"{{"order_id":{digits}}}"#));
    assert_eq!(event.order_id, None);
    assert_eq!(attributes(&event)["tooLong"], json!({"order_id": digits}));
}

#[test]
fn a_header_that_does_not_fit_is_kept_too() {
    let long = "x".repeat(256);
    let event = decoded_with("not json", &[("correlation_id", &long)]);
    assert_eq!(event.correlation_id, None);
    assert_eq!(
        attributes(&event),
        json!({"tooLong": {"correlation_id": long}})
    );
}
