//! Decoding is total: any bytes have an event, whose texts fit and whose JSON parses.

use notif_core::decode::decode;
use notif_core::event::{Event, RawReason};
use notif_core::record::{Header, Record};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated;
use crate::records::{decoded, record, shown};

/// What holds for every event.
pub(crate) fn assert_sound(event: &Event) {
    shown(event);
    let optional = [
        &event.correlation_id,
        &event.customer_id,
        &event.runner_id,
        &event.order_id,
    ];
    let texts = optional
        .into_iter()
        .flatten()
        .chain([&event.event_type, &event.source_service]);
    for text in texts {
        assert!(!text.is_empty(), "{event:?}");
        assert!(text.chars().count() <= 255, "{event:?}");
        assert!(!text.contains('\0'), "{event:?}");
    }
    assert!(event.json_printed_bytes <= 16 << 20, "{event:?}");
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    // bytes that JSON is made of are more likely, so that more than the first one is read
    let byte = prop_oneof![
        3 => proptest::sample::select(&b"{}[]\",:\\u0019-.eE dtrueflasn"[..]),
        1 => any::<u8>(),
    ];
    vec(byte, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn any_bytes_have_an_event(
        value in any_bytes(),
        names in vec((any_bytes(), proptest::option::of(any_bytes())), 0..3),
    ) {
        let headers = names.into_iter().map(|(name, value)| Header { name, value }).collect();
        assert_sound(&decode(&Record { headers, ..record(&value) }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn generated_messages_have_a_sound_event(record in generated::any_record()) {
        assert_sound(&decode(&record));
    }

    /// A message with one byte changed or cut off.
    #[test]
    fn broken_messages_have_an_event(
        record in generated::any_record(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut value = record.value.clone().unwrap_or_default();
        let at = at.index(value.len());
        if cut { value.truncate(at) } else { value[at] = byte }
        assert_sound(&decode(&Record { value: Some(value), ..record }));
    }

    /// We call JSON what another reader calls JSON: what it can parse, we can open.
    #[test]
    fn what_another_reader_parses_is_opened(value in any_bytes()) {
        // that reader does not look at the text within strings that it skips
        let text = std::str::from_utf8(&value).ok();
        let parsed =
            text.is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        let event = decoded(&value);
        let unopened = matches!(
            event.raw_reason,
            Some(RawReason::NotJson | RawReason::NotUtf8 | RawReason::Empty)
        );
        if parsed {
            assert!(!unopened, "{value:?}");
        }
        // numbers beyond f64 and lone surrogates are JSON by its grammar, not for that reader
        if event.raw_reason.is_none() {
            assert!(parsed, "{value:?}");
        }
    }
}

#[test]
fn nesting_takes_no_stack() {
    let deep = |levels: usize, open: &str, close: &str| {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    let decode_all = move || {
        for levels in [10_000, 1_000_000] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"b\":", "}]")] {
                let whole = decoded(deep(levels, open, close));
                assert_eq!(
                    whole.raw_reason,
                    Some(RawReason::TooDeep),
                    "{levels} {open}"
                );
                let message = format!(r#"{{"type":"t","payload":{}}}"#, deep(levels, open, close));
                let event = decoded(message);
                assert_eq!(
                    event.raw_reason,
                    Some(RawReason::TooDeep),
                    "{levels} {open}"
                );
                assert_eq!(event.event_type, "t");
            }
            assert_eq!(
                decoded("[".repeat(levels)).raw_reason,
                Some(RawReason::NotJson)
            );
            let wrong = format!("{}{}", "[".repeat(levels), "}".repeat(levels));
            assert_eq!(decoded(wrong).raw_reason, Some(RawReason::NotJson));
        }
    };
    // a recursive reader would need tens of megabytes for these
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small
        .spawn(decode_all)
        .expect("a thread")
        .join()
        .expect("no overflow, no failure");
}

#[test]
fn deep_arrays_and_objects_are_told_apart() {
    for levels in [103, 104, 105, 167, 168, 169, 300] {
        let within = |inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
        for inner in [r#"{"a":1},[1],{"b":[]}"#, r#"[1],{"a":{}},[]"#] {
            let event = decoded(within(inner));
            assert_eq!(
                event.raw_reason,
                Some(RawReason::TooDeep),
                "{levels} {inner}"
            );
        }
        for inner in [
            r#"{"a":1},[1}"#,
            r#"[1],{"a":1]"#,
            r#"{"a":1},["b":1]"#,
            r"[1],{1}",
        ] {
            let event = decoded(within(inner));
            assert_eq!(
                event.raw_reason,
                Some(RawReason::NotJson),
                "{levels} {inner}"
            );
        }
    }
}
