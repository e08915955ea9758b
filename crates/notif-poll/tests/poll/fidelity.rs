//! What a message was is what its row says: headers, keys, times, frames, sizes.
//!
//! Decoding itself is proved in `notif-core`, the hostile list in `hostile.rs`, generated messages
//! in `corpus.rs`, compressed topics in `compression.rs`. Here are the ways that a message takes through a real broker, and what a person
//! is told of it, written out.

use notif_core::event::RawReason;
use notif_testbed::hostile::TOPIC_SETTINGS;
use notif_testbed::kafka::{Kafka, Message, RawMessage};
use notif_testbed::unique;
use serde_json::{Value, json};

use crate::api::{Api, Client};
use crate::message::{self, Row};
use crate::stopped::refuse_rows;
use crate::world::World;

const GOOD: &str = r#"{"type":"order.created","payload":{"order_id":"o-1"}}"#;

/// A world with one topic of one partition that has settings of its own.
fn world(settings: &[(&str, &str)]) -> World {
    let mut world = World::with_topics(0);
    let topic = unique("fidelity");
    Kafka::shared()
        .create_topic_with(&topic, 1, settings)
        .unwrap();
    world.topics = vec![topic];
    world
}

/// Produces messages by Kafka's protocol, polls once, and gives the rows in their order.
fn recorded(world: &World, messages: &[RawMessage]) -> Vec<Row> {
    let topic = world.topic();
    world.kafka.produce_raw(topic, 0, messages).unwrap();
    let count = i64::try_from(messages.len()).unwrap();
    message::drain(world, count);
    let rows = message::rows(world, topic);
    assert_eq!(rows.len(), messages.len());
    rows
}

/// A notification as the API tells it.
fn told(client: &mut Client, row: &Row) -> Value {
    let page = client.get(&format!("/notifications/{}", row.text("id").unwrap()));
    serde_json::from_slice(&page.body).unwrap()
}

fn good() -> RawMessage {
    Message::new(GOOD).at(1_772_366_400_000).into()
}

#[test]
fn headers_keep_their_order_their_duplicates_and_their_bytes() {
    let header = |name: &[u8], value: Option<&[u8]>| (name.to_vec(), value.map(<[u8]>::to_vec));
    let cases = [
        (vec![], Value::Null),
        (
            vec![
                header(b"b", Some(b"1")),
                header(b"a", Some(b"2")),
                header(b"b", Some(b"1")),
                header(b"B", Some(b"3")),
            ],
            json!([
                {"name": "b", "value": "1"}, {"name": "a", "value": "2"},
                {"name": "b", "value": "1"}, {"name": "B", "value": "3"},
            ]),
        ),
        (
            vec![header(b"", Some(b"")), header(b"null", None)],
            json!([{"name": "", "value": ""}, {"name": "null", "value": null}]),
        ),
        (
            vec![
                header(b"n\xFFme", Some(b"v")),
                header(b"bytes", Some(b"\x00\xFF")),
                header(b"nul", Some(b"a\0b")),
            ],
            json!([
                {"nameBase64": "bv9tZQ==", "value": "v"},
                {"name": "bytes", "valueBase64": "AP8="},
                {"name": "nul", "valueBase64": "YQBi"},
            ]),
        ),
        (
            vec![header(
                "n\u{e4}me \"\\\n".as_bytes(),
                Some("\u{1F4E6}\u{1}".as_bytes()),
            )],
            json!([{"name": "n\u{e4}me \"\\\n", "value": "\u{1F4E6}\u{1}"}]),
        ),
    ];
    let world = world(&[]);
    let messages: Vec<RawMessage> = cases
        .iter()
        .map(|(headers, _)| RawMessage {
            headers: headers.clone(),
            ..good()
        })
        .collect();
    let rows = recorded(&world, &messages);
    let api = Api::of(&world);
    let mut client = api.client();
    for ((row, message), (_, expected)) in rows.iter().zip(&messages).zip(&cases) {
        row.assert_holds(message, &expected.to_string());
        assert_eq!(&told(&mut client, row)["headers"], expected);
    }
}

#[test]
fn keys_keep_their_bytes() {
    let cases = [
        (None, Value::Null, Value::Null),
        (Some(vec![]), json!(""), Value::Null),
        (Some(b"o-1".to_vec()), json!("o-1"), Value::Null),
        (
            Some("\u{e4}\u{1F4E6}".as_bytes().to_vec()),
            json!("\u{e4}\u{1F4E6}"),
            Value::Null,
        ),
        (Some(vec![0]), Value::Null, json!("AA==")),
        (Some(vec![0xFF, 0, 0xFE]), Value::Null, json!("/wD+")),
        (
            Some(vec![b'k'; 1 << 20]),
            json!("k".repeat(1 << 20)),
            Value::Null,
        ),
        (
            Some(vec![0xFF; 1 << 20]),
            Value::Null,
            json!(format!("{}/w==", "/".repeat(1_398_100))),
        ),
    ];
    let world = world(&[]);
    let messages: Vec<RawMessage> = cases
        .iter()
        .map(|(key, ..)| RawMessage {
            key: key.clone(),
            ..good()
        })
        .collect();
    let rows = recorded(&world, &messages);
    let api = Api::of(&world);
    let mut client = api.client();
    for ((row, message), (_, text, base64)) in rows.iter().zip(&messages).zip(&cases) {
        let what = format!("a key of {:?} bytes", message.key.as_ref().map(Vec::len));
        row.assert_holds(message, &what);
        let told = told(&mut client, row);
        assert!(told["key"] == *text, "{what}");
        assert!(told["keyBase64"] == *base64, "{what}");
    }
}

#[test]
fn both_types_of_timestamp_are_kept_untouched() {
    let early = RawMessage {
        timestamp_ms: 946_684_800_000,
        ..good()
    };
    let none = RawMessage {
        timestamp_ms: -1,
        ..good()
    };
    let created = world(&TOPIC_SETTINGS);
    let rows = recorded(&created, &[early.clone(), none.clone()]);
    let api = Api::of(&created);
    let mut client = api.client();
    let shown = |told: &Value| {
        (
            told["kafkaTimestampMs"].clone(),
            told["timestampType"].clone(),
        )
    };
    let early_told = told(&mut client, &rows[0]);
    assert_eq!(
        shown(&early_told),
        (json!(946_684_800_000_i64), json!("create"))
    );
    assert_eq!(early_told["occurredAt"], "2000-01-01T00:00:00.000000Z");
    let none_told = told(&mut client, &rows[1]);
    assert_eq!(shown(&none_told), (Value::Null, Value::Null));
    assert_eq!(none_told["clockSuspect"], false);

    // the broker's clock instead of the producer's, whatever that one said
    let appended = world(&[("message.timestamp.type", "LogAppendTime")]);
    let messages = [early, none, good()];
    let rows = recorded(&appended, &messages);
    let truth = appended.kafka.read_committed(appended.topic()).unwrap();
    for ((row, message), truth) in rows.iter().zip(&messages).zip(&truth) {
        row.assert_content(message, "appended");
        assert_eq!(row.number("time"), truth.timestamp_ms);
        assert!(truth.timestamp_ms > Some(1_772_366_400_000), "{truth:?}");
        assert_eq!(row.number("time_type"), Some(1));
    }
}

#[test]
fn cloudevents_are_recognised_in_both_modes_and_frames_of_a_registry_are_opened() {
    let structured = Message::new(
        r#"{"specversion":"1.0","id":"e-1","source":"/orders","type":"order.created",
            "time":"2026-03-01T12:00:00Z","data":{"orderId":"o-6"}}"#,
    );
    let by_type = Message::new(r#"{"type":"order.paid","data":{"order_id":"o-7"}}"#).header(
        "Content-Type",
        Some(b"application/cloudevents+json; charset=utf-8"),
    );
    let binary = |message: Message| {
        message
            .header("ce_specversion", Some(b"1.0"))
            .header("ce_type", Some(b"order.sent"))
            .header("ce_source", Some(b"/runners"))
            .header("ce_correlationid", Some(b"c-8"))
    };
    let framed = |rest: &[u8]| [&[0, 0, 0, 1, 44], rest].concat();
    let cases = [
        (structured, "order.created", Some("o-6"), None),
        (by_type, "order.paid", Some("o-7"), None),
        (
            binary(Message::new(r#"{"order_id":"o-8"}"#)),
            "order.sent",
            Some("o-8"),
            Some("c-8"),
        ),
        (binary(Message::default()), "order.sent", None, Some("c-8")),
        (
            binary(Message::new(b"\xFF\x00avro")),
            "order.sent",
            None,
            Some("c-8"),
        ),
        (
            Message::new(framed(GOOD.as_bytes())),
            "order.created",
            Some("o-1"),
            None,
        ),
        (Message::new(framed(b"\x02\x0Ao-1")), "unknown", None, None),
        (Message::new(framed(b"")), "unknown", None, None),
    ];
    let world = world(&[]);
    let messages: Vec<RawMessage> = cases
        .iter()
        .map(|(message, ..)| message.clone().at(1_772_366_400_000).into())
        .collect();
    let rows = recorded(&world, &messages);
    for ((row, message), (_, kind, order, correlation)) in rows.iter().zip(&messages).zip(&cases) {
        row.assert_holds(message, kind);
        assert_eq!(row.text("event_type"), Some(*kind));
        assert_eq!(row.text("order_id"), *order, "{kind}");
        assert_eq!(row.text("correlation_id"), *correlation, "{kind}");
    }
    // the id in the frame is kept whether its schema could be read or not
    for row in &rows[5..] {
        let event: Value = serde_json::from_str(row.text("event").unwrap()).unwrap();
        assert_eq!(event["attributes"]["schemaId"], 300, "{event}");
    }
    assert_eq!(rows[4].text("status"), Some("captured"));
    assert_eq!(rows[6].text("status"), Some("unparseable"));
}

/// A message for each reason. The last of them is fine: the database is made to refuse it.
fn reasons() -> Vec<(RawReason, Vec<u8>)> {
    let payload = |json: &str| format!(r#"{{"type":"t","payload":{json}}}"#).into_bytes();
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    vec![
        (
            RawReason::NotUtf8,
            payload("\"a\"").into_iter().chain([0xFF]).collect(),
        ),
        (RawReason::NotJson, b"order o-9 was paid".to_vec()),
        (RawReason::Empty, vec![]),
        (RawReason::SchemaRegistry, vec![0, 0, 0, 0, 1, 2, 3]),
        (
            RawReason::ByteOrderMark,
            ["\u{feff}".as_bytes(), GOOD.as_bytes()].concat(),
        ),
        (
            RawReason::BinaryData,
            br#"{"specversion":"1.0","id":"e","source":"/s","type":"t","data_base64":"AAEC"}"#
                .to_vec(),
        ),
        (RawReason::NulCharacter, payload(r#""a\u0000b""#)),
        (RawReason::LoneSurrogate, payload(r#""\ud83d""#)),
        (RawReason::DuplicateKeys, payload(r#"{"a":1,"a":1}"#)),
        (RawReason::NumberRange, payload("1e309")),
        (RawReason::TooDeep, payload(&deep)),
        (
            RawReason::TooLarge,
            payload(&format!("\"{}\"", "x".repeat(16 << 20))),
        ),
        (
            RawReason::RefusedByDatabase,
            br#"{"type":"refused","payload":{}}"#.to_vec(),
        ),
    ]
}

#[test]
fn every_reason_to_keep_the_bytes_is_met_through_a_broker() {
    let (reasons, values): (Vec<_>, Vec<_>) = reasons().into_iter().unzip();
    let messages: Vec<RawMessage> = values
        .into_iter()
        .map(|value| Message::new(value).at(1_772_366_400_000).into())
        .collect();
    let world = world(&[]);
    let refused = "NEW.event_type = 'refused' AND NEW.raw IS NULL";
    refuse_rows(&world, refused, "22023");
    let rows = recorded(&world, &messages);
    let mut seen = Vec::new();
    for ((row, message), reason) in rows.iter().zip(&messages).zip(&reasons) {
        assert_eq!(row.text("reason"), Some(reason.as_str()));
        row.assert_holds(message, reason.as_str());
        seen.push(*reason);
    }
    assert_eq!(seen, RawReason::ALL);
}

#[test]
fn values_up_to_16_mib_are_kept_as_json_and_larger_ones_as_bytes() {
    const MIB: usize = 1 << 20;
    let json = |bytes: usize| {
        let around = r#"{"type":"big","payload":{"order_id":"o-16","text":""}}"#.len();
        let text = "0123456789abcde\u{e9}".repeat(MIB);
        let filler = text.get(..bytes - around).unwrap();
        format!(r#"{{"type":"big","payload":{{"order_id":"o-16","text":"{filler}"}}}}"#)
    };
    let cases = [
        // event has some hundred bytes around the payload, and must fit too
        (json(16 * MIB - 1_000).into_bytes(), None),
        (json(16 * MIB).into_bytes(), Some("too-large")),
        (json(16 * MIB + 2).into_bytes(), Some("too-large")),
        (vec![0xFF; 16 * MIB], Some("not-utf8")),
        (vec![b'x'; 19 * MIB], Some("not-json")),
    ];
    let world = world(&[]);
    let messages: Vec<Message> = cases
        .iter()
        .map(|(value, _)| Message::new(value.clone()).at(1_772_366_400_000))
        .collect();
    let producer = world.kafka.producer().unwrap();
    producer
        .produce(world.topic(), 0, messages.clone())
        .unwrap();
    message::drain(&world, 5);
    let rows = message::rows(&world, world.topic());
    let api = Api::of(&world);
    let mut client = api.client();
    for ((row, message), (value, reason)) in rows.iter().zip(messages).zip(&cases) {
        let what = format!("{} bytes", value.len());
        row.assert_holds(&message.into(), &what);
        assert_eq!(row.text("reason"), *reason, "{what}");
        assert_eq!(told(&mut client, row)["rawReason"], json!(reason), "{what}");
    }
    let order = client.list("/order/o-16");
    assert_eq!(order.len(), 3);
}
