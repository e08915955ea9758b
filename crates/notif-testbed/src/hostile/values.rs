//! Values that are no JSON, barely JSON, or JSON that jsonb or a parser does not bear.

use super::Hostile;
use crate::kafka::Message;

pub(super) fn list() -> Vec<Hostile> {
    let mut list = no_json();
    list.extend(no_utf8());
    list.extend(bare_json());
    list.extend(framed());
    list.extend(text());
    list.extend(duplicates());
    list.extend(numbers());
    list.extend(sizes());
    list
}

fn no_json() -> Vec<Hostile> {
    vec![
        Hostile::message("null-value", Message::default()),
        Hostile::value("empty", ""),
        Hostile::value("white-space", " \t\r\n"),
        Hostile::value("plain-text", "order 17 was delivered"),
        Hostile::value(
            "cut-off",
            r#"{"type":"order.created","payload":{"order_id":"o-1""#,
        ),
        Hostile::value("single-quotes", "{'type': 'order.created'}"),
        Hostile::value("trailing-comma", r#"{"type":"a","payload":{},}"#),
        Hostile::value("two-values", r#"{"type":"a"} {"type":"b"}"#),
        Hostile::value("lines-of-json", "{\"type\":\"a\"}\n{\"type\":\"b\"}\n"),
        Hostile::value("nan", "NaN"),
        Hostile::value("infinity", r#"{"type":"a","payload":{"x":-Infinity}}"#),
        Hostile::value("comment", r#"{"type":"a" /* why not */}"#),
        Hostile::value("leading-zero", r#"{"type":"a","payload":{"x":007}}"#),
        Hostile::value("raw-newline-in-string", "{\"type\":\"a\nb\"}"),
        Hostile::value("raw-nul-in-string", "{\"type\":\"a\0b\"}"),
        Hostile::value("nul-after-json", "{\"type\":\"a\"}\0"),
        Hostile::value("only-nul", "\0\0\0\0\0\0\0\0"),
        Hostile::value("xml", "<order id=\"1\"><status>new</status></order>"),
        Hostile::value("copy-end", "\\.\n"),
        Hostile::value("copy-null", "\\N"),
        Hostile::value("copy-specials", "a\tb\\tc\r\nd\\\\e\\x00\u{b}"),
    ]
}

fn no_utf8() -> Vec<Hostile> {
    let json_with = |bytes: &[u8]| {
        [
            br#"{"type":"order.created","payload":{"order_id":"o-1","note":""#,
            bytes,
            br#""}}"#,
        ]
        .concat()
    };
    let utf16: Vec<u8> = "\u{feff}{\"type\":\"a\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    vec![
        Hostile::value("bytes-ff-fe", [0xFF, 0xFE, 0xFD]),
        Hostile::value("latin-1", json_with(b"Z\xFCrich")),
        Hostile::value("overlong-nul", json_with(b"\xC0\x80")),
        Hostile::value("utf8-surrogate", json_with(b"\xED\xA0\x80")),
        Hostile::value("beyond-unicode", json_with(b"\xF4\x90\x80\x80")),
        Hostile::value(
            "cut-character",
            b"{\"type\":\"a\",\"payload\":\"\xE2\x82".to_vec(),
        ),
        Hostile::value("utf-16", utf16),
        Hostile::value(
            "gzip",
            b"\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\xAB\x56\x2A".to_vec(),
        ),
        Hostile::value("every-byte", (0..=255).collect::<Vec<u8>>()),
    ]
}

fn bare_json() -> Vec<Hostile> {
    vec![
        Hostile::value("literal-null", "null"),
        Hostile::value("literal-true", "true"),
        Hostile::value("bare-number", "42"),
        Hostile::value("bare-text", r#""order 17""#),
        Hostile::value("empty-text", r#""""#),
        Hostile::value("empty-array", "[]"),
        Hostile::value("empty-object", "{}"),
        Hostile::value(
            "array-of-envelopes",
            r#"[{"type":"a","payload":{}},{"type":"b"}]"#,
        ),
        Hostile::value(
            "encoded-twice",
            r#""{\"type\":\"order.created\",\"payload\":{\"order_id\":\"o-2\"}}""#,
        ),
        Hostile::value(
            "encoded-thrice",
            r#""\"{\\\"type\\\":\\\"order.created\\\"}\"""#,
        ),
        Hostile::value("text-with-array", r#""[1,2,3]""#),
        Hostile::value("text-with-broken-json", r#""{\"type\":\"order.created\"""#),
        Hostile::value(
            "twice-with-nul",
            r#""{\"type\":\"a\",\"payload\":\"\\u0000\"}""#,
        ),
        Hostile::value(
            "twice-with-surrogate",
            r#""{\"type\":\"a\",\"payload\":\"\\ud800\"}""#,
        ),
        Hostile::value(
            "white-space-around",
            " \n{\"type\" : \"a\" ,\r\n\"payload\":{}}\t\n",
        ),
    ]
}

fn framed() -> Vec<Hostile> {
    let framed = |rest: &[u8]| [&[0, 0, 0, 0, 42], rest].concat();
    let bom = |rest: &str| format!("\u{feff}{rest}");
    vec![
        Hostile::value(
            "bom",
            bom(r#"{"type":"order.created","payload":{"order_id":"o-3"}}"#),
        ),
        Hostile::value("bom-alone", bom("")),
        Hostile::value("bom-twice", bom(&bom("{}"))),
        Hostile::value("bom-no-json", bom("hello")),
        Hostile::value(
            "registry-json",
            framed(br#"{"type":"order.created","payload":{"order_id":"o-4"}}"#),
        ),
        Hostile::value("registry-json-text", framed(br#""{\"type\":\"a\"}""#)),
        Hostile::value("registry-avro", framed(b"\x02\x0Ao-123\x00\xC8\x01")),
        Hostile::value("registry-nothing", framed(b"")),
        Hostile::value("registry-bom", framed("\u{feff}{}".as_bytes())),
        Hostile::value("registry-not-utf8", framed(b"{\"type\":\"\xFF\"}")),
        Hostile::value("one-zero-byte", [0]),
    ]
}

fn text() -> Vec<Hostile> {
    let payload = |text: &str| format!(r#"{{"type":"a","payload":{{"text":"{text}"}}}}"#);
    vec![
        Hostile::value("escaped-nul", payload(r"a\u0000b")),
        Hostile::value(
            "escaped-nul-name",
            r#"{"type":"a","payload":{"a\u0000":1}}"#,
        ),
        Hostile::value("escaped-backslash-u0000", payload(r"a\\u0000b")),
        Hostile::value("high-surrogate", payload(r"\ud83d")),
        Hostile::value("low-surrogate", payload(r"\ude00")),
        Hostile::value("swapped-surrogates", payload(r"\ude00\ud83d")),
        Hostile::value("surrogate-name", r#"{"type":"a","payload":{"\udfff":1}}"#),
        Hostile::value("surrogate-pair", payload(r"\ud83d\ude00")),
        Hostile::value("bad-escape", payload(r"\x41")),
        Hostile::value("short-escape", payload(r"\u12")),
        Hostile::value(
            "control-characters",
            payload(r"\u0001\u001f\u007f\u0085\u2028\u2029"),
        ),
        Hostile::value("noncharacters", payload("\u{fffe}\u{ffff}\u{10ffff}")),
        Hostile::value("right-to-left", payload("\u{202e}gpj.exe\u{200b}\u{2066}")),
        Hostile::value("combining", payload(&format!("a{}", "\u{301}".repeat(200)))),
        Hostile::value(
            "markup",
            payload("<script>alert(1)</script><img src=x onerror=alert(2)>"),
        ),
        Hostile::value("sql", payload("'); DROP TABLE notifications; --")),
        Hostile::value("format-string", payload("%s%n{}{0}${jndi:ldap://x}")),
    ]
}

fn duplicates() -> Vec<Hostile> {
    vec![
        Hostile::value(
            "duplicate-nested",
            r#"{"type":"a","payload":{"x":1,"x":2}}"#,
        ),
        Hostile::value("duplicate-equal", r#"{"type":"a","payload":{"x":1,"x":1}}"#),
        Hostile::value(
            "duplicate-escaped",
            r#"{"type":"a","payload":{"x":1,"\u0078":2}}"#,
        ),
        Hostile::value(
            "duplicate-type",
            r#"{"type":"a","type":"b","payload":{"order_id":"o-5"}}"#,
        ),
        Hostile::value(
            "duplicate-payload",
            r#"{"type":"a","payload":{"order_id":"o-6"},"payload":{"order_id":"o-7"}}"#,
        ),
        Hostile::value(
            "duplicate-id",
            r#"{"type":"a","payload":{"order_id":"o-8","order_id":"o-9"}}"#,
        ),
        Hostile::value("empty-name", r#"{"":{"":{"":0}},"type":"a"}"#),
    ]
}

fn numbers() -> Vec<Hostile> {
    let payload = |number: &str| format!(r#"{{"type":"a","payload":{{"n":{number}}}}}"#);
    let digits = "1234567890".repeat(50);
    vec![
        Hostile::value("beyond-f64", payload("1e400")),
        Hostile::value("below-minus-f64", payload("-1e400")),
        Hostile::value("underflow", payload("1e-400")),
        Hostile::value("minus-zero", payload("-0")),
        Hostile::value("minus-zero-point-zero", payload("-0.0")),
        Hostile::value("trailing-zeroes", payload("1.500000")),
        Hostile::value("big-e", payload("1E+2")),
        Hostile::value("largest-f64", payload("1.7976931348623157e308")),
        Hostile::value("beyond-2-53", payload("9007199254740993")),
        Hostile::value("beyond-u64", payload("18446744073709551616")),
        Hostile::value("below-i64", payload("-9223372036854775809")),
        Hostile::value(
            "400-digits",
            payload(&digits.chars().take(400).collect::<String>()),
        ),
        Hostile::value(
            "401-digits",
            payload(&digits.chars().take(401).collect::<String>()),
        ),
        Hostile::value("many-decimals", payload(&format!("0.{digits}"))),
        Hostile::value("prints-long", payload("1e300")),
        Hostile::value("numeric-limit", payload("1e131071")),
        Hostile::value("beyond-numeric", payload("1e131072")),
        Hostile::value("absurd-exponent", payload("1e999999999999")),
        Hostile::value("absurd-negative-exponent", payload("1e-999999999999")),
        Hostile::value(
            "number-bomb",
            payload(&format!("[{}1]", "1e131071,".repeat(1_000))),
        ),
        Hostile::value("number-alone-beyond-f64", "1e400"),
    ]
}

fn sizes() -> Vec<Hostile> {
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"type":"deep","payload":{open}{close}}}"#)
    };
    let objects = |depth: usize| {
        let (open, close) = (r#"{"a":"#.repeat(depth), "}".repeat(depth));
        format!(r#"{{"type":"deep","payload":{open}1{close}}}"#)
    };
    let wide: Vec<String> = (0..20_000).map(|n| format!(r#""key{n}":{n}"#)).collect();
    let megabytes = "0123456789abcdef".repeat(5 << 16);
    vec![
        Hostile::value("100-deep", deep(100)),
        Hostile::value("101-deep", deep(101)),
        Hostile::value("127-deep", deep(127)),
        Hostile::value("128-deep", deep(128)),
        Hostile::value("10000-deep", deep(10_000)),
        Hostile::value("10000-deep-objects", objects(10_000)),
        Hostile::value("10000-deep-open", "[".repeat(10_000)),
        Hostile::value(
            "20000-members",
            format!(r#"{{"type":"wide","payload":{{{}}}}}"#, wide.join(",")),
        ),
        Hostile::value(
            "long-member-name",
            format!(
                r#"{{"type":"a","payload":{{"{}":1}}}}"#,
                "n".repeat(100_000)
            ),
        ),
        Hostile::value(
            "5-mb",
            format!(r#"{{"type":"big","payload":{{"order_id":"o-10","text":"{megabytes}"}}}}"#),
        ),
    ]
}
