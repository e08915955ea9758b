//! Who comes back goes on where they were.

use super::client::Stream;
use super::commit::{commit, commit_many, commit_numbers};
use super::world;
use crate::rows::Row;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn of_50_connections_that_break_at_random_places_no_row_is_missed_or_seen_twice() {
    const ROWS: i64 = 1200;
    let world = world();
    let (database, address) = (&world.database, world.server.address());
    let mut stream = Stream::open(address, "");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut dice = Dice(7);
            let mut next = 0;
            while next < ROWS {
                // ids in no order
                let end = ROWS.min(next + 1 + i64::try_from(dice.below(9)).unwrap());
                let rows: Vec<Row> = (next..end)
                    .map(|n| Row::new((n * 7919) % 100_003).sql("source_offset", n.to_string()))
                    .collect();
                commit(database, &rows);
                next = end;
            }
        });
        let mut dice = Dice(3);
        let (mut seen, mut connections) = (Vec::new(), 1);
        let expected = usize::try_from(ROWS).unwrap();
        let mut rest = dice.below(40);
        while seen.len() < expected {
            if rest == 0 && connections < 50 {
                // not even the first event is awaited now and then
                let id = stream.last_id.clone();
                drop(stream);
                stream = match id {
                    Some(id) => Stream::resume(address, "", &id),
                    None => panic!("a stream without a place"),
                };
                // it says where it is before anything else
                stream.block().unwrap();
                connections += 1;
                rest = dice.below(40);
                continue;
            }
            rest = rest.saturating_sub(1);
            seen.push(stream.event().unwrap().number());
        }
        let ordered = "SELECT array_to_json(array_agg(source_offset ORDER BY commit_seq, \
                       notification_id)) AS numbers FROM notifications JOIN batches USING (batch_id)";
        let ordered = &database.rows(ordered).unwrap()[0]["numbers"];
        let expected: Vec<i64> = serde_json::from_value(ordered.clone()).unwrap();
        assert_eq!(connections, 50);
        assert_eq!(seen, expected);
    });
}

#[test]
fn the_first_event_after_a_resume_is_the_next_notification() {
    let world = world();
    let address = world.server.address();
    let mut stream = Stream::open(address, "");
    let begin = stream.block().unwrap().id.unwrap();
    commit_numbers(&world.database, 1..=5);
    let ids: Vec<String> = (0..5)
        .map(|_| stream.event().unwrap().id.unwrap())
        .collect();
    drop(stream);
    // also where no other stream is open, and the tail begins anew
    for (next, id) in (1..=5).zip([&begin].into_iter().chain(&ids)) {
        let mut resumed = Stream::resume(address, "", id);
        assert_eq!(resumed.block().unwrap().id.as_ref(), Some(id));
        let rest: Vec<i64> = (next..=5).collect();
        assert_eq!(resumed.numbers(rest.len()), rest);
    }
    // the parameter does the same, and the header wins: it is the newer one
    let by_parameter = format!("?lastEventId={}", ids[2]);
    assert_eq!(Stream::open(address, &by_parameter).numbers(2), [4, 5]);
    assert_eq!(
        Stream::resume(address, &by_parameter, &ids[3]).numbers(1),
        [5]
    );
    let empty = Stream::ask(address, "?lastEventId=", &[("Last-Event-ID", "")]);
    assert_eq!(empty.status, 200);
}

#[test]
fn a_resume_with_a_filter_reads_on_from_the_same_place() {
    let world = world();
    let address = world.server.address();
    let mut stream = Stream::open(address, "");
    let rows = |from: i64| {
        let row = |n: i64| Row::new(n).text("customer_id", &format!("c-{}", n % 10));
        (from..from + 3000).map(row).collect::<Vec<_>>()
    };
    commit(&world.database, &rows(0));
    let id = (0..1234)
        .map(|_| stream.event().unwrap().id.unwrap())
        .last()
        .unwrap();
    drop(stream);
    let mut resumed = Stream::resume(address, "?customerId=c-7", &id);
    let expected: Vec<i64> = (1234..3000).filter(|n| n % 10 == 7).collect();
    assert_eq!(resumed.numbers(expected.len()), expected);
    commit(&world.database, &rows(3000));
    assert_eq!(resumed.numbers(2), [3007, 3017]);
}

#[test]
fn a_stream_that_shows_nothing_says_where_it_is() {
    let world = super::World::with(|config| {
        super::often(config);
        config.streams.keep_alive = std::time::Duration::from_millis(50);
    });
    let address = world.server.address();
    let mut quiet = Stream::open(address, "?customerId=nobody");
    let mut other = Stream::open(address, "");
    let begin = quiet.block().unwrap().id;
    commit_many(&world.database, 1, 5);
    other.numbers(5);
    let moved = loop {
        let sign = quiet.block().unwrap();
        assert_eq!((sign.data.as_str(), sign.comments.len()), ("", 1));
        if sign.id != begin {
            break sign.id.unwrap();
        }
    };
    // from there nothing is missed, and nothing that was passed comes again
    let mut resumed = Stream::resume(address, "", &moved);
    commit_numbers(&world.database, [9]);
    assert_eq!(resumed.numbers(1), [9]);
}
