//! A client of the stream: reads it as a browser does.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer than anything that a test waits for.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// An event, or what is none because it has no data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) data: String,
    pub(super) comments: Vec<String>,
    pub(super) retry: Option<String>,
}

impl Event {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The place of the row among those that `commit` makes.
    pub(super) fn number(&self) -> i64 {
        assert_eq!(self.name, "notification", "{self:?}");
        self.json()["sourceOffset"].as_i64().unwrap()
    }

    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        let mut data = Vec::new();
        for line in block.split('\n') {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "" => event.comments.push(value),
                "id" => event.id = Some(value),
                "event" => event.name = value,
                "data" => data.push(value),
                "retry" => event.retry = Some(value),
                other => panic!("{other}: {block}"),
            }
        }
        event.data = data.join("\n");
        event
    }
}

/// A stream.
pub(super) struct Stream {
    socket: TcpStream,
    pub(super) status: u16,
    pub(super) head: String,
    /// As it came over the wire, in chunks.
    wire: Vec<u8>,
    text: Vec<u8>,
    /// What a browser would send when it connects again.
    pub(super) last_id: Option<String>,
    ended: bool,
}

impl Stream {
    /// A stream that has begun.
    pub(super) fn open(address: SocketAddr, query: &str) -> Self {
        let stream = Self::ask(address, query, &[]);
        assert_eq!(stream.status, 200, "{}", stream.head);
        stream
    }

    /// A stream that has begun where another one ended.
    pub(super) fn resume(address: SocketAddr, query: &str, id: &str) -> Self {
        let stream = Self::ask(address, query, &[("Last-Event-ID", id)]);
        assert_eq!(stream.status, 200, "{}", stream.head);
        stream
    }

    pub(super) fn ask(address: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), query, headers)
    }

    pub(super) fn over(mut socket: TcpStream, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = format!("GET /events/stream{query} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let mut stream = Self {
            socket,
            status: 0,
            head: String::new(),
            wire: Vec::new(),
            text: Vec::new(),
            last_id: None,
            ended: false,
        };
        let end = loop {
            if let Some(end) = stream.wire.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(stream.read_more().unwrap(), "no answer");
        };
        let head = stream.wire.drain(..end + 4).collect();
        stream.head = String::from_utf8(head).unwrap();
        stream.status = stream.head.split(' ').nth(1).unwrap().parse().unwrap();
        stream
    }

    fn read_more(&mut self) -> std::io::Result<bool> {
        let mut buffer = vec![0; 256 * 1024];
        let count = self.socket.read(&mut buffer)?;
        self.wire.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    /// Takes whole chunks off the wire.
    fn take_chunks(&mut self) {
        let mut at = 0;
        while !self.ended {
            let rest = &self.wire[at..];
            let Some(line) = rest.windows(2).position(|two| two == b"\r\n") else {
                break;
            };
            let length = std::str::from_utf8(&rest[..line]).unwrap();
            let length = usize::from_str_radix(length, 16).unwrap();
            let end = line + 2 + length + 2;
            if rest.len() < end {
                break;
            }
            self.text
                .extend_from_slice(&rest[line + 2..line + 2 + length]);
            self.ended = length == 0;
            at += end;
        }
        self.wire.drain(..at);
    }

    /// The next block of lines; none at the end of the stream.
    pub(super) fn block(&mut self) -> Option<Event> {
        let mut searched = 0;
        loop {
            self.take_chunks();
            let ahead = &self.text[searched..];
            if let Some(end) = ahead.windows(2).position(|two| two == b"\n\n") {
                let end = searched + end;
                let block: Vec<u8> = self.text.drain(..end + 2).take(end).collect();
                let event = Event::parse(std::str::from_utf8(&block).unwrap());
                self.last_id = event.id.clone().or(self.last_id.take());
                return Some(event);
            }
            searched = self.text.len().saturating_sub(1);
            if self.ended {
                return None;
            }
            match self.read_more() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error} after {:?}", self.last_id),
            }
        }
    }

    /// The next event; none at the end of the stream.
    pub(super) fn event(&mut self) -> Option<Event> {
        let started = Instant::now();
        // signs of life come for ever where the event does not
        while started.elapsed() < LIMIT {
            let event = self.block()?;
            if !event.data.is_empty() {
                return Some(event);
            }
        }
        panic!("no event within {LIMIT:?} after {:?}", self.last_id);
    }

    /// The numbers of the next rows.
    pub(super) fn numbers(&mut self, count: usize) -> Vec<i64> {
        (0..count).map(|_| self.event().unwrap().number()).collect()
    }

    /// Reads to the end of the stream, which comes within `limit`; the last comment before it.
    pub(super) fn ends_within(&mut self, limit: Duration) -> Option<String> {
        let started = Instant::now();
        let mut last = None;
        while let Some(event) = self.block() {
            last = event.comments.last().cloned();
        }
        assert!(started.elapsed() < limit, "{:?}", started.elapsed());
        last
    }

    /// Whether it ended as a response should, and did not break off.
    pub(super) fn ended_well(&self) -> bool {
        self.ended
    }
}
