//! The hand-over: from a reader's own way along the tail to the one that serves all.
//!
//! One reader, the front, hands each row to everybody who follows it. Who resumes from somewhere behind
//! reads on alone until it may follow. That nothing is missed and nothing seen twice where the one ends
//! and the other begins rests on three rules:
//!
//! 1. The front says how far it will come ([`Front::begin`]) *before* it reads a piece, and notes who
//!    follows it then. Those get the rows of the piece that lie beyond their own place; each of them then
//!    is at the end of the piece, or further.
//! 2. A reader may follow once its own place reaches as far as the front has said ([`Front::serves`]).
//! 3. Both happen under one lock.
//!
//! A reader at P that begins to follow has read every row up to P, since no row appears at or below a
//! place that was passed. The piece under way, if any, ends at or before P (rule 2), so it holds nothing
//! that the reader lacks, and it does not get it (rule 1, it was not there). All rows beyond P lie in
//! later pieces, which begin after the reader was noted (rule 3), and of those it gets what lies beyond P.

use super::Place;

/// How far the reader that serves all has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front {
    passed: Place,
    under_way: Option<Place>,
}

impl Front {
    /// A front that begins at a place.
    pub fn new(place: Place) -> Self {
        Self {
            passed: place,
            under_way: None,
        }
    }

    /// A piece up to `end` is going to be read and handed out to whoever follows now. One that could
    /// not be read may be begun again; nobody is promised less by that.
    pub fn begin(&mut self, end: Place) {
        if !self.reach().reaches(&end) {
            self.under_way = Some(end);
        }
    }

    /// The piece that was begun is handed out.
    pub fn finish(&mut self) {
        self.passed = self.reach();
        self.under_way = None;
    }

    /// How far it will be once the piece under way is handed out: who begins now begins here.
    pub fn reach(&self) -> Place {
        self.under_way.unwrap_or(self.passed)
    }

    /// Whether a reader at `place` may follow from now on.
    pub fn serves(&self, place: &Place) -> bool {
        place.reaches(&self.reach())
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers of a test are small"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn behind(commit_seq: usize) -> Place {
        Place::behind_nothing(commit_seq.try_into().unwrap())
    }

    /// A reader of a log whose rows are the numbers from 1 on.
    struct Reader {
        began: usize,
        place: usize,
        follows: bool,
        seen: Vec<usize>,
    }

    impl Reader {
        fn take(&mut self, rows: std::ops::RangeInclusive<usize>) {
            self.seen
                .extend(rows.clone().filter(|row| *row > self.place));
            self.place = self.place.max(*rows.end());
        }
    }

    #[derive(Debug, Clone)]
    enum Event {
        Commit(usize),
        Begin(usize),
        HandOut,
        Resume(usize),
        ReadOn(usize, usize),
        Join(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (1..4_usize).prop_map(Event::Commit),
            (1..4_usize).prop_map(Event::Begin),
            Just(Event::HandOut),
            (0..20_usize).prop_map(Event::Resume),
            (0..8_usize, 1..6_usize).prop_map(|(who, rows)| Event::ReadOn(who, rows)),
            (0..8_usize).prop_map(Event::Join),
        ]
    }

    proptest! {
        #[test]
        fn whenever_a_reader_joins_it_sees_each_row_once(
            events in prop::collection::vec(event(), 0..200),
        ) {
            let mut newest = 0_usize;
            let (mut front, mut front_at) = (Front::new(Place::BEGINNING), 0_usize);
            // the end of the piece under way, and who was noted for it
            let mut piece: Option<(usize, Vec<usize>)> = None;
            let mut readers: Vec<Reader> = Vec::new();
            for event in events {
                match event {
                    Event::Commit(rows) => newest += rows,
                    Event::Begin(rows) if piece.is_none() && front_at < newest => {
                        let end = newest.min(front_at + rows);
                        front.begin(behind(end));
                        let noted = (0..readers.len()).filter(|who| readers[*who].follows);
                        piece = Some((end, noted.collect()));
                    }
                    Event::HandOut => if let Some((end, noted)) = piece.take() {
                        for who in noted {
                            readers[who].take(front_at + 1..=end);
                        }
                        front_at = end;
                        front.finish();
                    }
                    Event::Resume(back) => {
                        let began = newest.saturating_sub(back);
                        readers.push(Reader { began, place: began, follows: false, seen: vec![] });
                    }
                    Event::ReadOn(who, rows) => if let Some(reader) = readers.get_mut(who)
                        && !reader.follows
                    {
                        let end = newest.min(reader.place + rows);
                        if end > reader.place {
                            reader.take(reader.place + 1..=end);
                        }
                    }
                    Event::Join(who) => if let Some(reader) = readers.get_mut(who) {
                        reader.follows |= front.serves(&behind(reader.place));
                    }
                    Event::Begin(_) => {}
                }
                for reader in &readers {
                    let all: Vec<usize> = (reader.began + 1..=reader.place).collect();
                    prop_assert_eq!(&reader.seen, &all);
                    // who follows lacks nothing that the front has passed
                    prop_assert!(!reader.follows || reader.place >= front_at);
                }
            }
        }
    }
}
