//! What `docs/security.md` says of addresses and headers is so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use notif_api::Access;

use crate::http::ON_EVERY_REPLY;
use crate::server::World;
use crate::tokens::{Tokens, ask, line, world};

const LIMIT: Duration = Duration::from_secs(20);

/// The rows below this head of a table in `docs/security.md`.
fn table(head: &str) -> Vec<Vec<String>> {
    let page = include_str!("../../../../docs/security.md");
    let (_, behind) = page.split_once(head).unwrap();
    let rows = behind
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let fields = |row: &str| {
        row.trim_matches('|')
            .split('|')
            .map(|one| one.trim().to_owned())
            .collect()
    };
    rows.map(fields).collect()
}

/// What stands in a field as code.
fn code(field: &str) -> &str {
    field
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'))
        .unwrap()
}

#[test]
fn the_page_on_security_is_right_about_every_address() {
    let tokens = ["read", "write", "metrics", "customer:c-1", "customer:c-2"];
    let text = tokens
        .iter()
        .zip(0..)
        .map(|(role, place)| line(&format!("t{place}"), role, role));
    let tokens_file = Tokens::new(&text.collect::<String>());
    let world = World::with(|config| config.access = Access::by_tokens(&tokens_file.path).unwrap());
    let columns = "`read` | `write` | `metrics` | `customer:c-1` | `customer:c-2`";
    let rows = table(&format!("| address | no token | {columns} |"));
    let mut routes = routes(&world);
    for row in rows {
        let (method, path) = code(&row[0]).split_once(' ').unwrap();
        routes.retain(|route| !leads_to(route, method, path));
        for (token, said) in ["unknown"].iter().chain(&tokens).zip(&row[1..]) {
            let status = status_only(&world, method, path, token);
            let found = match status {
                401 | 403 => status.to_string(),
                _ => "yes".to_owned(),
            };
            assert_eq!(found, *said, "{method} {path} {token}");
        }
    }
    assert_eq!(routes, [""; 0], "the page says nothing of these");
}

/// Method and route of all that the server serves. It describes each of them, as `openapi.rs` tests.
fn routes(world: &World) -> Vec<String> {
    let document = ask(world, "GET", "/openapi.json", "read").json();
    let paths = document["paths"].as_object().unwrap().iter();
    let routes: Vec<_> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

/// Is it this route's? What stands in braces is any text without a slash.
fn leads_to(route: &str, method: &str, path: &str) -> bool {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let address = format!("{method} {path}");
    let (parts, given): (Vec<_>, Vec<_>) =
        (route.split('/').collect(), address.split('/').collect());
    let mut both = parts.iter().zip(&given);
    parts.len() == given.len() && both.all(|(part, given)| part.starts_with('{') || part == given)
}

/// The status of an answer whose end is not waited for: a stream has none.
fn status_only(world: &World, method: &str, path: &str, token: &str) -> u16 {
    let mut client = TcpStream::connect(world.server.address()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    let mut start = [0; 12];
    client.read_exact(&mut start).unwrap();
    std::str::from_utf8(&start)
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn every_reply_says_what_it_is_not() {
    let (world, _tokens) = world();
    let answers = [
        world.server.get("/health"),
        world.server.get("/order/o-1"),
        ask(&world, "GET", "/order/o-1", "read"),
        ask(&world, "HEAD", "/order/o-1", "read"),
        ask(&world, "GET", "/order/o-1", "write"),
        ask(&world, "GET", "/order/o-1?limit=0", "read"),
        ask(&world, "GET", "/nothing", "read"),
        ask(&world, "DELETE", "/order/o-1", "write"),
        ask(&world, "POST", "/send-notification", "write"),
        {
            world.sql("ALTER TABLE notifications RENAME TO elsewhere");
            ask(&world, "GET", "/order/o-1", "read")
        },
    ];
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 401, 200, 200, 403, 400, 404, 405, 201, 503]);
    let expected = table("| header | value |");
    let expected: Vec<_> = expected
        .iter()
        .map(|row| (code(&row[0]).to_lowercase(), code(&row[1]).to_owned()))
        .collect();
    for name in ON_EVERY_REPLY {
        assert!(expected.iter().any(|(there, _)| there == name), "{name}");
    }
    for answer in answers {
        for (name, value) in &expected {
            assert_eq!(
                answer.header(name),
                Some(value.as_str()),
                "{name}: {answer}"
            );
        }
        assert_eq!(answer.header("server"), None);
    }
}
