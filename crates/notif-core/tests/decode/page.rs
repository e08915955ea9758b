//! `docs/decoding.md`: its examples are decoded, and its list of reasons is the code's.
//!
//! An example is a block `message` (the value of a record, without the last line break), a block
//! `headers` where it has any, and a block `row`: every column that decoding fills.

use notif_core::decode::decode;
use notif_core::event::{Event, RawReason};
use notif_core::record::Record;
use serde_json::{Map, Value, json};

use crate::records::{TIME_TEXT, headers, record};

const PAGE: &str = include_str!("../../../../docs/decoding.md");

/// The fenced blocks that have a name: the second word behind the fence.
fn blocks() -> Vec<(&'static str, &'static str)> {
    PAGE.split("\n```")
        .skip(1)
        .filter_map(|block| {
            let (info, text) = block.split_once('\n')?;
            let (_, name) = info.split_once(' ')?;
            Some((name, text))
        })
        .collect()
}

/// The columns that decoding fills, without those that are null.
fn row(event: &Event) -> Value {
    let columns = [
        ("event_type", json!(event.event_type)),
        ("correlation_id", json!(event.correlation_id)),
        ("source_service", json!(event.source_service)),
        ("customer_id", json!(event.customer_id)),
        ("runner_id", json!(event.runner_id)),
        ("order_id", json!(event.order_id)),
        ("status", json!(event.status.as_str())),
        ("raw_reason", json!(event.raw_reason.map(RawReason::as_str))),
        (
            "event",
            serde_json::from_str(&event.json).expect("event is JSON"),
        ),
    ];
    let columns = columns.into_iter().filter(|(_, value)| !value.is_null());
    columns
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[test]
fn each_example_of_the_page_is_what_decoding_makes_of_it() {
    let mut message = record(b"");
    let mut examples = 0;
    for (name, text) in blocks() {
        match name {
            "message" => message = record(text.as_bytes()),
            "headers" => {
                let named: Map<String, Value> = serde_json::from_str(text).expect(text);
                let named: Vec<_> = named
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str().expect("a text")))
                    .collect();
                message = Record {
                    headers: headers(&named),
                    ..message
                };
            }
            "row" => {
                let expected: Value = serde_json::from_str(text).expect(text);
                assert_eq!(row(&decode(&message)), expected, "{message:?}");
                examples += 1;
            }
            other => panic!("{other}: a block without a meaning"),
        }
    }
    let messages = blocks()
        .iter()
        .filter(|(name, _)| *name == "message")
        .count();
    assert_eq!(examples, messages);
    assert!(examples >= 10, "only {examples} examples");
}

#[test]
fn the_page_says_where_its_examples_come_from() {
    assert!(PAGE.contains("`order-events`") && PAGE.contains(&format!("`{TIME_TEXT}`")));
}

#[test]
fn every_reason_to_keep_the_bytes_is_on_the_page() {
    let listed: Vec<&str> = PAGE
        .split_once("| `raw_reason` |")
        .expect("the table of reasons")
        .1
        .lines()
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(listed, RawReason::ALL.map(RawReason::as_str));
}
