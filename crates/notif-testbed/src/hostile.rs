//! Hostile messages: everything that a recorder must turn into a row and give back.
//!
//! [`messages`] is the list, each entry with a name: `hostile/values.rs` has odd values,
//! `hostile/envelopes.rs` odd members in ordinary ones, `hostile/records.rs` odd keys, headers and
//! timestamps. [`mutations`] breaks those and ordinary events at random, without end;
//! [`generated()`] makes new ones of every kind (`hostile/generated.rs`). What a recorder is expected
//! to make of them is not said here.

mod envelopes;
mod generated;
mod records;
mod values;

pub use self::generated::{Generated, generated};
use crate::campus::{Campus, Random};
use crate::kafka::{Message, RawMessage};

/// One hostile message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hostile {
    /// What is odd about it: lower case, with hyphens, unique in the list.
    pub name: &'static str,
    /// The message.
    pub message: RawMessage,
}

impl Hostile {
    fn value(name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        Self::message(name, Message::new(value))
    }

    fn message(name: &'static str, message: Message) -> Self {
        // a fixed time: the list is the same in every call
        let message = Message {
            timestamp_ms: message.timestamp_ms.or(Some(TIME_MS)),
            ..message
        };
        Self {
            name,
            message: message.into(),
        }
    }
}

/// 1 March 2026, 12:00 UTC.
const TIME_MS: i64 = 1_772_366_400_000;

/// Settings for a topic that takes every timestamp and the largest of the messages.
pub const TOPIC_SETTINGS: [(&str, &str); 2] = [
    ("message.timestamp.after.max.ms", "9223372036854775807"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
];

/// The list: some 230 messages, most of them small.
pub fn messages() -> Vec<Hostile> {
    let mut all = values::list();
    all.extend(envelopes::list());
    all.extend(records::list());
    all
}

/// A value of more than 16 MiB, which is the most that a row's event may have; apart from the list
/// because each copy of it is felt.
pub fn over_16_mib() -> Hostile {
    let filler = "x".repeat(17 << 20);
    Hostile::value(
        "over-16-mib",
        format!(r#"{{"type":"big","payload":{{"text":"{filler}"}}}}"#),
    )
}

/// Broken copies of the list's smaller messages and of campus events, the same for the same seed.
pub fn mutations(seed: u64) -> impl Iterator<Item = RawMessage> {
    let mut random = Random::new(seed);
    let listed: Vec<RawMessage> = messages()
        .into_iter()
        .map(|hostile| hostile.message)
        .filter(|message| {
            message
                .value
                .as_ref()
                .is_none_or(|value| value.len() < 4_096)
        })
        .collect();
    let mut campus = Campus::new(seed);
    std::iter::from_fn(move || {
        let count = u32::try_from(listed.len()).unwrap_or(u32::MAX);
        let choice = usize::try_from(random.below(count.saturating_mul(2))).unwrap_or(0);
        let mut message = match listed.get(choice) {
            Some(message) => message.clone(),
            None => Message::from(campus.next()?).into(),
        };
        for _ in 0..=random.below(3) {
            if let Some(value) = &mut message.value {
                mutate(value, &mut random);
            }
        }
        if random.chance(5) {
            message.value = None;
        }
        if let Some((name, value)) = message.headers.first_mut() {
            match random.below(4) {
                0 => mutate(name, &mut random),
                1 => *value = None,
                _ => {}
            }
        }
        Some(message)
    })
}

/// One change of the kind that software makes: a byte lost, doubled, flipped, cut off or put in.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const INSERTED: [&str; 12] = [
        "\"", "\\", "{", "}", "[", "\0", "\\u0000", "\\ud800", "1e400", "null", "\u{feff}", "\t",
    ];
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let at = usize::try_from(random.below(length.saturating_add(1))).unwrap_or(0);
    match random.below(6) {
        0 => bytes.truncate(at),
        1 => {
            let bit = 1_u8.checked_shl(random.below(8)).unwrap_or(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        2 => {
            if at < bytes.len() {
                bytes.remove(at);
            }
        }
        3 => {
            let tail: Vec<u8> = bytes.iter().skip(at).take(40).copied().collect();
            bytes.splice(at..at, tail);
        }
        4 => {
            let inserted = random.pick(&INSERTED).as_bytes().to_vec();
            bytes.splice(at..at, inserted);
        }
        _ => {
            let [byte, ..] = random.next().to_le_bytes();
            bytes.insert(at, byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{messages, mutations};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_the_list_is_the_same_every_time() {
        let list = messages();
        let names: BTreeSet<_> = list.iter().map(|hostile| hostile.name).collect();
        assert_eq!(names.len(), list.len());
        assert!(names.iter().all(|n| {
            n.bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        }));
        assert_eq!(list, messages());
    }

    #[test]
    fn mutations_are_the_same_for_a_seed_and_differ_from_each_other() {
        let some: Vec<_> = mutations(1).take(500).collect();
        assert_eq!(some, mutations(1).take(500).collect::<Vec<_>>());
        let distinct: BTreeSet<_> = some.iter().map(|m| (&m.value, &m.headers)).collect();
        assert!(distinct.len() > 400, "{}", distinct.len());
    }
}
