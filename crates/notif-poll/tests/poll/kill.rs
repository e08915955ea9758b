//! A poll may be killed at any moment, and loses and doubles nothing.

use std::process::Stdio;
use std::time::Duration;

use notif_testbed::campus::Campus;
use notif_testbed::kafka::Message;
use notif_testbed::wait::wait_until;

use crate::drain::sha256_hex;
use crate::world::World;

const RECORDS: usize = 50_000;

#[test]
fn killed_in_the_middle_of_50_000_records_and_run_again_it_has_exactly_kafkas_records() {
    let world = World::with_topics(1);
    let events: Vec<(String, i32, Message)> = Campus::new(20_261_125)
        .events(RECORDS)
        .into_iter()
        .map(|event| (world.topic().to_owned(), event.partition, event.into()))
        .collect();
    world.kafka.producer().unwrap().produce_all(events).unwrap();

    // killed once some batches are committed and others are on their way
    let mut killed = 0;
    for _ in 0..2 {
        let before = world.number("SELECT count(*) FROM notifications");
        let mut poll = world
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("another batch", Duration::from_secs(60), || {
            world.number("SELECT count(*) FROM notifications") > before
        })
        .unwrap();
        poll.kill().unwrap();
        // a signal, not an exit code: it was still at work
        killed += i32::from(poll.wait().unwrap().code().is_none());
    }
    assert_eq!(killed, 2, "the polls ended before they could be killed");
    let stored = world.number("SELECT count(*) FROM notifications");
    let all = i64::try_from(RECORDS).unwrap();
    assert!((1..all).contains(&stored), "{stored}");
    world.assert_tiled();

    world.poll().expect("drained", 0, all - stored);
    let truth = world.kafka.read_committed(world.topic()).unwrap();
    assert_eq!(truth.len(), RECORDS);
    let rows = world
        .database
        .rows(
            "SELECT source_partition AS partition, source_offset AS \"offset\", \
             encode(value_sha256, 'hex') AS hash FROM notifications ORDER BY 1, 2",
        )
        .unwrap();
    assert_eq!(rows.len(), RECORDS);
    for (truth, row) in truth.iter().zip(&rows) {
        assert_eq!(
            (&row["partition"], &row["offset"]),
            (&truth.partition.into(), &truth.offset.into())
        );
        assert_eq!(
            row["hash"].as_str(),
            truth.value.as_deref().map(sha256_hex).as_deref()
        );
    }
    world.assert_tiled();
    assert_eq!(
        world.number(
            "SELECT count(*) FROM poll_runs WHERE ended_at IS NULL AND deadline_at IS NOT NULL"
        ),
        2,
        "a killed run stays without an end"
    );
}

#[test]
fn sigterm_commits_what_was_read_and_says_that_it_is_behind() {
    let world = World::with_topics(1);
    world.produce_numbers(60_000);
    let poll = world
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("a first batch", Duration::from_secs(60), || {
        world.number("SELECT count(*) FROM notifications") > 0
    })
    .unwrap();
    let id = poll.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = poll.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.starts_with("behind: "), "{line}");
    assert!(line.contains("offsets left"), "{line}");
    let stored = world.number("SELECT count(*) FROM notifications");
    world.assert_tiled();
    world.poll().expect("drained", 0, 60_000 - stored);
}
