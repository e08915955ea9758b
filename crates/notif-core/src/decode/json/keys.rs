//! Equal keys within one object, compared by their decoded text (`"a"` and `"\u0061"` are equal).

use std::cmp::Ordering;

use super::text::{self, Body};

/// Up to this many keys are compared pair by pair; more are sorted.
const PAIRWISE: usize = 12;

/// A key of an object that is being read. 12 bytes: a hostile message is all keys.
#[derive(Debug, Clone, Copy)]
struct Key {
    hash: u32,
    start: u32,
    end: u32,
}

/// The keys of all objects that are open, innermost last.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    pub(super) fn new() -> Self {
        // room for the keys that a usual message has
        Self(Vec::with_capacity(24))
    }

    /// How many keys there are: where the next object's begin.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Adds the key `body`, which begins at `start` of the document.
    pub(super) fn push(&mut self, body: Body<'_>, start: usize) {
        let end = start.saturating_add(body.text.len());
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else {
            return;
        };
        self.0.push(Key {
            hash: hash(body),
            start,
            end,
        });
    }

    /// Ends the object whose keys begin at `base`; says whether two of them are equal.
    pub(super) fn close(&mut self, base: u32, document: &str) -> bool {
        let base = usize::try_from(base).unwrap_or(usize::MAX);
        let Some(keys) = self.0.get_mut(base..) else {
            return false;
        };
        let repeated = has_equal(keys, document);
        self.0.truncate(base);
        repeated
    }
}

fn has_equal(keys: &mut [Key], document: &str) -> bool {
    if keys.len() <= PAIRWISE {
        let mut rest = &*keys;
        while let Some((key, others)) = rest.split_first() {
            let same = |other: &Key| compare(key, other, document).is_eq();
            if others.iter().any(same) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    // sorted by hash and then by text, so that keys made to collide cost no more than a sort
    keys.sort_unstable_by(|a, b| compare(a, b, document));
    !keys.is_sorted_by(|a, b| compare(a, b, document).is_lt())
}

fn compare(a: &Key, b: &Key, document: &str) -> Ordering {
    a.hash.cmp(&b.hash).then_with(|| {
        let (a, b) = (body(a, document), body(b, document));
        if is_escaped(a) || is_escaped(b) {
            text::units(a)
                .map(text::Unit::code)
                .cmp(text::units(b).map(text::Unit::code))
        } else {
            // the order of UTF-8 bytes is the order of characters
            a.cmp(b)
        }
    })
}

fn body<'a>(key: &Key, document: &'a str) -> &'a str {
    let (Ok(start), Ok(end)) = (usize::try_from(key.start), usize::try_from(key.end)) else {
        return "";
    };
    document.get(start..end).unwrap_or_default()
}

fn is_escaped(body: &str) -> bool {
    body.as_bytes().contains(&b'\\')
}

/// FNV-1a over the decoded characters: equal keys have equal hashes.
fn hash(body: Body<'_>) -> u32 {
    if !body.is_escaped {
        return body.text.bytes().fold(0x811c_9dc5, mix);
    }
    let mut buffer = [0; 4];
    text::units(body.text).fold(0x811c_9dc5, |hash, unit| match unit {
        text::Unit::Char(character) => character.encode_utf8(&mut buffer).bytes().fold(hash, mix),
        text::Unit::Lone(half) => half.to_be_bytes().into_iter().fold(hash, mix),
    })
}

fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}
