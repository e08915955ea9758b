//! A client that sends exactly the bytes that a test gives it: paths are not tidied up, nothing is
//! followed, nothing is asked twice.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than the server ever takes, short beside a test that hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// Headers that say the same on every reply, as `security.rs` tests: no snapshot repeats them.
pub(crate) const ON_EVERY_REPLY: [&str; 3] = [
    "content-security-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
];

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(there, _)| there == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {self}");
        value
    }

    /// The headers that do not differ from one request to the next.
    pub(crate) fn lasting_headers(&self) -> Vec<(&str, &str)> {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !matches!(*name, "date" | "x-request-id" | "connection"))
            .collect();
        headers.sort_unstable();
        headers
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// What a problem document says of its fields: `query.limit` and the like.
    pub(crate) fn refused_fields(&self) -> Vec<String> {
        let document = self.json();
        let errors = document["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{self}"));
        let name = |error: &serde_json::Value| {
            let loc = error["loc"].as_array().unwrap().iter();
            loc.map(|part| part.as_str().unwrap())
                .collect::<Vec<_>>()
                .join(".")
        };
        errors.iter().map(name).collect()
    }

    /// The ids of a list, in its order.
    pub(crate) fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self}");
        let list = self.json();
        let id = |one: &serde_json::Value| one["notificationId"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(id).collect()
    }

    /// The query of the next page, with its question mark.
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.header("link")?;
        let query = link
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix(r#">; rel="next""#));
        Some(query.unwrap_or_else(|| panic!("{link}")).to_owned())
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        let shown = |(name, _): &(&str, &str)| !ON_EVERY_REPLY.contains(name);
        for (name, value) in self.lasting_headers().into_iter().filter(shown) {
            writeln!(f, "{name}: {value}")?;
        }
        // the id is another one each time
        let id = self.header("x-request-id").unwrap_or_default();
        write!(
            f,
            "\n{}",
            String::from_utf8_lossy(&self.body).replace(id, "<request id>")
        )
    }
}

/// Sends a request whose head and body are given whole; reads the answer, and that nothing follows.
pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> std::io::Result<Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(parse(&answer))
}

/// Sends a request on a connection of its own.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() {
        head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    head.push_str("\r\n");
    raw(address, &[head.as_bytes(), body].concat())
}

pub(crate) fn parse(answer: &[u8]) -> Response {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(answer)));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = answer[end + 4..].to_vec();
    Response {
        status,
        headers,
        body,
    }
}
