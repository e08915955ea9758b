//! Decoding any record: no panic, texts that fit their columns, an event that is JSON, and nothing
//! lost of the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notif_core::decode::{decode, decode_refused};
use notif_core::event::Event;
use notif_core::record::Record;
use notif_fuzz::exact::Json;
use notif_fuzz::{rebuild, record};

fuzz_target!(|bytes: &[u8]| {
    let record = record(bytes);
    let event = decode(&record);
    assert_sound(&event);
    assert_sound(&decode_refused(&record));
    assert_kept(&record, &event);
});

fn assert_sound(event: &Event) {
    let texts = [
        Some(&event.event_type),
        Some(&event.source_service),
        event.correlation_id.as_ref(),
        event.customer_id.as_ref(),
        event.runner_id.as_ref(),
        event.order_id.as_ref(),
    ];
    for text in texts.into_iter().flatten() {
        assert!(!text.is_empty() && text.chars().count() <= 255, "{event:?}");
        assert!(!text.contains('\0'), "{event:?}");
    }
    assert!(event.json_printed_bytes <= 16 << 20, "{event:?}");
    Json::parse(event.json.as_bytes()).expect("event is JSON that every reader takes");
}

/// A value is in the event, unless a reason says that it is kept as bytes.
fn assert_kept(record: &Record, event: &Event) {
    match (record.value.as_deref(), event.raw_reason) {
        (Some(value), None) => rebuild::compare(value, &event.json)
            .unwrap_or_else(|error| panic!("{error:#}: {}", event.json)),
        (None, reason) => assert_eq!(reason, None),
        (Some(_), Some(_)) => {}
    }
}
