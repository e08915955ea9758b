//! The order is that of commits.

use std::time::Duration;

use notif_testbed::wait_until;

use super::client::Stream;
use super::commit::{begin, commit, commit_numbers, end};
use super::world;
use crate::rows::Row;

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_transaction_that_began_first_and_ended_last_comes_last() {
    let world = world();
    let database = &world.database;
    let mut stream = Stream::open(world.server.address(), "");
    let lock = database.hold("SELECT pg_advisory_xact_lock(7)").unwrap();
    std::thread::scope(|scope| {
        // it takes the first batch number, and the first ids
        let early = format!(
            "{} SELECT pg_advisory_xact_lock(7); {}",
            begin(&[Row::new(1), Row::new(2)]),
            end(2)
        );
        let waiting = scope.spawn(move || database.execute(&early).unwrap());
        let question = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' \
                        AND datname = current_database()";
        wait_until("the early transaction waits", LIMIT, || {
            database.number(question).unwrap() == 1
        })
        .unwrap();
        commit_numbers(database, [3, 4]);
        assert_eq!(stream.numbers(2), [3, 4]);
        let resumed_at = stream.last_id.clone().unwrap();
        drop(lock);
        waiting.join().unwrap();
        assert_eq!(stream.numbers(2), [1, 2]);
        // who was away meanwhile misses nothing either
        let mut resumed = Stream::resume(world.server.address(), "", &resumed_at);
        assert_eq!(resumed.numbers(2), [1, 2]);
        commit_numbers(database, [5]);
        assert_eq!((stream.numbers(1), resumed.numbers(1)), (vec![5], vec![5]));
    });
}

#[test]
fn within_a_batch_the_order_is_that_of_ids() {
    let world = world();
    let mut stream = Stream::open(world.server.address(), "");
    commit_numbers(&world.database, (1..1500).rev());
    commit_numbers(&world.database, []);
    commit(&world.database, &[Row::new(0)]);
    let expected: Vec<i64> = (1..1500).chain([0]).collect();
    assert_eq!(stream.numbers(1500), expected);
}

#[test]
fn commits_of_many_writers_come_in_their_order() {
    let world = world();
    let database = &world.database;
    let mut stream = Stream::open(world.server.address(), "");
    std::thread::scope(|scope| {
        for writer in 0..4_i64 {
            scope.spawn(move || {
                for n in 0..25 {
                    let first = writer * 1000 + n * 10;
                    commit_numbers(database, first..first + 3);
                }
            });
        }
    });
    let ordered = "SELECT array_to_json(array_agg(source_offset ORDER BY commit_seq, notification_id)) \
                   AS numbers FROM notifications JOIN batches USING (batch_id)";
    let ordered = &database.rows(ordered).unwrap()[0]["numbers"];
    let expected: Vec<i64> = serde_json::from_value(ordered.clone()).unwrap();
    assert_eq!(expected.len(), 300);
    assert_eq!(stream.numbers(300), expected);
}
