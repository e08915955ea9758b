//! Passes requests on to the API, and of an answer that does not end only the beginning back.
//!
//! Each is asked for in HTTP/1.0, where an answer has no chunks and ends with its connection. So one
//! that is cut is whole to the client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
/// More than any head that is sent here.
const HEAD_MAX: u64 = 1024 * 1024;

/// It listens until the process ends.
pub(super) struct Beginnings {
    port: u16,
    cut: Arc<AtomicUsize>,
}

impl Beginnings {
    pub(super) fn of(api: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming() {
                // a client that goes away is none of ours
                if client.is_ok_and(|client| pass_on(&client, api).is_ok_and(|was_cut| was_cut)) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { port, cut }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How many answers were cut.
    pub(super) fn cut(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }
}

/// One request and its answer; was that cut?
fn pass_on(client: &TcpStream, api: u16) -> io::Result<bool> {
    client.set_read_timeout(Some(LIMIT))?;
    let mut from_client = BufReader::new(client);
    let asked = head(&mut from_client)?;
    let server = TcpStream::connect(("127.0.0.1", api))?;
    server.set_read_timeout(Some(LIMIT))?;
    (&server).write_all(&once(&asked))?;
    io::copy(&mut from_client.take(body_bytes(&asked)), &mut &server)?;
    let mut from_server = BufReader::new(&server);
    let mut answer = head(&mut from_server)?;
    let is_endless = String::from_utf8_lossy(&answer).contains("text/event-stream");
    if is_endless {
        // an event, or a comment, ends with an empty line
        while !answer.ends_with(b"\n\n") && from_server.read_until(b'\n', &mut answer)? > 0 {}
    }
    let mut to_client = client;
    to_client.write_all(&answer)?;
    if !is_endless {
        io::copy(&mut from_server, &mut to_client)?;
    }
    client.shutdown(Shutdown::Write)?;
    Ok(is_endless)
}

/// All up to the first empty line, and that.
fn head(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut from = from.take(HEAD_MAX);
    while !head.ends_with(b"\r\n\r\n") && from.read_until(b'\n', &mut head)? > 0 {}
    Ok(head)
}

/// The same request, of a client that speaks HTTP/1.0 and does not ask for more on its connection.
fn once(head: &[u8]) -> Vec<u8> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let line = first.strip_suffix(b"HTTP/1.1\r\n").unwrap_or(first);
    let keeps = |field: &&[u8]| !field.to_ascii_lowercase().starts_with(b"connection:");
    let fields: Vec<u8> = lines.filter(keeps).flatten().copied().collect();
    [line, b"HTTP/1.0\r\n", &fields].concat()
}

fn body_bytes(head: &[u8]) -> u64 {
    let head = String::from_utf8_lossy(head);
    let length = head.lines().find_map(|field| {
        let (name, value) = field.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    length.unwrap_or(0)
}
