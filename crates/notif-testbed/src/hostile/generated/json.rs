//! JSON drawn from its grammar, and what is nearly JSON.

use crate::campus::Random;

/// Names that decoding looks at, and some that it does not.
const NAMES: [&str; 22] = [
    "type",
    "payload",
    "correlation_id",
    "correlationId",
    "correlationid",
    "source",
    "timestamp",
    "order_id",
    "orderId",
    "customer_id",
    "customerId",
    "runner_id",
    "runnerId",
    "data",
    "specversion",
    "id",
    "topic",
    "event_type",
    "attributes",
    "amount",
    "a",
    "",
];

/// White space that JSON allows.
const SPACES: [&str; 6] = ["", "", "", " ", "\n\t", "\r "];

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    // a text always becomes JSON
    serde_json::to_string(text).unwrap_or_default()
}

/// A message that is JSON: an envelope mostly, now and then any value.
pub(super) fn message(random: &mut Random) -> String {
    match random.below(10) {
        0 => any(random, 4),
        1 => structured_event(random),
        _ => {
            let payload = any(random, 4);
            let id = random.below(40);
            let rest = object_body(random, 3, &["type", "payload", "order_id"]);
            let space = random.pick(&SPACES);
            format!(
                "{space}{{\"type\":{space}\"order.{id}\",\"payload\":{payload},\
                 \"order_id\":\"o-{id}\"{}{rest}}}{space}",
                if rest.is_empty() { "" } else { "," }
            )
        }
    }
}

/// A CloudEvent that carries itself.
pub(super) fn structured_event(random: &mut Random) -> String {
    let data = match random.below(4) {
        0 => String::new(),
        1 => ",\"data_base64\":\"AAEC\"".to_owned(),
        2 => format!(",\"data\":{},\"payload\":1", any(random, 2)),
        _ => format!(",\"data\":{}", any(random, 3)),
    };
    let version = random.pick(&["\"1.0\"", "\"1.0\"", "\"1.1\"", "\"0.3\"", "1.0", "null"]);
    format!(
        "{{\"specversion\":{version},\"id\":\"e\",\"source\":\"/s\",\"type\":\"org.campus\"{data}}}"
    )
}

/// Any JSON value, nested at most `depth` deep.
fn any(random: &mut Random, depth: u32) -> String {
    let below = depth.saturating_sub(1);
    let kind = random.below(if depth == 0 { 5 } else { 9 });
    match kind {
        0 => random
            .pick(&["null", "true", "false", "[]", "{}"])
            .to_owned(),
        1 => number(random),
        2..5 => string(random),
        5 | 6 => {
            let items: Vec<String> = (0..random.below(5)).map(|_| any(random, below)).collect();
            format!("[{}{}]", random.pick(&SPACES), items.join(","))
        }
        _ => format!("{{{}}}", object_body(random, below, &[])),
    }
}

/// Members with different names, none of them in `without`.
fn object_body(random: &mut Random, depth: u32, without: &[&str]) -> String {
    let mut names = without.to_vec();
    let mut members = Vec::new();
    for _ in 0..random.below(5) {
        let name = random.pick(&NAMES);
        if !names.contains(&name) {
            names.push(name);
            let space = random.pick(&SPACES);
            members.push(format!(
                "{space}\"{name}\"{space}:{space}{}",
                any(random, depth)
            ));
        }
    }
    members.join(",")
}

/// A string of characters and escapes that every reader takes.
fn string(random: &mut Random) -> String {
    const PIECES: [&str; 18] = [
        "order",
        " ",
        "\\n",
        "\\t",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b\\f\\r",
        "\\u0041",
        "\\u00e9",
        "\\u001f",
        "\\ud83d\\udce6",
        "\\uFFFF",
        "\u{e9}",
        "\u{1F4E6}",
        "\u{2028}",
        "</script>",
        "\u{7f}",
    ];
    let pieces: Vec<&str> = (0..random.below(6)).map(|_| random.pick(&PIECES)).collect();
    format!("\"{}\"", pieces.concat())
}

/// A number of any size that the grammar allows, near the limits of readers as often as not.
fn number(random: &mut Random) -> String {
    let sign = random.pick(&["", "", "-"]);
    match random.below(9) {
        0 => format!("{sign}0"),
        1 => format!("{sign}{}", random.below(100_000)),
        2 => format!("{sign}{}", random.next()),
        3 => format!("{sign}{}.{:04}", random.below(1_000), random.below(10_000)),
        4 => format!("{sign}{}e{}", random.between(1, 10), random.below(30)),
        5 => format!("{sign}{}E-{}", random.between(1, 10), random.below(30)),
        6 => format!("{sign}1{}", random.next()),
        7 => format!("{sign}0.{}000", random.next()),
        _ => format!("{sign}{}e+{:03}", random.between(1, 10), random.below(20)),
    }
}

/// Numbers at the limits of floats, of `numeric` and of sense; bombs that print far longer than
/// they are.
pub(super) fn numbers(random: &mut Random) -> String {
    let repeated = |digit: &str, random: &mut Random, low, high| {
        digit.repeat(usize::try_from(random.between(low, high)).unwrap_or(1))
    };
    let sign = random.pick(&["", "-"]);
    let number = match random.below(9) {
        0 => format!(
            "{sign}{}e{}",
            random.between(1, 10),
            random.between(300, 312)
        ),
        1 => format!("{sign}1e-{}", random.between(390, 410)),
        2 => format!("{sign}{}", repeated("9", random, 300, 410)),
        3 => format!("{sign}0.{}", repeated("1", random, 390, 410)),
        4 => format!("{sign}1e{}", random.between(131_060, 131_080)),
        5 => format!("{sign}0e{}{}", random.pick(&["", "-"]), random.next()),
        6 => format!("{sign}1e{}{}", random.pick(&["", "-"]), random.next()),
        7 => format!(
            "{sign}{}.{}e{}",
            random.next(),
            random.next(),
            random.below(400)
        ),
        _ => {
            let bomb = random.pick(&["1e131071,", "1e300,", "9e99,", "0.000e-300,"]);
            let count = usize::try_from(random.below(400)).unwrap_or(0);
            format!("[{}1]", bomb.repeat(count))
        }
    };
    match random.below(4) {
        0 => number,
        1 => format!("{{\"type\":\"n\",\"order_id\":{number},\"payload\":{{}}}}"),
        2 => format!("{{\"type\":\"n\",\"timestamp\":{number},\"x\":{number},\"payload\":1}}"),
        _ => format!("{{\"type\":\"n\",\"payload\":{{\"order_id\":\"n-1\",\"n\":{number}}}}}"),
    }
}

/// Arrays and objects within each other, around every limit of nesting, some never closed.
pub(super) fn nested(random: &mut Random) -> String {
    let levels = match random.below(5) {
        0 => random.between(98, 104),
        1 => random.between(124, 132),
        2 => random.between(300, 5_000),
        _ => random.between(1, 200),
    };
    let mixed = random.chance(50);
    let objects = random.chance(50);
    let (mut open, mut close) = (String::new(), Vec::new());
    for _ in 0..levels {
        let object = if mixed { random.chance(50) } else { objects };
        open.push_str(if object { "{\"a\":" } else { "[" });
        close.push(if object { '}' } else { ']' });
    }
    let mut close: String = close.into_iter().rev().collect();
    if random.chance(10) {
        close.pop();
    }
    let value = format!("{open}1{close}");
    match random.below(5) {
        0 => value,
        1 => quoted(&value),
        2 => format!("{{\"type\":\"deep\",\"payload\":{}}}", quoted(&value)),
        3 => format!("{{\"type\":\"deep\",\"payload\":1,\"x\":{value}}}"),
        _ => format!("{{\"type\":\"deep\",\"order_id\":\"d-1\",\"payload\":{value}}}"),
    }
}

/// An object that has a member twice, somewhere, in one spelling or two.
pub(super) fn duplicates(random: &mut Random) -> String {
    let name = random.pick(&[
        "x",
        "type",
        "payload",
        "order_id",
        "correlation_id",
        "source",
    ]);
    let again = if random.chance(30) {
        let first = name.chars().next().map_or(0, u32::from);
        format!("\\u{first:04x}{}", name.get(1..).unwrap_or_default())
    } else {
        name.to_owned()
    };
    let (one, two) = (any(random, 1), any(random, 1));
    let twice = format!("\"{name}\":{one},\"between\":1,\"{again}\":{two}");
    match random.below(5) {
        0 => format!("{{{twice}}}"),
        1 => format!("{{\"a\":1,\"payload\":{{{twice}}}}}"),
        2 => format!("{{\"type\":\"d\",\"payload\":[[{{\"y\":{{{twice}}}}}]]}}"),
        3 => format!(
            "{{\"type\":\"d\",\"payload\":{}}}",
            quoted(&format!("{{{twice}}}"))
        ),
        _ => quoted(&format!("{{{twice}}}")),
    }
}

/// Strings of surrogates, paired and not, and of what else has only an escape.
pub(super) fn surrogates(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.between(1, 5) {
        let unit = match random.below(5) {
            0 => 0,
            1 => random.between(0xD800, 0xDC00),
            2 => random.between(0xDC00, 0xE000),
            3 => random.below(0x20),
            _ => random.below(0x1_0000),
        };
        let escape = if random.chance(50) {
            format!("\\u{unit:04x}")
        } else {
            format!("\\u{unit:04X}")
        };
        text.push_str(&escape);
        if random.chance(30) {
            text.push_str("\\ud83d\\ude00");
        }
    }
    match random.below(6) {
        0 => format!("\"{text}\""),
        1 => format!("{{\"type\":\"{text}\",\"payload\":{{}}}}"),
        2 => format!("{{\"type\":\"s\",\"payload\":{{\"order_id\":\"{text}\"}}}}"),
        3 => format!("{{\"type\":\"s\",\"correlation_id\":\"{text}\",\"payload\":1}}"),
        4 => format!("{{\"type\":\"s\",\"payload\":{{\"{text}\":1}}}}"),
        _ => format!("{{\"type\":\"s\",\"source\":\"x\",\"payload\":[\"{text}\"]}}"),
    }
}

/// JSON within JSON strings, up to three times, now and then cut.
pub(super) fn encoded(random: &mut Random) -> String {
    let mut text = message(random);
    for _ in 0..random.between(1, 4) {
        text = quoted(&text);
    }
    if random.chance(10) {
        text.pop();
    }
    if random.chance(50) {
        return format!("{{\"type\":\"e\",\"payload\":{text}}}");
    }
    text
}

/// An envelope whose ids are anything, under every name at once.
pub(super) fn ids(random: &mut Random) -> String {
    const IDS: [&str; 14] = [
        "null",
        "\"\"",
        "\"None\"",
        "\"null\"",
        "true",
        "{}",
        "[\"o-1\"]",
        "17",
        "-0",
        "1e2",
        "12345678901234567890",
        "\"o-7\"",
        "\"a\\u0000b\"",
        "\" o \"",
    ];
    let mut id = |name: &str| format!("\"{name}\":{}", random.pick(&IDS));
    format!(
        "{{\"type\":\"i\",{},{},\"payload\":{{{},{},{},{}}},{}}}",
        id("orderId"),
        id("customer_id"),
        id("order_id"),
        id("orderId"),
        id("runner_id"),
        id("customerId"),
        id("correlation_id"),
    )
}

/// JSON with one mistake of the kind that people and hand-written serialisers make.
pub(super) fn broken(random: &mut Random) -> String {
    const MISTAKES: [(&str, &str); 16] = [
        ("}", ",}"),
        ("\"", "'"),
        (":", "="),
        (":", ":,"),
        ("{", "{,"),
        ("{\"", "{"),
        (",", ",,"),
        (":", ": /* why */ "),
        ("{", "// why\n{"),
        ("\"type\"", "type"),
        ("}", ""),
        ("}", "]"),
        (":\"", ":+1,\"x\":\""),
        (":\"", ":.5,\"x\":\""),
        (":\"", ":NaN,\"x\":\""),
        (":\"", ":\"\u{1}"),
    ];
    let text = message(random);
    let at = usize::try_from(random.below(20)).unwrap_or(0);
    match MISTAKES.get(at) {
        Some((right, wrong)) => text.replacen(right, wrong, 1),
        None => format!("{text}{}", random.pick(&["}", ",", "null", "\0", "\u{a0}"])),
    }
}
