//! Real campus shapes, word for word as they become rows. A snapshot that changes is a change of
//! what people read in their database: look at it before accepting it.

use std::fmt::Write;

use crate::records::decoded;

/// Columns, then `event`, as text.
fn rendered(value: &str) -> String {
    let event = decoded(value);
    let mut text = String::new();
    let column = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    for (name, value) in [
        ("event_type", event.event_type.clone()),
        ("correlation_id", column(&event.correlation_id)),
        ("source_service", event.source_service.clone()),
        ("customer_id", column(&event.customer_id)),
        ("runner_id", column(&event.runner_id)),
        ("order_id", column(&event.order_id)),
        ("status", event.status.as_str().to_owned()),
        (
            "raw_reason",
            event
                .raw_reason
                .map_or("-", |reason| reason.as_str())
                .to_owned(),
        ),
        ("event_bytes", event.json_printed_bytes.to_string()),
        ("event", event.json.clone()),
    ] {
        writeln!(text, "{name}: {value}").expect("a string takes all");
    }
    text
}

macro_rules! shapes {
    ($($shape:ident),* $(,)?) => {$(
        #[test]
        fn $shape() {
            let value = include_str!(concat!("testdata/", stringify!($shape), ".json"));
            insta::assert_snapshot!(stringify!($shape), rendered(value));
        }
    )*};
}

shapes!(
    authorize_payment_command,
    create_order_command,
    duplicate_keys,
    escrow_released_cloudevent,
    order_created,
    payment_authorized,
    payment_failed_no_ids,
    runner_accepted_double_encoded,
    scheduler_timeout_null_payload,
    user_login_flat,
);
