//! The API beside a test's poll, and a client that keeps its connection.
//!
//! The server is this very test program, started once more with [`serve`] as its only test: the
//! program `notif-api` belongs to another crate, and a copy of it that lies about may be an old one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use notif_testbed::Service;
use notif_testbed::wait::wait_for;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

use crate::world::World;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
#[ignore = "no test: the server of other tests, which start it by name"]
fn serve() {
    let settings = notif_api::config::read(["notif-api".into()]).unwrap();
    notif_api::logging::set_up(&settings.log_filter, settings.log_format);
    let exit = notif_api::run(&settings);
    assert!(matches!(exit, notif_api::Exit::Stopped), "{exit}");
}

/// A running API over a world's database; it ends when dropped.
pub(crate) struct Api {
    _service: Service,
    port: u16,
}

impl Api {
    pub(crate) fn of(world: &World) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "api::serve", "--ignored", "--nocapture"])
            .env("DATABASE_URL", world.database.url())
            .env("HOST", "127.0.0.1")
            .env("PORT", "0")
            .env("RUST_LOG", "info");
        let service = Service::start(&command).unwrap();
        let port = wait_for("the API to listen", LIMIT, || {
            let log = service.log();
            assert_eq!(service.exit_code(), None, "{log}");
            let (_, rest) = log.split_once("listening on http://127.0.0.1:")?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            // behind the last digit there is more: the line is all there
            (digits.len() < rest.len()).then(|| digits.parse::<u16>().unwrap())
        })
        .unwrap();
        Self {
            _service: service,
            port,
        }
    }

    /// The port on 127.0.0.1 that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream: BufReader::new(stream),
            asked: 0,
        }
    }
}

/// One connection, used again for every request.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    /// How many requests were answered.
    pub(crate) asked: u64,
}

/// What a path answers, where that is a success.
pub(crate) struct Page {
    pub(crate) body: Vec<u8>,
    /// The query of the page that follows.
    pub(crate) next: Option<String>,
    /// Through when everything is said to be stored.
    pub(crate) recorded_through: Option<String>,
}

impl Client {
    /// Asks for a path, which is sent as it is; anything but 200 fails the test.
    pub(crate) fn get(&mut self, path: &str) -> Page {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut next, mut recorded_through) = (0, None, None);
        loop {
            line.clear();
            assert_ne!(self.stream.read_line(&mut line).unwrap(), 0, "{path}: cut");
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "link" => {
                    let query = value.strip_prefix('<').unwrap().split('>').next().unwrap();
                    next = Some(query.to_owned());
                }
                "recorded-through" => recorded_through = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        self.asked = self.asked.saturating_add(1);
        assert_eq!(status, "200", "{path}: {}", String::from_utf8_lossy(&body));
        Page {
            body,
            next,
            recorded_through,
        }
    }

    /// The objects of a list, page after page; `path` has no query yet.
    pub(crate) fn list(&mut self, path: &str) -> Vec<Box<RawValue>> {
        let mut all = Vec::new();
        let mut query = String::new();
        loop {
            let page = self.get(&format!("{path}{query}"));
            all.append(&mut serde_json::from_slice::<Vec<Box<RawValue>>>(&page.body).unwrap());
            match page.next {
                Some(next) => query = next,
                None => return all,
            }
        }
    }
}

/// An id as a segment of a path.
pub(crate) fn segment(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}
