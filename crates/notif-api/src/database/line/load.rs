//! What is under way on a line, and whether that is worth joining.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nobody joins a line in which the turn is further off than this, going by how fast it was of late.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// A turn within this is near: to wait for it costs less than what a second server process costs the first,
/// where there are few processors.
const NEAR: Duration = Duration::from_millis(3);
/// A line on which nothing has moved for so long is left alone. A hundred times what a read takes.
pub(super) const SLOW: Duration = Duration::from_millis(50);
/// Over about how many looks the pace is taken; at each, all answers that are there are handed out.
const PACE_OF: u64 = 8;
/// What the pace is taken for at first: slow for rows in memory, and fast for a disk.
const PACE_AT_FIRST: Duration = Duration::from_millis(1);

/// Until when a line is worth joining.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// How many questions are under way on it at most.
    pub(super) depth: usize,
    /// How far off the turn is at most.
    pub(super) wait: Duration,
    /// How far off it is at most where that is near.
    pub(super) near: Duration,
    /// For how long nothing has moved at most.
    pub(super) rest: Duration,
}

impl Room {
    /// Of a line with so many questions at most.
    pub(super) fn of(depth: usize) -> Self {
        Self {
            depth,
            wait: WAIT_MAX,
            near: NEAR,
            rest: SLOW,
        }
    }

    /// The part of it in which the turn is near.
    pub(super) fn nearby(self) -> Self {
        Self {
            wait: self.near.min(self.wait),
            ..self
        }
    }

    /// Is there any, where so many wait, nothing has moved for `rest`, and an answer takes `pace`? Always
    /// where nobody waits; and a second one may join whatever the pace was, which only those tell that
    /// wait behind others.
    fn is_left(self, waiting: usize, rest: Duration, pace: Duration) -> bool {
        let before = u32::try_from(waiting).unwrap_or(u32::MAX);
        let is_soon = || before == 1 || pace.saturating_mul(before) <= self.wait;
        waiting == 0 || waiting < self.depth && rest <= self.rest && is_soon()
    }
}

/// What is under way on a line.
pub(super) struct Load {
    waiting: AtomicUsize,
    since: Instant,
    /// When a question was answered last, or the first one came: microseconds after `since`.
    moved: AtomicU64,
    /// How long an answer took of late, nanoseconds.
    pace: AtomicU64,
    /// Did nobody wait when the first one came of those that wait?
    was_empty: AtomicBool,
}

impl Load {
    /// Of a new line; `since` is any instant before.
    pub(super) fn new(since: Instant) -> Self {
        let load = Self {
            waiting: AtomicUsize::new(0),
            since,
            moved: AtomicU64::new(0),
            pace: AtomicU64::new(nanos(PACE_AT_FIRST)),
            was_empty: AtomicBool::new(true),
        };
        load.moves();
        load
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn moves(&self) {
        self.moved.store(self.now(), Ordering::Relaxed);
    }

    /// For how long nothing has moved.
    pub(super) fn rest(&self) -> Duration {
        let moved = self.moved.load(Ordering::Relaxed);
        Duration::from_micros(self.now().saturating_sub(moved))
    }

    /// One more waits.
    pub(super) fn begin(&self) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            self.was_empty.store(true, Ordering::Relaxed);
            self.moves();
        }
    }

    /// One waits no more.
    pub(super) fn end(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many were answered together. Only the driver says so.
    pub(super) fn answered(&self, count: u32) {
        let Some(each) = self.rest().checked_div(count) else {
            return;
        };
        let was_empty = self.was_empty.swap(false, Ordering::Relaxed);
        let pace = Duration::from_nanos(self.pace.load(Ordering::Relaxed));
        let pace = paced(pace, each, was_empty);
        self.pace.store(nanos(pace), Ordering::Relaxed);
        self.moves();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Is the line worth joining?
    pub(super) fn leaves(&self, room: Room) -> bool {
        let waiting = self.waiting();
        let pace = self.pace.load(Ordering::Relaxed);
        room.is_left(waiting, self.rest(), Duration::from_nanos(pace))
    }
}

/// The pace after one more look, at which each answer had taken so long. Where nobody had waited before,
/// the way to PostgreSQL and back is in that, which most of those behind do not wait for: it may have been
/// faster, and was not slower.
fn paced(pace: Duration, each: Duration, was_empty: bool) -> Duration {
    if was_empty && each > pace {
        return pace;
    }
    let (pace, each) = (nanos(pace), nanos(each));
    let sum = pace.saturating_mul(PACE_OF - 1).saturating_add(each);
    Duration::from_nanos(sum / PACE_OF)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Load {
        /// As if each answer had taken so long of late, and one had just come.
        pub(in super::super) fn seems_slow(&self, pace: Duration) {
            self.pace.store(nanos(pace), Ordering::Relaxed);
            self.moves();
        }
    }

    #[test]
    fn a_line_is_worth_joining_while_it_moves_and_the_turn_is_near() {
        let ms = Duration::from_millis;
        let left = |waiting, rest, pace| Room::of(16).is_left(waiting, ms(rest), ms(pace));
        assert!(left(0, 1_000, 1_000), "nobody waits");
        assert!(left(15, 0, 0) && !left(16, 0, 0));
        assert!(left(1, 50, 0) && !left(1, 51, 0));
        assert!(left(10, 0, 2) && !left(11, 0, 2));
        assert!(left(1, 0, 1_000) && !left(2, 0, 11), "a second one may");
        let near = |waiting, pace| Room::of(16).nearby().is_left(waiting, ms(0), ms(pace));
        assert!(near(3, 1) && !near(4, 1));
        assert!(near(1, 1_000) && near(15, 0) && !near(16, 0));
    }

    #[test]
    fn the_pace_is_that_of_the_last_looks() {
        let micros = Duration::from_micros;
        let after = |pace, looks: &[u64]| {
            let look = |pace, each: &u64| paced(pace, micros(*each), false);
            looks.iter().fold(micros(pace), look)
        };
        assert_eq!(after(80, &[160]), micros(90));
        assert!(after(20_000, &[100; 30]) < micros(500));
        assert!(after(100, &[20_000; 5]) > micros(8_000));
        assert!(paced(Duration::MAX, Duration::MAX, false) < Duration::MAX);
    }

    #[test]
    fn the_way_there_and_back_does_not_slow_the_pace() {
        let ms = Duration::from_millis;
        assert_eq!(paced(ms(1), ms(25), true), ms(1));
        assert!(paced(ms(25), ms(1), true) < ms(25));
    }

    #[test]
    fn a_line_far_away_is_still_one_for_many() {
        let load = Load::new(Instant::now());
        load.begin();
        load.moved.store(0, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(30));
        load.end();
        load.answered(1);
        let pace = Duration::from_nanos(load.pace.load(Ordering::Relaxed));
        assert_eq!(pace, PACE_AT_FIRST);
        // one who waited behind another tells
        load.begin();
        load.begin();
        load.answered(1);
        load.moved.store(0, Ordering::Relaxed);
        load.answered(1);
        let pace = Duration::from_nanos(load.pace.load(Ordering::Relaxed));
        assert!(pace > PACE_AT_FIRST, "{pace:?}");
    }
}
