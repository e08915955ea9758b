//! `json_printed_bytes` is the length of `event` as PostgreSQL prints it, and PostgreSQL takes
//! every event: asked of PostgreSQL itself.

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text};
use notif_core::decode::decode;
use notif_core::event::Event;
use notif_testbed::Postgres;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::generated;
use crate::records::decoded;
use crate::testbed;

/// A payload as it is written, and as PostgreSQL prints it.
const PRINTED: &[(&str, &str)] = &[
    ("0", "0"),
    ("-0", "0"),
    ("-0.0", "0.0"),
    ("-0.00e1", "0.0"),
    ("0e5", "0"),
    ("0e99999", "0"),
    ("-0e-3", "0.000"),
    ("1e3", "1000"),
    ("1E+3", "1000"),
    ("1e0000000000000000000003", "1000"),
    ("1.50", "1.50"),
    ("1.50e1", "15.0"),
    ("1.50e2", "150"),
    ("1.50e3", "1500"),
    ("-1.50e3", "-1500"),
    ("1E-5", "0.00001"),
    ("-12e-1", "-1.2"),
    ("120e-1", "12.0"),
    ("100e-2", "1.00"),
    ("0.001e2", "0.1"),
    ("0.001e3", "1"),
    ("0.001e5", "100"),
    ("0.0010", "0.0010"),
    ("12345678901234567890.5", "12345678901234567890.5"),
    ("1e-20", "0.00000000000000000001"),
    ("1e20", "100000000000000000000"),
    (r#""\b\f\n\r\t\"\\\/""#, r#""\b\f\n\r\t\"\\/""#),
    (r#""\u0001\u001f\u0020\u007f""#, "\"\\u0001\\u001f \u{7f}\""),
    (
        r#""\u0008\u000c\u000a\u000D\u0009\u0022\u005c\u002f""#,
        r#""\b\f\n\r\t\"\\/""#,
    ),
    (r#""\u00e9\u20ac\ud83d\ude00\uffff""#, "\"é€😀\u{ffff}\""),
    ("\"é€😀\u{7f}\"", "\"é€😀\u{7f}\""),
    ("[]", "[]"),
    ("[ 1,2 ,\n[ ] ]", "[1, 2, []]"),
    ("{}", "{}"),
    (r#"{ "b" : 1,"a":{} }"#, r#"{"a": {}, "b": 1}"#),
    (
        r#"{"a\u0001":true,"\u0062":null}"#,
        r#"{"b": null, "a\u0001": true}"#,
    ),
];

#[derive(QueryableByName)]
struct Printed {
    #[diesel(sql_type = Integer)]
    bytes: i32,
    #[diesel(sql_type = Nullable<Text>)]
    payload: Option<String>,
}

/// What PostgreSQL makes of events.
fn printed(events: &[Event]) -> Vec<Printed> {
    let database = Postgres::shared().empty_database().expect("a database");
    let mut connection = database.connect().expect("a connection");
    let texts: Vec<&str> = events.iter().map(|event| event.json.as_str()).collect();
    let rows: Vec<Printed> = diesel::sql_query(
        "SELECT octet_length(event::text) AS bytes, (event -> 'payload')::text AS payload
         FROM (SELECT place, json::jsonb AS event
               FROM unnest($1) WITH ORDINALITY AS texts (json, place)) AS events
         ORDER BY place",
    )
    .bind::<Array<Text>, _>(texts)
    .load(&mut connection)
    .expect("PostgreSQL takes every event");
    assert_eq!(rows.len(), events.len());
    rows
}

#[test]
fn printed_bytes_are_counted_as_postgresql_prints() {
    let events: Vec<_> = PRINTED
        .iter()
        .map(|(payload, _)| decoded(format!("{{\"payload\":{payload}}}")))
        .collect();
    let null = i64::from(decoded(r#"{"payload":null}"#).json_printed_bytes);
    for ((payload, text), event) in PRINTED.iter().zip(&events) {
        assert_eq!(event.raw_reason, None, "{payload}");
        let bytes = i64::from(event.json_printed_bytes) - null + 4;
        assert_eq!(bytes, i64::try_from(text.len()).unwrap(), "{payload}");
    }
    for ((payload, text), printed) in PRINTED.iter().zip(printed(&events)) {
        assert_eq!(printed.payload.as_deref(), Some(*text), "{payload}");
    }
}

#[test]
fn postgresql_takes_and_prints_every_generated_event_in_as_many_bytes() {
    let mut runner = TestRunner::deterministic();
    let records = generated::any_record();
    let events: Vec<_> = (0..3_000)
        .map(|_| decode(&records.new_tree(&mut runner).expect("a record").current()))
        .collect();
    let faithful = events
        .iter()
        .filter(|event| event.raw_reason.is_none())
        .count();
    assert!(
        faithful > 1_000,
        "only {faithful} events hold their message"
    );
    assert_printed_as_counted(&events);
}

#[test]
fn postgresql_takes_and_prints_every_event_of_the_testbed_in_as_many_bytes() {
    let mut records = testbed::hostile_records(3_000);
    records.extend(testbed::campus_records(1_000));
    let events: Vec<_> = records.iter().map(decode).collect();
    assert_printed_as_counted(&events);
}

fn assert_printed_as_counted(events: &[Event]) {
    for (event, printed) in events.iter().zip(printed(events)) {
        assert_eq!(
            i64::from(event.json_printed_bytes),
            i64::from(printed.bytes),
            "{}",
            event.json
        );
    }
}
