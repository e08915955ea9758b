//! The arrays and objects that are open while a document is read.
//!
//! A megabyte of `[` is valid input. The stack is on the heap, and beyond the nesting that an
//! event may have it takes one bit a level.

/// An array or object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Array,
    Object {
        /// Where its keys begin in `Keys`.
        keys: u32,
    },
}

/// Levels that are kept in full: an event's own nesting and a little more. Deeper ones make the
/// message raw, whatever their keys.
const FULL_LEVELS: usize = 104;

/// All that are open, outermost first.
#[derive(Debug)]
pub(super) struct Stack {
    full: Vec<Open>,
    /// One bit for each deeper level: 1 is an object.
    bits: Vec<u64>,
    deep: usize,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self {
            full: Vec::with_capacity(8),
            bits: Vec::new(),
            deep: 0,
        }
    }

    /// How many are open.
    pub(super) fn depth(&self) -> usize {
        self.full.len().saturating_add(self.deep)
    }

    /// Whether keys of the innermost object are worth remembering.
    pub(super) fn is_full_level(&self) -> bool {
        self.deep == 0
    }

    pub(super) fn push(&mut self, open: Open) {
        if self.full.len() < FULL_LEVELS {
            self.full.push(open);
            return;
        }
        let (word, mask) = place(self.deep);
        if self.bits.len() <= word {
            self.bits.push(0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits = if matches!(open, Open::Object { .. }) {
                *bits | mask
            } else {
                *bits & !mask
            };
        }
        self.deep = self.deep.saturating_add(1);
    }

    /// The innermost one; a deep object's keys are `u32::MAX`, which is none.
    pub(super) fn top(&self) -> Option<Open> {
        let Some(deepest) = self.deep.checked_sub(1) else {
            return self.full.last().copied();
        };
        let (word, mask) = place(deepest);
        let is_object = self.bits.get(word).is_some_and(|bits| bits & mask != 0);
        Some(if is_object {
            Open::Object { keys: u32::MAX }
        } else {
            Open::Array
        })
    }

    pub(super) fn pop(&mut self) {
        match self.deep.checked_sub(1) {
            Some(fewer) => self.deep = fewer,
            None => {
                self.full.pop();
            }
        }
    }
}

/// Which word and which bit of it stand for level `level`.
fn place(level: usize) -> (usize, u64) {
    (level >> 6, 1 << (level & 63))
}
