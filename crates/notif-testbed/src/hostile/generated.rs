//! Hostile messages without end: every kind of oddity at random places, sizes and combinations.
//!
//! Each kind draws from the grammar or the limits of one thing; `generated/texts.rs` has the words
//! they put in. The hand-made list is in the files beside this one.

mod json;
mod texts;

use super::{TIME_MS, mutations};
use crate::campus::{Campus, Random};
use crate::kafka::{Message, RawMessage};

/// One generated message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// What is odd about it, the same for many.
    pub kind: &'static str,
    /// The message.
    pub message: RawMessage,
}

/// How a kind makes a message.
type Make = fn(&mut Random) -> RawMessage;

/// The kinds that need nothing but random numbers. Each gets as many messages as any other.
const KINDS: [(&str, Make); 15] = [
    ("json", |r| value(json::message(r))),
    ("nearly-json", |r| value(json::broken(r))),
    ("text", texts::message),
    ("number", |r| value(json::numbers(r))),
    ("nesting", |r| value(json::nested(r))),
    ("duplicate-keys", |r| value(json::duplicates(r))),
    ("surrogates", |r| value(json::surrogates(r))),
    ("framed", framed),
    ("encoded", |r| value(json::encoded(r))),
    ("absent-or-odd-ids", |r| value(json::ids(r))),
    ("cloudevent", cloudevent),
    ("headers", headers),
    ("key", key),
    ("time", time),
    ("bytes", |r| value(bytes(r, 300))),
];

/// Hostile messages, the same for the same seed: those of all kinds in turn, broken campus events
/// among them.
pub fn generated(seed: u64) -> impl Iterator<Item = Generated> {
    let mut random = Random::new(seed);
    let mut mutated = mutations(seed);
    let mut campus = Campus::new(seed);
    let mut turn = KINDS.iter();
    let mut extra = 0_u32;
    std::iter::from_fn(move || {
        if let Some((kind, make)) = turn.next() {
            let message = make(&mut random);
            return Some(Generated { kind, message });
        }
        // after a round of the kinds, some that break what was good
        extra = extra.wrapping_add(1);
        if extra.is_multiple_of(6) {
            turn = KINDS.iter();
        }
        if extra.is_multiple_of(3) {
            let kind = "spliced";
            let message = spliced(&mut random, &mut campus);
            return Some(Generated { kind, message });
        }
        let message = mutated.next()?;
        let kind = "mutated";
        Some(Generated { kind, message })
    })
}

fn value(value: impl Into<Vec<u8>>) -> RawMessage {
    Message::new(value).at(TIME_MS).into()
}

/// Up to `most` bytes, any of them.
fn bytes(random: &mut Random, most: u32) -> Vec<u8> {
    (0..random.below(most.saturating_add(1)))
        .map(|_| {
            let [byte, ..] = random.next().to_le_bytes();
            byte
        })
        .collect()
}

/// The head of one campus event and the tail of another, as after a torn write.
fn spliced(random: &mut Random, campus: &mut Campus) -> RawMessage {
    let mut part = |from_end: bool| {
        let value = campus.next().map(|event| event.value).unwrap_or_default();
        let length = u32::try_from(value.len()).unwrap_or(0);
        let at = usize::try_from(random.below(length)).unwrap_or(0);
        let (head, tail) = value.split_at_checked(at).unwrap_or_default();
        if from_end { tail } else { head }.to_vec()
    };
    value([part(false), part(true)].concat())
}

/// Something before the JSON, or another encoding of it.
fn framed(random: &mut Random) -> RawMessage {
    const BOM: &[u8] = "\u{feff}".as_bytes();
    let text = json::message(random);
    let bytes = text.as_bytes();
    let id = u32::try_from(random.next() >> 32)
        .unwrap_or(0)
        .to_be_bytes();
    let frame = [&[0], id.as_slice()].concat();
    value(match random.below(12) {
        0..3 => [BOM, bytes].concat(),
        3 => [BOM, BOM, bytes].concat(),
        4 => [b" ", BOM, bytes].concat(),
        5..8 => [&frame, bytes].concat(),
        8 => [&frame, BOM, bytes].concat(),
        9 => [&frame, frame.as_slice(), bytes].concat(),
        10 => [&frame, self::bytes(random, 40).as_slice()].concat(),
        _ => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    })
}

/// An envelope or bytes, with any of the headers that make it a CloudEvent or nearly.
fn cloudevent(random: &mut Random) -> RawMessage {
    const NAMES: [&str; 9] = [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_correlationid",
        "CE_Type",
        "content-type",
        "ce_dataschema",
    ];
    const VALUES: [&str; 12] = [
        "1.0",
        "1.0",
        "1.0.2",
        "0.3",
        "2.0",
        "\"1.0\"",
        "org.campus.order.created",
        "/services/order",
        "2026-03-01T12:00:00Z",
        "application/cloudevents+json",
        "application/cloudevents-batch+json; charset=utf-8",
        "",
    ];
    let mut message = match random.below(4) {
        0 => Message::default(),
        1 => Message::new(bytes(random, 40)),
        2 => Message::new(json::structured_event(random)),
        _ => Message::new(json::message(random)),
    };
    for _ in 0..random.below(7) {
        let (name, value) = (random.pick(&NAMES), random.pick(&VALUES));
        message = message.header(name, (!random.chance(5)).then_some(value.as_bytes()));
    }
    if random.chance(60) {
        message = message.header("ce_specversion", Some(b"1.0"));
    }
    message.at(TIME_MS).into()
}

/// An ordinary value with headers of every kind, now and then up to limits of Kafka's protocol.
fn headers(random: &mut Random) -> RawMessage {
    const NAMES: [&[u8]; 12] = [
        b"",
        b"trace",
        b"trace",
        b"Trace",
        b"correlation_id",
        b"X-Correlation-ID",
        b"correlationid",
        "n\u{e4}me \"\\\n".as_bytes(),
        b"n\xFFme",
        b"\xE2\x82",
        b"nul\0behind",
        b"content-type",
    ];
    const VALUES: [&[u8]; 12] = [
        b"",
        b"v",
        b"null",
        b"\"c-7\"",
        b"\"broken",
        b"\"\\ud800\"",
        b"a\0b",
        b"\xFF\xFE",
        b"None",
        "\u{1F4E6} \u{202e}".as_bytes(),
        b"\\u0000 \\x \\.",
        b"{\"id\":1}",
    ];
    let pick = |random: &mut Random, from: &[&[u8]; 12]| {
        let at = usize::try_from(random.below(12)).unwrap_or(0);
        from.get(at).map(|bytes| bytes.to_vec()).unwrap_or_default()
    };
    let count = if random.chance(3) { 400 } else { 12 };
    let mut headers = Vec::new();
    for _ in 0..random.below(count) {
        let mut name = pick(random, &NAMES);
        let mut value = (!random.chance(10)).then(|| pick(random, &VALUES));
        if random.chance(10) {
            value = Some(bytes(random, 200));
        }
        if random.chance(2) {
            name = vec![b'n'; usize::try_from(random.below(33_000)).unwrap_or(0)];
        }
        if random.chance(2) {
            value = Some(vec![
                b'v';
                usize::try_from(random.below(70_000)).unwrap_or(0)
            ]);
        }
        headers.push((name, value));
    }
    RawMessage {
        headers,
        ..value(json::message(random))
    }
}

fn key(random: &mut Random) -> RawMessage {
    let key = match random.below(8) {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(vec![
            b'k';
            usize::try_from(random.below(70_000)).unwrap_or(0)
        ]),
        3 => Some(texts::odd(random).into_bytes()),
        4 => Some(json::message(random).into_bytes()),
        _ => Some(bytes(random, 64)),
    };
    let tombstone = random.chance(20);
    let message = value(json::message(random));
    RawMessage {
        key,
        value: message.value.filter(|_| !tombstone),
        ..message
    }
}

/// Any time that the protocol can carry, most of them near an edge of what is believable.
fn time(random: &mut Random) -> RawMessage {
    const EDGES: [i64; 12] = [
        -1,
        0,
        946_684_800_000,
        1 << 31,
        1 << 32,
        1 << 47,
        1 << 48,
        253_402_300_799_999,
        -62_135_596_800_000,
        1 << 53,
        i64::MAX,
        i64::MIN,
    ];
    let near = i64::from(random.below(5)).saturating_sub(2);
    let any = i64::from_be_bytes(random.next().to_be_bytes());
    let at = usize::try_from(random.below(16)).unwrap_or(0);
    let timestamp_ms = match EDGES.get(at) {
        Some(edge) => edge.saturating_add(near),
        // fewer bits, so that each size of number has its turn
        None => any >> random.below(64),
    };
    RawMessage {
        timestamp_ms,
        ..value(json::message(random))
    }
}

#[cfg(test)]
mod tests {
    use super::{Generated, KINDS, generated};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn the_same_seed_gives_the_same_messages_and_another_gives_others() {
        let some = |seed| generated(seed).take(400).collect::<Vec<Generated>>();
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
    }

    #[test]
    fn every_kind_comes_often_and_messages_differ() {
        let all: Vec<Generated> = generated(3).take(2_100).collect();
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for one in &all {
            *kinds.entry(one.kind).or_default() += 1;
        }
        assert_eq!(kinds.len(), KINDS.len() + 2, "{kinds:?}");
        assert!(kinds.values().all(|count| *count >= 90), "{kinds:?}");
        let distinct: BTreeSet<_> = all
            .iter()
            .map(|one| {
                let message = &one.message;
                (
                    &message.value,
                    &message.headers,
                    &message.key,
                    message.timestamp_ms,
                )
            })
            .collect();
        assert!(distinct.len() > 1_900, "{}", distinct.len());
    }
}
