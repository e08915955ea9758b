//! The scan: one pass over the bytes, without recursion and without a tree.

use super::keys::Keys;
use super::member::{Member, Members, Name};
use super::stack::{Open, Stack};
use super::text::Body;
use super::{Document, Value, number, text};
use crate::event::RawReason;

/// Scans `text`; `None` where it is no JSON.
pub(super) fn scan(text: &str, track_keys: bool) -> Option<Document<'_>> {
    let mut scanner = Scanner::new(text, track_keys);
    scanner.skip_space();
    let start = scanner.position();
    while scanner.value()? == Step::Entered || scanner.advance()? == Step::Entered {}
    let root = Value {
        text: text.get(start..scanner.position())?,
        printed: scanner.printed,
    };
    scanner.skip_space();
    if !scanner.rest.is_empty() {
        return None;
    }
    let Scanner {
        members,
        payload_ids,
        data_ids,
        entries,
        nesting,
        flaw,
        ..
    } = scanner;
    Some(Document {
        root,
        text,
        members,
        payload_ids,
        data_ids,
        entries,
        nesting,
        flaw,
    })
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The next bytes must be a value.
    Entered,
    /// A value has ended.
    Ended,
}

/// A member whose value is being read.
#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    name: Option<Name>,
    start: usize,
    value_start: usize,
    printed_before: usize,
    printed_before_value: usize,
}

struct Scanner<'a> {
    text: &'a str,
    rest: &'a [u8],
    track_keys: bool,
    /// Bytes that PostgreSQL prints for what was read so far.
    printed: usize,
    nesting: usize,
    flaw: Option<RawReason>,
    open: Stack,
    keys: Keys,
    /// The root object's member, and the member within that one.
    outer: Pending,
    inner: Pending,
    entries: usize,
    members: Members<'a>,
    payload_ids: Members<'a>,
    data_ids: Members<'a>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, track_keys: bool) -> Self {
        Self {
            text,
            rest: text.as_bytes(),
            track_keys,
            printed: 0,
            nesting: 0,
            flaw: None,
            open: Stack::new(),
            keys: Keys::new(),
            outer: Pending::default(),
            inner: Pending::default(),
            entries: 0,
            members: Members::NONE,
            payload_ids: Members::NONE,
            data_ids: Members::NONE,
        }
    }

    fn position(&self) -> usize {
        self.text.len().saturating_sub(self.rest.len())
    }

    fn print(&mut self, bytes: usize) {
        self.printed = self.printed.saturating_add(bytes);
    }

    fn note(&mut self, reason: RawReason) {
        self.flaw = Some(self.flaw.map_or(reason, |earlier| earlier.min(reason)));
    }

    fn skip_space(&mut self) {
        while let Some((b' ' | b'\n' | b'\r' | b'\t', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    /// Reads a scalar, an empty array or object, or the beginning of one with something in it (an
    /// object's first key included).
    fn value(&mut self) -> Option<Step> {
        let (&first, rest) = self.rest.split_first()?;
        match first {
            b'{' | b'[' => {
                self.rest = rest;
                return self.enter(first == b'{');
            }
            b'"' => {
                self.string()?;
            }
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => self.number()?,
        }
        Some(Step::Ended)
    }

    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal)?;
        self.print(literal.len());
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let number = number::scan(self.text.get(self.position()..)?)?;
        self.rest = self.rest.get(number.length..)?;
        self.print(number.printed);
        if !number.in_range {
            self.note(RawReason::NumberRange);
        }
        Some(())
    }

    /// Reads a string.
    fn string(&mut self) -> Option<Body<'a>> {
        self.rest = self.rest.strip_prefix(b"\"")?;
        let start = self.position();
        let mut is_escaped = false;
        self.print(2);
        loop {
            let plain = self
                .rest
                .iter()
                .position(|&b| b == b'"' || b == b'\\' || b < b' ')?;
            let (_, rest) = self.rest.split_at_checked(plain)?;
            self.print(plain);
            match rest.split_first()? {
                (b'"', after) => {
                    self.rest = rest;
                    let text = self.text.get(start..self.position())?;
                    self.rest = after;
                    return Some(Body { text, is_escaped });
                }
                (b'\\', after) => {
                    is_escaped = true;
                    let (unit, behind) = text::escape(after)?;
                    self.rest = behind;
                    match unit {
                        text::Unit::Char('\0') => self.note(RawReason::NulCharacter),
                        text::Unit::Char(character) => self.print(text::printed_bytes(character)),
                        text::Unit::Lone(_) => self.note(RawReason::LoneSurrogate),
                    }
                }
                // a control character must be escaped
                _ => return None,
            }
        }
    }

    fn enter(&mut self, is_object: bool) -> Option<Step> {
        let open = if is_object {
            Open::Object {
                keys: self.keys.len(),
            }
        } else {
            Open::Array
        };
        self.open.push(open);
        self.nesting = self.nesting.max(self.open.depth());
        self.print(1);
        self.skip_space();
        let end = if is_object { b'}' } else { b']' };
        if self.rest.first() == Some(&end) {
            self.leave();
            return Some(Step::Ended);
        }
        if is_object {
            self.key()?;
        }
        Some(Step::Entered)
    }

    /// Ends the innermost array or object, at its closing bracket.
    fn leave(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.print(1);
        if let Some(Open::Object { keys }) = self.open.top()
            && self.track_keys
            && self.open.is_full_level()
            && self.keys.close(keys, self.text)
        {
            self.note(RawReason::DuplicateKeys);
        }
        self.open.pop();
    }

    /// After a value: goes on to the next one, ending what ends in between.
    fn advance(&mut self) -> Option<Step> {
        while let Some(open) = self.open.top() {
            let is_object = open != Open::Array;
            if is_object {
                self.end_member();
            }
            self.skip_space();
            match (self.rest.split_first()?, is_object) {
                ((b',', rest), _) => {
                    self.rest = rest;
                    self.print(2);
                    self.skip_space();
                    if is_object {
                        self.key()?;
                    }
                    return Some(Step::Entered);
                }
                ((b'}', _), true) | ((b']', _), false) => self.leave(),
                _ => return None,
            }
        }
        Some(Step::Ended)
    }

    /// Reads a key and its colon, up to the value.
    fn key(&mut self) -> Option<()> {
        let (start, printed_before) = (self.position(), self.printed);
        let body = self.string()?;
        if self.track_keys && self.open.is_full_level() {
            self.keys.push(body, start.saturating_add(1));
        }
        self.skip_space();
        self.rest = self.rest.strip_prefix(b":")?;
        self.print(2);
        self.skip_space();
        let depth = self.open.depth();
        if depth > 2 {
            return Some(());
        }
        let pending = Pending {
            name: self.name(body, depth),
            start,
            value_start: self.position(),
            printed_before,
            printed_before_value: self.printed,
        };
        if depth == 2 {
            self.inner = pending;
            return Some(());
        }
        self.outer = pending;
        self.entries = self.entries.saturating_add(1);
        // of two payloads the last one counts, with nothing of the first
        match pending.name {
            Some(Name::Payload) => self.payload_ids.clear(),
            Some(Name::Data) => self.data_ids.clear(),
            _ => {}
        }
        Some(())
    }

    /// What the key `body` is called, where a member at `depth` is asked for by name.
    fn name(&self, body: Body<'_>, depth: usize) -> Option<Name> {
        let name = if depth == 1 {
            Name::of
        } else if matches!(self.outer.name, Some(Name::Payload | Name::Data)) {
            Name::of_id
        } else {
            return None;
        };
        if body.is_escaped {
            name(&text::unescape(body.text)?)
        } else {
            name(body.text)
        }
    }

    /// A member's value has ended: keeps it, where it is asked for by name.
    fn end_member(&mut self) {
        match self.open.depth() {
            1 => {
                if let Some((name, member)) = self.finish(self.outer) {
                    self.members.put(name, member);
                }
            }
            2 => {
                let Some((name, member)) = self.finish(self.inner) else {
                    return;
                };
                match self.outer.name {
                    Some(Name::Payload) => self.payload_ids.put(name, member),
                    Some(Name::Data) => self.data_ids.put(name, member),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn finish(&self, pending: Pending) -> Option<(Name, Member<'a>)> {
        let name = pending.name?;
        let end = self.position();
        let value = Value {
            text: self.text.get(pending.value_start..end)?,
            printed: self.printed.saturating_sub(pending.printed_before_value),
        };
        let printed = self.printed.saturating_sub(pending.printed_before);
        Some((
            name,
            Member {
                value,
                start: pending.start,
                end,
                printed,
            },
        ))
    }
}
