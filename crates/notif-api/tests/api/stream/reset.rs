//! Where there is no way on from where a client was, it is told so, and goes on from now.

use std::net::SocketAddr;
use std::time::Duration;

use notif_testbed::{TestDatabase, wait_for};

use super::client::{Event, Stream};
use super::commit::{commit_many, commit_numbers};
use super::world;

fn assert_reset(event: Option<&Event>, reason: &str) {
    let event = event.unwrap();
    assert_eq!(event.name, "reset", "{event:?}");
    assert_eq!(event.json()["reason"], reason);
}

/// Does what only a restore does: no trigger looks.
fn restore(database: &TestDatabase, statements: &str) {
    database
        .execute(&format!(
            "SET session_replication_role = replica; {statements}"
        ))
        .unwrap();
}

/// What stands between a place and 2. The tail of before may notice the restore only now: then it tells
/// everybody who follows, once.
fn numbers_behind(address: SocketAddr, id: &str) -> Vec<i64> {
    wait_for(
        "a stream that is not reset",
        Duration::from_secs(20),
        || {
            let mut stream = Stream::resume(address, "", id);
            let mut numbers = Vec::new();
            while numbers.last() != Some(&2) {
                let event = stream.event()?;
                if event.name == "reset" {
                    assert_reset(Some(&event), "restored");
                    return None;
                }
                numbers.push(event.number());
            }
            Some(numbers)
        },
    )
    .unwrap()
}

#[test]
fn a_place_that_was_pruned_is_a_reset() {
    let world = world();
    let address = world.server.address();
    let mut stream = Stream::open(address, "");
    commit_numbers(&world.database, 1..=3);
    let ids: Vec<String> = (0..3)
        .map(|_| stream.event().unwrap().id.unwrap())
        .collect();
    let prune = "DELETE FROM notifications WHERE source_offset = 2";
    restore(&world.database, prune);
    let mut resumed = Stream::resume(address, "", &ids[1]);
    assert_reset(resumed.event().as_ref(), "unknown-place");
    let after = resumed.last_id.clone().unwrap();
    // from now on: 3 is not sent
    commit_numbers(&world.database, [4]);
    assert_eq!(resumed.numbers(1), [4]);
    // and the id of the reset is a place like any other
    assert_eq!(Stream::resume(address, "", &after).numbers(1), [4]);
    assert_eq!(Stream::resume(address, "", &ids[0]).numbers(2), [3, 4]);
}

#[test]
fn a_place_from_before_a_restore_is_a_reset() {
    let world = world();
    let address = world.server.address();
    let mut stream = Stream::open(address, "");
    let begin = stream.block().unwrap().id.unwrap();
    commit_numbers(&world.database, [1]);
    commit_numbers(&world.database, [2]);
    let (one, two) = (
        stream.event().unwrap().id.unwrap(),
        stream.event().unwrap().id.unwrap(),
    );
    drop(stream);
    let gone = "DELETE FROM notifications WHERE source_offset = 2; \
                DELETE FROM batches WHERE commit_seq = 2; UPDATE recorder_state SET commit_seq = 1;";
    restore(&world.database, gone);
    assert_reset(
        Stream::resume(address, "", &two).event().as_ref(),
        "unknown-place",
    );
    // recorded again, with the same id and the same number: another time, another history
    commit_numbers(&world.database, [2]);
    assert_reset(
        Stream::resume(address, "", &two).event().as_ref(),
        "unknown-place",
    );
    // what the restore did not touch is still there
    assert_eq!(numbers_behind(address, &one), [2]);
    assert_eq!(numbers_behind(address, &begin), [1, 2]);
    // a number behind which another batch stands now
    restore(
        &world.database,
        "UPDATE batches SET commit_seq = commit_seq + 10; UPDATE recorder_state SET commit_seq = 12",
    );
    assert_reset(
        Stream::resume(address, "", &one).event().as_ref(),
        "unknown-place",
    );
}

#[test]
fn a_restore_under_open_streams_resets_them_all() {
    let world = world();
    let address = world.server.address();
    let mut streams: Vec<_> = ["", "?customerId=nobody"]
        .map(|query| Stream::open(address, query))
        .into();
    commit_numbers(&world.database, [1]);
    commit_numbers(&world.database, [2]);
    assert_eq!(streams[0].numbers(2), [1, 2]);
    let back = "DELETE FROM notifications WHERE source_offset = 2; \
                DELETE FROM batches WHERE commit_seq = 2; UPDATE recorder_state SET commit_seq = 1;";
    restore(&world.database, back);
    for stream in &mut streams {
        assert_reset(stream.event().as_ref(), "restored");
    }
    commit_numbers(&world.database, [2]);
    assert_eq!(streams[0].numbers(1), [2]);
    let place = streams[0].last_id.clone().unwrap();
    // back, and beyond where it was, between two looks
    let beyond =
        "UPDATE batches SET committed_at = committed_at + interval '1 s' WHERE commit_seq = 2;";
    restore(&world.database, beyond);
    for stream in &mut streams {
        assert_reset(stream.event().as_ref(), "restored");
    }
    assert_reset(
        Stream::resume(address, "", &place).event().as_ref(),
        "unknown-place",
    );
}

#[test]
fn more_than_100_000_rows_back_is_a_reset_and_100_000_are_not() {
    let world = world();
    let address = world.server.address();
    let mut stream = Stream::open(address, "");
    commit_numbers(&world.database, 1..=3);
    let ids: Vec<String> = (0..3)
        .map(|_| stream.event().unwrap().id.unwrap())
        .collect();
    drop(stream);
    commit_many(&world.database, 1_000_000, 99_999);
    let mut resumed = Stream::resume(address, "", &ids[0]);
    assert_reset(resumed.event().as_ref(), "too-far-behind");
    // one row of its own batch is ahead, and 99,999 of the next one
    let mut resumed = Stream::resume(
        address,
        "?topic=order_events&until=2026-01-05T10:00:04Z",
        &ids[1],
    );
    assert_eq!(resumed.numbers(3), [3, 1_000_000, 1_000_001]);
    drop(resumed);
    // and of all that lies ahead nothing is lost on the way
    let mut last = Stream::resume(address, "?customerId=c-9", &ids[1]);
    world.database.execute("SELECT 1").unwrap();
    let row = crate::rows::Row::new(9).text("customer_id", "c-9");
    super::commit::commit(&world.database, &[row]);
    assert_eq!(last.numbers(1), [9]);
    let mut beyond = Stream::resume(address, "", &ids[1]);
    assert_reset(beyond.event().as_ref(), "too-far-behind");
}

#[test]
fn a_batch_that_is_too_large_to_follow_resets_who_follows() {
    let world = world();
    let mut stream = Stream::open(world.server.address(), "");
    commit_many(&world.database, 1_000_000, 100_001);
    assert_reset(stream.event().as_ref(), "too-far-behind");
    commit_numbers(&world.database, [4]);
    assert_eq!(stream.numbers(1), [4]);
}
