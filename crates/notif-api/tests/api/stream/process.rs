//! The program itself, told to stop while streams are open.

use std::time::{Duration, Instant};

use notif_testbed::Postgres;

use super::bounds::{large, open_and_stop_reading};
use super::client::Stream;
use super::commit::{commit, commit_numbers};
use crate::process::Running;

#[test]
fn told_to_stop_it_ends_streams_at_once() {
    let database = Postgres::shared().create_database().unwrap();
    let running = Running::start(&[("DATABASE_URL", &database.url())], &[]);
    let mut streams: Vec<_> = (0..10).map(|_| Stream::open(running.address, "")).collect();
    let _reads_nothing = open_and_stop_reading(running.address, "");
    // more than the kernel takes, less than a client may leave
    commit(&database, &[large(1, 6)]);
    commit_numbers(&database, [2]);
    for stream in &mut streams {
        assert_eq!(stream.numbers(2), [1, 2]);
    }
    let started = Instant::now();
    running.signal("TERM");
    for stream in &mut streams {
        let last = stream.ends_within(Duration::from_secs(3));
        assert_eq!(last.as_deref(), Some("the server is shutting down"));
        assert!(stream.ended_well());
    }
    let (code, log) = running.end();
    assert_eq!(code, Some(0), "{log}");
    // streams that were waited for would take the 10 s that requests have
    let took = started.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
}
