//! Words that software mistakes for something else, and where they can stand.

use super::{RawMessage, TIME_MS, json, value};
use crate::campus::Random;
use crate::kafka::Message;

/// Each is a text that some program between a producer and a screen does not bear.
const ODD: [&str; 64] = [
    // words for nothing
    "",
    " ",
    "null",
    "NULL",
    "None",
    "nil",
    "undefined",
    "NaN",
    "(null)",
    "true",
    "unknown",
    // what looks like a number
    "0",
    "-0",
    "1e400",
    "0x1F",
    "1/0",
    "\u{661}\u{662}\u{663}",
    "1,5",
    "00017",
    "9007199254740993",
    // paths and addresses
    ".",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "a/b",
    "a%2Fb",
    "a?b=c&d#e",
    "a+b c",
    "/",
    "//",
    "%",
    "%zz",
    "%00",
    ";",
    "http://127.0.0.1:1/",
    "C:\\temp\\new",
    // languages within the language
    "'; DROP TABLE notifications; --",
    "\" OR \"\"=\"",
    "<script>alert(1)</script>",
    "</script><svg onload=alert(1)>",
    "{{7*7}}${7*7}",
    "${jndi:ldap://127.0.0.1/a}",
    "%s%n%x",
    "$(touch /tmp/x)`id`",
    "=cmd|' /C calc'!A0",
    "\\.",
    "\\N",
    "\\x00",
    "{\"order_id\":\"inner\"}",
    "[1,2]",
    // characters
    "\u{feff}order",
    "\u{202e}redro",
    "\u{200b}\u{200d}\u{2060}",
    "e\u{301}\u{323}\u{329}\u{33a}\u{356}",
    "\u{1F469}\u{200d}\u{1F469}\u{200d}\u{1F466}",
    "\u{1F1E8}\u{1F1ED}",
    "\u{fdfd}",
    "\u{fffe}\u{ffff}\u{10ffff}",
    "\u{e000}\u{f8ff}",
    "\u{2028}\u{2029}\u{85}",
    "\u{7f}\u{80}\u{9f}",
    "\u{df}\u{130}\u{131}",
    "\u{4e2d}\u{6587}\u{d55c}\u{5b57}",
    "a\tb\r\nc\u{1}\u{1f}",
];

/// Members of an envelope that a text can be the value of.
const MEMBERS: [&str; 9] = [
    "type",
    "source",
    "correlation_id",
    "correlationId",
    "timestamp",
    "order_id",
    "customerId",
    "runner_id",
    "note",
];

/// One of the words, alone, repeated or beside another.
pub(super) fn odd(random: &mut Random) -> String {
    let word = random.pick(&ODD);
    match random.below(12) {
        0 => word.repeat(usize::try_from(random.below(300)).unwrap_or(0)),
        1 => format!("{word}{}", random.pick(&ODD)),
        2 => "x".repeat(usize::try_from(random.between(250, 260)).unwrap_or(0)),
        _ => word.to_owned(),
    }
}

/// A message with such texts in members, in names, alone, or in headers and the key.
pub(super) fn message(random: &mut Random) -> RawMessage {
    match random.below(8) {
        // not even a string
        0 => value(odd(random)),
        1 => value(json::quoted(&odd(random))),
        2 => {
            let key = odd(random).into_bytes();
            let name = odd(random);
            let text = odd(random);
            Message::new(json::message(random))
                .key(key)
                .header(&name.replace('\0', ""), Some(text.as_bytes()))
                .at(TIME_MS)
                .into()
        }
        _ => value(envelope(random)),
    }
}

fn envelope(random: &mut Random) -> String {
    let mut members = Vec::new();
    let mut member = |name: &str, text: String| {
        // a member that is there twice is another kind's matter
        if !members
            .iter()
            .any(|(there, _): &(String, String)| there == name)
        {
            members.push((name.to_owned(), text));
        }
    };
    for _ in 0..random.between(1, 5) {
        let name = random.pick(&MEMBERS);
        member(name, json::quoted(&odd(random)));
    }
    let inner = format!(
        "{{\"order_id\":{},{}:{}}}",
        json::quoted(&odd(random)),
        json::quoted(&format!("n{}", odd(random))),
        json::quoted(&odd(random))
    );
    member("payload", inner);
    let members: Vec<String> = members
        .iter()
        .map(|(name, text)| format!("{}:{text}", json::quoted(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}
