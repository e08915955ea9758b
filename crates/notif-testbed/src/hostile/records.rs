//! Keys, headers and timestamps that no tidy producer sends.

use super::{Hostile, TIME_MS};
use crate::kafka::{Message, RawMessage};

pub(super) fn list() -> Vec<Hostile> {
    let mut list = keys();
    list.extend(headers());
    list.extend(raw_headers());
    list.extend(timestamps());
    list
}

fn ordinary() -> Message {
    Message::new(r#"{"type":"order.created","payload":{"order_id":"o-20"}}"#).at(TIME_MS)
}

fn keys() -> Vec<Hostile> {
    vec![
        Hostile::message("key-empty", ordinary().key("")),
        Hostile::message("key-nul", ordinary().key("\0")),
        Hostile::message("key-not-utf8", ordinary().key([0xFF, 0x00, 0xFE])),
        Hostile::message("key-json", ordinary().key(r#"{"id":1}"#)),
        Hostile::message("key-1-mb", ordinary().key("k".repeat(1 << 20))),
        Hostile::message("key-and-tombstone", Message::default().key("o-20")),
    ]
}

fn headers() -> Vec<Hostile> {
    let mut thousand = ordinary();
    for number in 0..1_000 {
        thousand = thousand.header(&format!("h{number}"), Some(b"v"));
    }
    vec![
        Hostile::message("header-null", ordinary().header("nothing", None)),
        Hostile::message(
            "header-empty-value",
            ordinary().header("nothing", Some(b"")),
        ),
        Hostile::message(
            "header-duplicates",
            ordinary()
                .header("a", Some(b"1"))
                .header("b", Some(b"2"))
                .header("a", Some(b"3")),
        ),
        Hostile::message(
            "header-value-not-utf8",
            ordinary().header("bytes", Some(b"\xFF\x00\xFE")),
        ),
        Hostile::message("header-value-nul", ordinary().header("text", Some(b"a\0b"))),
        Hostile::message(
            "header-value-escape",
            ordinary().header("text", Some(br"\u0000 \ud800 \x")),
        ),
        Hostile::message("header-name-empty", ordinary().header("", Some(b"v"))),
        Hostile::message(
            "header-name-odd",
            ordinary().header("näme \"\\\n", Some(b"v")),
        ),
        Hostile::message(
            "header-name-long",
            ordinary().header(&"n".repeat(30_000), Some(b"v")),
        ),
        Hostile::message(
            "header-value-1-mb",
            ordinary().header("big", Some(&[b'v'; 1 << 20])),
        ),
        Hostile::message("header-thousand", thousand),
    ]
}

/// Names that only [`crate::Kafka::produce_raw`] can send.
fn raw_headers() -> Vec<Hostile> {
    let named = |name: &'static str, header: &[u8]| {
        let headers = vec![(header.to_vec(), Some(b"v".to_vec()))];
        Hostile {
            name,
            message: RawMessage {
                headers,
                ..ordinary().into()
            },
        }
    };
    vec![
        named("header-name-not-utf8", b"n\xFFme"),
        named("header-name-cut-character", b"\xE2\x82"),
        named("header-name-nul", b"a\0b"),
        named("header-name-correlation-and-nul", b"correlation_id\0"),
    ]
}

fn timestamps() -> Vec<Hostile> {
    let at = |name, time| Hostile::message(name, ordinary().at(time));
    vec![
        at("time-none", -1),
        at("time-zero", 0),
        at("time-one", 1),
        at("time-negative", -5),
        at("time-long-before", -62_135_596_800_001),
        at("time-1999", 946_684_799_999),
        at("time-year-2100", 4_102_444_800_000),
        at("time-year-10000", 253_402_300_800_000),
        at("time-microseconds", 1_772_366_400_000_000),
        at("time-beyond-48-bits", 1 << 48),
        at("time-beyond-2-53", (1 << 53) + 1),
        at("time-largest", i64::MAX),
    ]
}
