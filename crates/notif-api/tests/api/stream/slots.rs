//! How many streams may be open, and when a place is free again.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use notif_testbed::{wait_for, wait_until};

use super::client::Stream;
use super::commit::commit_numbers;
use super::{often, world};
use crate::server::World;

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn the_201st_stream_is_told_to_come_back() {
    let world = world();
    let address = world.server.address();
    let mut streams: Vec<_> = (0..200).map(|_| Stream::open(address, "")).collect();
    let refused = world.server.get("/events/stream");
    assert_eq!(refused.status, 503, "{refused}");
    assert!(refused.header("retry-after").is_some(), "{refused}");
    assert_eq!(refused.json()["type"], "/problems/busy");
    // everything else is served beside them
    assert_eq!(world.server.get("/order/o-1").status, 200);
    commit_numbers(&world.database, 1..=20);
    for stream in &mut streams {
        assert_eq!(stream.numbers(20), (1..=20).collect::<Vec<_>>());
    }
    streams.truncate(199);
    wait_until("a free place", LIMIT, || {
        Stream::ask(address, "", &[]).status == 200
    })
    .unwrap();
}

/// Waits until the only place is free.
fn wait_until_free(world: &World) -> Stream {
    wait_for("the place", LIMIT, || {
        let stream = Stream::ask(world.server.address(), "", &[]);
        (stream.status == 200).then_some(stream)
    })
    .unwrap()
}

fn with_one_place() -> World {
    World::with(|config| {
        often(config);
        config.streams.streams_max = 1;
        config.streams.keep_alive = Duration::from_secs(3600);
    })
}

#[test]
fn a_client_that_vanishes_frees_its_place_though_nothing_is_sent() {
    let world = with_one_place();
    for reads in [false, true] {
        let mut stream = wait_until_free(&world);
        if reads {
            stream.block().unwrap();
        }
        assert_eq!(Stream::ask(world.server.address(), "", &[]).status, 503);
        // unread bytes make the difference between an end and a reset of the connection
        drop(stream);
        drop(wait_until_free(&world));
    }
}

#[test]
fn a_client_that_vanishes_before_the_first_byte_frees_its_place() {
    let world = World::with(|config| {
        often(config);
        config.streams.streams_max = 1;
        config.pool_size = 1;
    });
    let mut first = Stream::open(world.server.address(), "");
    let id = first.block().unwrap().id.unwrap();
    commit_numbers(&world.database, [1]);
    first.numbers(1);
    drop(first);
    drop(wait_until_free(&world));
    // the tail cannot begin, and the resume cannot be judged, while the table is locked
    let lock = world
        .database
        .hold("LOCK TABLE batches, recorder_state")
        .unwrap();
    let mut socket = TcpStream::connect(world.server.address()).unwrap();
    let request = format!("GET /events/stream?lastEventId={id} HTTP/1.1\r\nhost: test\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let waiting = "SELECT count(*) FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT granted";
    wait_until("a read waits", LIMIT, || {
        world.database.number(waiting).unwrap() > 0
    })
    .unwrap();
    drop(socket);
    drop(lock);
    drop(wait_until_free(&world));
}

#[test]
fn a_client_that_vanishes_in_the_middle_of_an_event_frees_its_place() {
    let world = with_one_place();
    let mut stream = wait_until_free(&world);
    let large = r#"'{"payload": "' || repeat('x', 12 * 1024 * 1024) || '"}'"#;
    super::commit::commit(&world.database, &[crate::rows::Row::new(1).event(large)]);
    stream.block().unwrap();
    drop(stream);
    drop(wait_until_free(&world));
}
