//! The smallest HTTP client that reads an answer of ours: one request, one connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};

const LIMIT: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers as they stood, one a line.
    pub head: String,
    /// The body; what is not UTF-8 is replaced.
    pub body: String,
}

/// Asks the server on `port` of 127.0.0.1 for `path`, which is sent as it is.
pub fn get(port: u16, path: &str) -> Result<Answer> {
    ask(port, &format!("GET {path}"), "", "")
}

/// Sends `body`, JSON, to `path` of the server on `port` of 127.0.0.1.
pub fn post(port: u16, path: &str, body: &str) -> Result<Answer> {
    let headers = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    ask(port, &format!("POST {path}"), &headers, body)
}

fn ask(port: u16, what: &str, headers: &str, body: &str) -> Result<Answer> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.set_read_timeout(Some(LIMIT))?;
    // version 1.0: the server closes at the end of the body and does not cut it into chunks
    write!(
        server,
        "{what} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n{body}"
    )?;
    let mut bytes = Vec::new();
    server
        .read_to_end(&mut bytes)
        .with_context(|| what.to_owned())?;
    parse(&String::from_utf8_lossy(&bytes)).with_context(|| format!("{what}: no HTTP answer"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (top, body) = answer.split_once("\r\n\r\n")?;
    let (line, head) = top.split_once("\r\n").unwrap_or((top, ""));
    let status = line
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Answer, parse};

    #[test]
    fn an_answer_is_taken_apart() {
        let expected = Answer {
            status: 404,
            head: "Content-Type: a\r\nX: y".to_owned(),
            body: "{}\r\n\r\n".to_owned(),
        };
        let text = "HTTP/1.0 404 Not Found\r\nContent-Type: a\r\nX: y\r\n\r\n{}\r\n\r\n";
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("SSH-2.0"), None);
    }
}
