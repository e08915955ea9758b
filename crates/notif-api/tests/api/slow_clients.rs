//! Clients that take their time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use notif_testbed::wait_for;
use socket2::{Domain, Socket, Type};

use crate::http;
use crate::rows::Row;
use crate::server::World;

/// Asks for a path and reads no more than the beginning of the answer.
pub(crate) fn ask_and_stop_reading(address: SocketAddr, path: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // a small window, so that the answer stays at the server
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes())
        .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

#[test]
fn what_waits_to_be_sent_is_bounded() {
    let world = World::new();
    let large = r#"'{"payload": "' || repeat('x', 12 * 1024 * 1024) || '"}'"#;
    world.sql(&Row::new(1).text("order_id", "large").event(large).insert());
    world.sql(&Row::new(2).text("order_id", "small").insert());
    let path = "/order/large/latest";
    let slow: Vec<_> = (0..5)
        .map(|_| ask_and_stop_reading(world.server.address(), path))
        .collect();
    let refused = world.server.get(path);
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1")),
        "{refused}"
    );
    assert_eq!(refused.json()["type"], "/problems/busy");
    assert_eq!(world.server.get("/order/small/latest").status, 200);
    // who watches must see why
    let metrics = world.server.get("/metrics");
    let in_flight = "\nnotif_http_replies_in_flight_bytes 6291";
    assert!(metrics.text().contains(in_flight), "{metrics}");
    drop(slow);
    wait_for("room", Duration::from_secs(10), || {
        Some(world.server.get(path)).filter(|answer| answer.status == 200)
    })
    .unwrap();
}

#[test]
fn a_body_that_does_not_arrive_is_given_up() {
    let world = World::new();
    let head = "POST /send-notification HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let given_up = http::raw(world.server.address(), head.as_bytes()).unwrap();
    assert_eq!(given_up.status, 408, "{given_up}");
    assert_eq!(given_up.json()["type"], "/problems/body-too-slow");
}
