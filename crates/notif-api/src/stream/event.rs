//! What is sent: server-sent events, as text (HTML standard, section 9.2).
//!
//! A notification is
//! ```text
//! id: <place>
//! event: notification
//! data: <the object that lists have>
//! ```
//! and an empty line. The data is one line: `jsonb` is printed without line breaks, and what is in
//! strings is escaped. Should there ever be one nevertheless, it becomes a further `data:` line, which a
//! client joins to the same JSON value.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web::Bytes;
use notif_core::notification::Notification;
use notif_core::tail::Place;

use crate::view;

/// How long a client waits before it connects again, milliseconds.
const RETRY_MS: u32 = 3000;
/// What an event costs besides its text.
const EVENT_COST: usize = 128;

/// How many bytes of events there are in memory. An event that waits for many is counted once.
#[derive(Debug, Default, Clone)]
pub(super) struct Memory(Arc<AtomicUsize>);

impl Memory {
    /// The bytes of all events.
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The text of an event, made once for all clients.
#[derive(Debug)]
pub(super) struct Event {
    text: Bytes,
    all: Arc<AtomicUsize>,
}

/// Why a client goes on from somewhere else than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResetReason {
    /// The place that it was at is not there any more: pruned, or from before a restore.
    UnknownPlace,
    /// Too many rows lie between.
    TooFarBehind,
    /// The database is not the one that it was.
    Restored,
}

impl Event {
    /// A notification, at its place.
    pub(super) fn notification(memory: &Memory, place: &Place, row: &Notification) -> Self {
        let object = view::notification(row);
        let mut text = format!("id: {place}\nevent: notification\ndata: ").into_bytes();
        text.reserve_exact(object.len().saturating_add(2));
        push_data(&mut text, &object);
        text.extend_from_slice(b"\n\n");
        Self::counted(memory, text)
    }

    /// From here on it goes on at `place`.
    pub(super) fn reset(memory: &Memory, place: &Place, reason: ResetReason) -> Self {
        let reason = match reason {
            ResetReason::UnknownPlace => "unknown-place",
            ResetReason::TooFarBehind => "too-far-behind",
            ResetReason::Restored => "restored",
        };
        let text = format!("id: {place}\nevent: reset\ndata: {{\"reason\":\"{reason}\"}}\n\n");
        Self::counted(memory, text.into_bytes())
    }

    fn counted(memory: &Memory, text: Vec<u8>) -> Self {
        let event = Self {
            text: Bytes::from(text),
            all: Arc::clone(&memory.0),
        };
        event.all.fetch_add(event.cost(), Ordering::Relaxed);
        event
    }

    /// Its text.
    pub(super) fn text(&self) -> &Bytes {
        &self.text
    }

    /// What it takes in memory, bytes.
    pub(super) fn cost(&self) -> usize {
        self.text.len().saturating_add(EVENT_COST)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.all.fetch_sub(self.cost(), Ordering::Relaxed);
    }
}

/// A client joins lines by a line feed, which is white space to JSON as what stood there was.
fn push_data(text: &mut Vec<u8>, data: &[u8]) {
    for (number, line) in data.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
        if number > 0 {
            text.extend_from_slice(b"\ndata: ");
        }
        text.extend_from_slice(line);
    }
}

/// How a stream begins: when to come back, and where it is. An id without data is no event, but it is
/// remembered: who is cut off before the first event resumes from here.
pub(super) fn beginning(place: &Place) -> Bytes {
    let mut text = format!("retry: {RETRY_MS}\n");
    push_place(&mut text, place);
    text.into()
}

/// A sign of life. It says where the stream is: of a filter that shows nothing for days the last event
/// would be too far behind to resume from.
pub(super) fn keep_alive(place: &Place) -> Bytes {
    let mut text = ": still here\n".to_owned();
    push_place(&mut text, place);
    text.into()
}

fn push_place(text: &mut String, place: &Place) {
    // writing into memory does not fail
    writeln!(text, "id: {place}\n").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_becomes_a_further_line_of_data() {
        let mut text = Vec::new();
        push_data(&mut text, b"{\n\"a\":\r\n1}");
        assert_eq!(text, b"{\ndata: \"a\":\ndata: \ndata: 1}");
    }

    #[test]
    fn an_event_counts_until_its_last_holder_is_gone() {
        let memory = Memory::default();
        let one = Event::reset(&memory, &Place::BEGINNING, ResetReason::Restored);
        let one = Arc::new(one);
        let (bytes, other) = (one.cost(), Arc::clone(&one));
        assert_eq!(memory.bytes(), bytes);
        drop(one);
        assert_eq!(memory.bytes(), bytes);
        drop(other);
        assert_eq!(memory.bytes(), 0);
    }
}
