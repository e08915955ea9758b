//! Generated messages: JSON texts with odd numbers, escapes and white space, envelopes of every
//! shape, and headers that matter.

use notif_core::record::{Header, Record, RecordTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::records::{headers, record};

const NAMES: &[&str] = &[
    "type",
    "payload",
    "source",
    "timestamp",
    "correlation_id",
    "correlationId",
    "correlationid",
    "order_id",
    "orderId",
    "customer_id",
    "customerId",
    "runner_id",
    "runnerId",
    "data",
    "data_base64",
    "specversion",
    "id",
    "time",
    "a",
    "b",
    "",
    "\\u0074ype",
    "pay\\u006coad",
];

const HEADER_NAMES: &[&str] = &[
    "correlation_id",
    "Correlation-Id",
    "correlationid",
    "x-correlation-id",
    "ce_correlationid",
    "ce_specversion",
    "ce_type",
    "ce_source",
    "ce_time",
    "content-type",
    "other",
];

const HEADER_VALUES: &[&str] = &[
    "",
    "None",
    "1.0",
    "x",
    "\"quoted\"",
    "application/cloudevents+json",
    "unknown",
    "\"\\u0000\"",
];

const PIECES: &[&str] = &[
    "a",
    "b",
    " ",
    "{",
    "}",
    ",",
    ":",
    "é",
    "😀",
    "\u{7f}",
    "\u{ffff}",
    "\\n",
    "\\t",
    "\\b",
    "\\f",
    "\\r",
    "\\/",
    "\\\\",
    "\\\"",
    "\\u0001",
    "\\u001F",
    "\\u0020",
    "\\u00e9",
    "\\u2028",
    "\\ud83d\\ude00",
    "\\uDBFF\\uDFFF",
];

/// Pieces that `jsonb` refuses.
const BAD_PIECES: &[&str] = &["\\u0000", "\\ud83d", "\\ude00", "\\ud83d\\u0041"];

/// What may stand before the JSON; mostly nothing.
const PREFIXES: &[&[u8]] = &[b"", b"", b"", b"", b"", b"\xef\xbb\xbf", b"\0\0\0\0\x07"];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "0e5",
    "-0e-3",
    "1e3",
    "1E-5",
    "1.50",
    "1.50e1",
    "1.50e3",
    "0.001e2",
    "1e308",
    "1e309",
    "1e400",
    "1e-398",
    "1e-399",
    "12345678901234567890123456789.0",
    "100e-2",
    "0.00e1",
];

/// Any JSON text, up to four levels deep.
pub(crate) fn json() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            2 => object(key(), inner.clone()),
            1 => (vec(inner.clone(), 0..5), space())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(","))),
            1 => inner.prop_map(|text| in_a_string(&text)),
        ]
    })
}

/// A message: any JSON, or an envelope with the names that matter, as itself or in a string.
pub(crate) fn message() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        3 => json(),
        1 => select(&["\"1.0\"", "\"x\"", "\"unknown\"", "\"None\"", "null", "{}", "\"{}\""][..])
            .prop_map(str::to_owned),
    ];
    let named = prop_oneof![6 => select(NAMES).prop_map(str::to_owned), 1 => key()];
    let envelope = object(named, value);
    let event = object(select(NAMES).prop_map(str::to_owned), json()).prop_map(|rest| {
        let head = r#"{"specversion":"1.0","id":"i","source":"s","type":"t""#;
        let rest = rest.trim_start_matches('{').trim_start();
        format!("{head}{}{rest}", if rest == "}" { "" } else { "," })
    });
    let message = prop_oneof![4 => envelope, 1 => event, 1 => json()];
    (message, 0..8).prop_map(|(text, kind)| if kind == 0 { in_a_string(&text) } else { text })
}

/// A record with such a message, headers, and maybe something before the JSON.
pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    let prefix = select(PREFIXES);
    let time = prop_oneof![
        Just(RecordTime::Unknown),
        any::<i64>().prop_map(RecordTime::Create),
        (0..2_000_000_000_000_i64).prop_map(RecordTime::Append),
    ];
    (prefix, message(), any_headers(), time).prop_map(|(prefix, message, headers, time)| {
        let value = [prefix, message.as_bytes()].concat();
        Record {
            headers,
            time,
            ..record(&value)
        }
    })
}

/// Up to four headers.
pub(crate) fn any_headers() -> impl Strategy<Value = Vec<Header>> {
    vec((select(HEADER_NAMES), select(HEADER_VALUES)), 0..4).prop_map(|all| headers(&all))
}

/// The JSON string that holds `text`.
fn in_a_string(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

fn object(
    key: impl Strategy<Value = String>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (vec((key, value), 0..6), space()).prop_map(|(members, space)| {
        let members: Vec<_> = members
            .iter()
            .map(|(key, value)| format!("{space}\"{key}\"{space}:{space}{value}"))
            .collect();
        format!("{{{}{space}}}", members.join(","))
    })
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => select(&["null", "true", "false", "[]", "{}"][..]).prop_map(str::to_owned),
        2 => number(),
        3 => body().prop_map(|body| format!("\"{body}\"")),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        select(NUMBERS).prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?",
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![select(NAMES).prop_map(str::to_owned), body()]
}

fn body() -> impl Strategy<Value = String> {
    let piece = prop_oneof![60 => select(PIECES), 1 => select(BAD_PIECES)];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn space() -> impl Strategy<Value = &'static str> {
    select(&["", "", " ", "\n\t", "\r "][..])
}
