//! What waits is bounded, and who is slow hurts nobody else.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use notif_testbed::wait_until;
use socket2::{Domain, Socket, Type};

use super::client::Stream;
use super::commit::commit;
use super::{often, world};
use crate::rows::Row;
use crate::server::World;

const LIMIT: Duration = Duration::from_secs(20);
const MIB: usize = 1024 * 1024;

/// A stream of which nothing but the head is read; its window is small.
pub(super) fn open_and_stop_reading(address: SocketAddr, query: &str) -> Stream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = Stream::over(TcpStream::from(socket), query, &[]);
    assert_eq!(stream.status, 200);
    stream
}

pub(super) fn large(number: i64, mib: usize) -> Row {
    let bytes = mib * MIB;
    Row::new(number).event(format!(
        r#"'{{"payload": "' || repeat('x', {bytes}) || '"}}'"#
    ))
}

#[test]
fn a_slow_client_is_cut_off_and_the_others_go_on() {
    let world = world();
    let address = world.server.address();
    let mut slow = open_and_stop_reading(address, "");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut other = Stream::open(address, "");
            scope.spawn(move || assert_eq!(other.numbers(30), (1..=30).collect::<Vec<_>>()));
        }
        for n in 1..=30 {
            commit(&world.database, &[large(n, 1)]);
        }
    });
    // it gets the beginning, and not the end
    let mut last = 0;
    while let Some(event) = slow.event() {
        last = event.number();
    }
    assert!((0..30).contains(&last) && !slow.ended_well(), "{last}");
    // who comes back goes on where it was
    if let Some(id) = slow.last_id {
        let mut back = Stream::resume(address, "", &id);
        assert_eq!(
            back.numbers(30 - usize::try_from(last).unwrap()).first(),
            Some(&(last + 1))
        );
    }
}

#[test]
fn a_burst_that_passes_the_bound_of_a_client_that_reads_does_not_cut_it_off() {
    let world = World::with(|config| {
        often(config);
        config.streams.client_bytes = 256 * 1024;
        config.streams.grace = LIMIT;
    });
    let mut stream = Stream::open(world.server.address(), "");
    let event = format!(r#"'{{"payload": "' || repeat('x', {}) || '"}}'"#, 10_000);
    let rows: Vec<_> = (1..=1000)
        .map(|n| Row::new(n).event(event.clone()))
        .collect();
    commit(&world.database, &rows);
    assert_eq!(stream.numbers(1000), (1..=1000).collect::<Vec<_>>());
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_though_its_bound_is_not_passed() {
    let world = World::with(|config| {
        often(config);
        config.streams.streams_max = 2;
        config.streams.stall = Duration::from_millis(300);
        config.streams.client_bytes = usize::MAX;
    });
    let address = world.server.address();
    let _slow = open_and_stop_reading(address, "");
    let mut quiet = Stream::open(address, "?customerId=nobody");
    commit(&world.database, &[large(1, 12)]);
    wait_until("the place of the slow one", LIMIT, || {
        Stream::ask(address, "", &[]).status == 200
    })
    .unwrap();
    // who has nothing to take is not slow
    commit(
        &world.database,
        &[Row::new(2).text("customer_id", "nobody")],
    );
    assert_eq!(quiet.numbers(1), [2]);
}

#[test]
fn what_waits_for_all_together_is_bounded() {
    let world = World::with(|config| {
        often(config);
        config.streams.all_bytes = 20 * MIB;
        config.streams.streams_max = 6;
    });
    let address = world.server.address();
    // each holds another event, none of them passes its own bound
    let slow: Vec<_> = (1..=5)
        .map(|n| open_and_stop_reading(address, &format!("?customerId=c-{n}")))
        .collect();
    let mut other = Stream::open(address, "?customerId=other");
    for n in 1..=5_u8 {
        commit(
            &world.database,
            &[large(n.into(), 6).text("customer_id", &format!("c-{n}"))],
        );
    }
    commit(&world.database, &[Row::new(9).text("customer_id", "other")]);
    assert_eq!(other.numbers(1), [9]);
    // three fit, so at least two places are free
    let mut again = Vec::new();
    wait_until("two places", LIMIT, || {
        let stream = Stream::ask(address, "?customerId=nobody", &[]);
        if stream.status == 200 {
            again.push(stream);
        }
        again.len() == 2
    })
    .unwrap();
    drop(slow);
}
