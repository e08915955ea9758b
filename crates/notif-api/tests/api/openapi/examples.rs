//! Each operation's example is sent, succeeds, and is answered in the shape that is described.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::shape::Schemas;
use super::{document, operations};
use crate::http::Response;
use crate::server::World;
use crate::story;

/// It never ends: only its beginning is compared here.
const ENDLESS: &str = "/events/stream";

#[test]
fn each_example_is_answered_as_described() {
    let world = World::new();
    story::tell(&world);
    let document = document(&world);
    let schemas = Schemas::of(&document);
    let mut sent = 0;
    for (path, method, told) in operations(&document) {
        if path == ENDLESS {
            continue;
        }
        let name = format!("{method} {path}");
        let answer = send(&world, path, method, told, &schemas);
        let described = &told["responses"][answer.status.to_string()];
        assert!(
            (200..300).contains(&answer.status) && described.is_object(),
            "{name}: {answer}"
        );
        check(&name, &answer, described, &schemas);
        sent += 1;
    }
    assert!(sent > 15, "{sent}");
}

#[test]
fn the_stream_begins_as_described() {
    let world = World::new();
    let document = document(&world);
    let described = &document["paths"][ENDLESS]["get"]["responses"]["200"];
    let mut socket = TcpStream::connect(world.server.address()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    write!(socket, "GET {ENDLESS} HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let mut lines = BufReader::new(socket).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let kind = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-type: "));
    assert!(
        described["content"][kind.unwrap()].is_object(),
        "{headers:?} {described}"
    );
}

/// Sends the example of an operation.
fn send(world: &World, path: &str, method: &str, told: &Value, schemas: &Schemas<'_>) -> Response {
    let (mut path, mut query, mut headers) = (path.to_owned(), Vec::new(), Vec::new());
    for parameter in told["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let value = match &parameter["example"] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &value),
            "query" => query.push(format!("{name}={value}")),
            "header" => headers.push((name.to_owned(), value)),
            other => panic!("{other}"),
        }
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let body = match &told["requestBody"]["content"]["application/json"] {
        Value::Null => Vec::new(),
        content => {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            let example = schemas.example(&content["schema"]);
            serde_json::to_vec(&example).unwrap()
        }
    };
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    world
        .server
        .request(&method.to_uppercase(), &path, &headers, &body)
}

/// Compares an answer with what is said of it: its type, its body, and the headers that it has.
fn check(name: &str, answer: &Response, described: &Value, schemas: &Schemas<'_>) {
    let content = described["content"].as_object().unwrap();
    let kind = answer.header("content-type").unwrap();
    let kind = kind.split(';').next().unwrap();
    let schema = content
        .get(kind)
        .unwrap_or_else(|| panic!("{name} answers with {kind}"));
    if kind == "application/json" {
        schemas.check(&answer.json(), &schema["schema"], name);
    } else {
        assert!(!answer.body.is_empty(), "{name}");
    }
    let told: Vec<String> = described["headers"]
        .as_object()
        .unwrap()
        .keys()
        .map(|header| header.to_ascii_lowercase())
        .collect();
    for (header, _) in answer.lasting_headers() {
        let is_told = told.iter().any(|there| there == header);
        // what any server may send, and the browser's business
        let is_usual = header.starts_with("content-")
            || header.starts_with("cross-origin-")
            || matches!(
                header,
                "cache-control" | "vary" | "x-content-type-options" | "referrer-policy"
            );
        assert!(is_told || is_usual, "{name} answers with {header}");
    }
}
