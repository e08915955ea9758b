//! Is a transaction hanging?
//!
//! The end that a read-committed reader sees stays below the high watermark while a transaction is open, and a producer that died inside one keeps it there until
//! its timeout, or for ever. Records behind it are not lost, but nobody sees them.

use chrono::{DateTime, TimeDelta, Utc};

use crate::offset::EndOffset;
use crate::plan::Watermarks;

/// How long an end may stand still below the high watermark before a person is told. The broker's
/// own limit for a transaction (`transaction.max.timeout.ms`) is 15 minutes.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(15);

/// What an earlier run saw of an end that was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// The end.
    pub end: EndOffset,
    /// Since when it has stood there.
    pub since: DateTime<Utc>,
}

/// When the end last moved, or was not held back: what to store after a run that saw `watermarks`
/// at `instant`. `before` is what the last run saw, where the end was held back then.
pub fn moved_at(
    before: Option<HeldBack>,
    watermarks: Watermarks,
    instant: DateTime<Utc>,
) -> DateTime<Utc> {
    match before {
        Some(HeldBack { end, since })
            if end == watermarks.end && watermarks.end < watermarks.high =>
        {
            since
        }
        _ => instant,
    }
}

/// Has the end been held back for too long?
pub fn is_hanging(moved_at: DateTime<Utc>, watermarks: Watermarks, instant: DateTime<Utc>) -> bool {
    watermarks.end < watermarks.high && instant.signed_duration_since(moved_at) >= PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offset::NextOffset;

    fn seen(end: i64, high: i64) -> Watermarks {
        Watermarks {
            low: NextOffset::at(0),
            end: EndOffset::at(end),
            high: EndOffset::at(high),
        }
    }

    fn held(end: i64, since: DateTime<Utc>) -> HeldBack {
        HeldBack {
            end: EndOffset::at(end),
            since,
        }
    }

    fn minute(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute.strict_mul(60), 0).unwrap()
    }

    #[test]
    fn an_end_held_back_for_a_quarter_of_an_hour_hangs() {
        let first = moved_at(None, seen(5, 9), minute(0));
        assert_eq!(first, minute(0));
        let later = moved_at(Some(held(5, first)), seen(5, 12), minute(14));
        assert_eq!(later, minute(0));
        assert!(!is_hanging(later, seen(5, 12), minute(14)));
        assert!(is_hanging(later, seen(5, 12), minute(15)));
    }

    #[test]
    fn an_end_that_moves_or_is_not_held_back_does_not_hang() {
        let moved = moved_at(Some(held(5, minute(0))), seen(6, 9), minute(20));
        assert_eq!(moved, minute(20));
        let quiet = moved_at(Some(held(9, minute(0))), seen(9, 9), minute(20));
        assert!(!is_hanging(quiet, seen(9, 9), minute(60)));
    }
}
