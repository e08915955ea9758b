//! Replies that are sent compressed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use flate2::read::GzDecoder;
use notif_testbed::wait_for;
use socket2::{Domain, Socket, Type};

use crate::http::Response;
use crate::rows::{Row, insert_many};
use crate::server::World;

const GZIP: (&str, &str) = ("accept-encoding", "gzip, deflate, br");

fn gunzip(response: &Response) -> Vec<u8> {
    assert_eq!(
        response.header("content-encoding"),
        Some("gzip"),
        "{response}"
    );
    let mut text = Vec::new();
    GzDecoder::new(&*response.body)
        .read_to_end(&mut text)
        .unwrap();
    text
}

fn gzipped(world: &World, path: &str) -> Response {
    let response = world.server.request("GET", path, &[GZIP], b"");
    assert_eq!(response.status, 200, "{response}");
    response
}

#[test]
fn who_asks_for_it_gets_the_same_text_in_fewer_bytes() {
    let world = World::new();
    world.sql(&insert_many(2000, "o-1", "c-1"));
    for path in [
        "/customer/c-1/notifications?limit=5",
        "/customer/c-1/notifications",
        "/order/o-1?limit=500",
        "/order/o-1",
        "/metrics",
    ] {
        let plain = world.server.get(path);
        let compressed = gzipped(&world, path);
        assert!(compressed.body.len() * 2 < plain.body.len(), "{path}");
        if path != "/metrics" {
            assert_eq!(gunzip(&compressed), plain.body, "{path}");
        }
        assert!(gunzip(&compressed).len() >= 1024, "{path}");
        // the text is the same, and so is its tag
        assert_eq!(compressed.header("etag"), plain.header("etag"), "{path}");
        for response in [&plain, &compressed] {
            assert_eq!(response.header("vary"), Some("Accept-Encoding"), "{path}");
            assert_eq!(
                response.header("content-length"),
                Some(&*response.body.len().to_string()),
                "{path}"
            );
        }
        assert_eq!(
            compressed.header("content-type"),
            plain.header("content-type")
        );
        assert_eq!(compressed.header("link"), plain.header("link"));
    }
}

#[test]
fn who_does_not_ask_for_it_gets_it_plain() {
    let world = World::new();
    world.sql(&insert_many(20, "o-1", "c-1"));
    for accepted in ["identity", "br", "gzip;q=0", "*;q=0", "", "deflate"] {
        let headers = [("accept-encoding", accepted)];
        let plain = world.server.request("GET", "/order/o-1", &headers, b"");
        assert_eq!(
            (plain.status, plain.header("content-encoding")),
            (200, None),
            "{accepted}"
        );
        assert_eq!(plain.json().as_array().unwrap().len(), 20);
    }
}

#[test]
fn what_is_small_or_tells_of_a_problem_is_not_compressed() {
    let world = World::new();
    world.sql(&insert_many(1, "o-1", "c-1"));
    for path in [
        "/order/o-1",
        "/order/o-1/latest",
        "/order/o-9/latest",
        "/health",
    ] {
        let response = world.server.request("GET", path, &[GZIP], b"");
        assert_eq!(response.header("content-encoding"), None, "{path}");
        assert!(response.body.len() < 1024, "{path}");
    }
}

#[test]
fn head_has_the_headers_of_get() {
    let world = World::new();
    world.sql(&insert_many(20, "o-1", "c-1"));
    let get = gzipped(&world, "/order/o-1");
    let head = world.server.request("HEAD", "/order/o-1", &[GZIP], b"");
    assert_eq!(
        (head.lasting_headers(), head.text()),
        (get.lasting_headers(), "")
    );
}

#[test]
fn a_client_that_has_the_text_is_sent_nothing_compressed_or_not() {
    let world = World::new();
    world.sql(&insert_many(500, "o-1", "c-1"));
    let tag = gzipped(&world, "/order/o-1")
        .header("etag")
        .unwrap()
        .to_owned();
    let known = [GZIP, ("if-none-match", tag.as_str())];
    let same = world.server.request("GET", "/order/o-1", &known, b"");
    assert_eq!(
        (
            same.status,
            same.body.len(),
            same.header("content-encoding")
        ),
        (304, 0, None)
    );
}

#[test]
fn what_waits_for_slow_readers_counts_as_it_is_sent() {
    let world = World::new();
    let large = r#"'{"payload": "' || repeat('x', 12 * 1024 * 1024) || '"}'"#;
    world.sql(&Row::new(1).text("order_id", "large").event(large).insert());
    // eight of them would be more than may wait at once, were they not compressed
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            socket.connect(&world.server.address().into()).unwrap();
            let mut stream = TcpStream::from(socket);
            let asked =
                "GET /order/large/latest HTTP/1.1\r\nhost: test\r\naccept-encoding: gzip\r\n\r\n";
            stream.write_all(asked.as_bytes()).unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            assert_eq!(&head, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let compressed = gzipped(&world, "/order/large/latest");
    assert!(compressed.body.len() < 100_000);
    assert!(gunzip(&compressed).len() > 12 * 1024 * 1024);
    drop(slow);
    // all that was counted is given back
    let waiting = || {
        let metrics = world.server.get("/metrics");
        let line = metrics
            .text()
            .lines()
            .find(|line| line.starts_with("notif_http_replies_in_flight_bytes "));
        line.unwrap().to_owned()
    };
    wait_for("nothing in flight", Duration::from_secs(10), || {
        waiting().ends_with(" 0").then_some(())
    })
    .unwrap();
}
