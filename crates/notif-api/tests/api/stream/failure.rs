//! The database goes and comes back, proxies close what is silent, the process ends.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use notif_api::StreamOptions;
use notif_testbed::{Postgres, PostgresOptions, wait_until};

use super::client::Stream;
use super::commit::commit_numbers;
use super::{often, world};
use crate::server::{Server, World};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn streams_outlive_the_database_and_miss_nothing() {
    let options = PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    };
    let database = Postgres::start(&options)
        .unwrap()
        .create_database()
        .unwrap();
    let server = Server::start_with(&database.url(), |config| {
        often(config);
        config.streams.keep_alive = Duration::from_millis(100);
    });
    let address = server.address();
    let mut stream = Stream::open(address, "");
    commit_numbers(&database, [1]);
    assert_eq!(stream.numbers(1), [1]);
    let id = stream.last_id.clone().unwrap();
    database.server().stop_immediate().unwrap();
    // signs of life go on, for longer than a look takes to fail
    for _ in 0..5 {
        assert_eq!(stream.block().unwrap().comments.len(), 1);
    }
    wait_until("the API to know", LIMIT, || {
        server.get("/health").status == 503
    })
    .unwrap();
    // one that wants to go on from somewhere is told that nobody knows
    let resumed = Stream::ask(address, "", &[("Last-Event-ID", &id)]);
    assert_eq!(resumed.status, 503, "{}", resumed.head);
    database.server().restart().unwrap();
    commit_numbers(&database, [2]);
    assert_eq!(stream.numbers(1), [2]);
    let mut resumed = Stream::resume(address, "", &id);
    assert_eq!(resumed.numbers(1), [2]);
}

#[test]
fn without_a_database_a_first_stream_is_503_and_the_next_one_works_once_it_is_there() {
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = postgres.create_database().unwrap();
    database.server().stop_immediate().unwrap();
    let server = Server::start_with(&database.url(), often);
    let refused = server.get("/events/stream");
    assert_eq!(refused.status, 503, "{refused}");
    assert!(refused.header("retry-after").is_some());
    database.server().restart().unwrap();
    wait_until("the stream", LIMIT, || {
        Stream::ask(server.address(), "", &[]).status == 200
    })
    .unwrap();
}

#[test]
fn a_sign_of_life_comes_every_15_s() {
    // the others have signs that come sooner: no test waits for these
    let every = StreamOptions::default().keep_alive;
    assert_eq!(every, Duration::from_secs(15));
}

/// A proxy that closes a connection over which no answer came for a second.
fn impatient_proxy(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut upstream = TcpStream::connect(server).unwrap();
        let mut buffer = vec![0; 64 * 1024];
        // the request comes in one piece
        let asked = client.read(&mut buffer).unwrap();
        upstream.write_all(&buffer[..asked]).unwrap();
        upstream
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        while let Ok(count @ 1..) = upstream.read(&mut buffer) {
            if client.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        drop(client.shutdown(Shutdown::Both));
    });
    address
}

#[test]
fn a_proxy_that_closes_what_is_silent_lets_a_stream_live() {
    let world = World::with(|config| {
        often(config);
        config.streams.keep_alive = Duration::from_millis(250);
    });
    let mut stream = Stream::open(impatient_proxy(world.server.address()), "");
    let started = Instant::now();
    let mut signs = 0;
    while started.elapsed() < Duration::from_secs(3) {
        signs += stream.block().unwrap().comments.len();
    }
    assert!(signs >= 3, "{signs}");
    commit_numbers(&world.database, [1]);
    assert_eq!(stream.numbers(1), [1]);
}

#[test]
fn without_signs_of_life_that_proxy_would_close_it() {
    let world = World::with(|config| {
        often(config);
        config.streams.keep_alive = Duration::from_secs(3600);
    });
    let mut stream = Stream::open(impatient_proxy(world.server.address()), "");
    stream.block().unwrap();
    assert_eq!(stream.block(), None);
}

#[test]
fn the_end_of_the_server_ends_streams_at_once() {
    let world = world();
    let mut streams: Vec<_> = (0..20)
        .map(|_| Stream::open(world.server.address(), ""))
        .collect();
    commit_numbers(&world.database, [1]);
    for stream in &mut streams {
        assert_eq!(stream.numbers(1), [1]);
    }
    let World { server, database } = world;
    let started = Instant::now();
    drop(server);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    for stream in &mut streams {
        let last = stream.ends_within(Duration::from_secs(1));
        assert_eq!(last.as_deref(), Some("the server is shutting down"));
        assert!(stream.ended_well());
    }
    drop(database);
}

#[test]
fn the_end_of_the_server_does_not_wait_for_a_client_that_reads_nothing() {
    let world = world();
    let slow = super::bounds::open_and_stop_reading(world.server.address(), "");
    let mut other = Stream::open(world.server.address(), "");
    super::commit::commit(&world.database, &[super::bounds::large(1, 6)]);
    commit_numbers(&world.database, [2]);
    assert_eq!(other.numbers(2), [1, 2]);
    let World { server, database } = world;
    let started = Instant::now();
    drop(server);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    drop((slow, database));
}
