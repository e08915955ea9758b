//! API tokens: who may ask for what, and what a refusal tells.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use insta::assert_snapshot;
use notif_api::Access;
use notif_testbed::wait_for;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::http::Response;
use crate::process::{Running, database_with_an_order, ends};
use crate::rows::{Row, insert};
use crate::server::World;

const LIMIT: Duration = Duration::from_secs(20);

/// A file of tokens.
pub(crate) struct Tokens {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Tokens {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        fs::write(&path, text).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    /// Takes the place of the file in one step.
    pub(crate) fn replace(&self, text: &str) {
        let beside = self.path.with_extension("new");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, &self.path).unwrap();
    }
}

/// The line of a token with this secret.
pub(crate) fn line(id: &str, secret: &str, roles: &str) -> String {
    let hash = Sha256::digest(secret)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("{id} {hash} {roles} 2026-01-05T10:00:00Z a note\n")
}

/// Whose secret is its role.
const ROLES: [&str; 5] = ["read", "write", "metrics", "customer:c-1", "customer:a%2Fb"];

fn all_roles() -> String {
    let mut text = "# who may what\n".to_owned();
    for (role, place) in ROLES.iter().zip(0..) {
        text.push_str(&line(&format!("t{place}"), role, role));
    }
    text.push_str(&line("all", "all", &ROLES.join(",")));
    text
}

/// A server with a token of each role.
pub(crate) fn world() -> (World, Tokens) {
    let tokens = Tokens::new(&all_roles());
    let world = World::with(|config| config.access = Access::by_tokens(&tokens.path).unwrap());
    let rows = [
        Row::new(1)
            .text("order_id", "o-1")
            .text("customer_id", "c-1"),
        Row::new(2)
            .text("order_id", "o-1")
            .text("customer_id", "c-1"),
        Row::new(3).text("customer_id", "a/b"),
        Row::new(4).text("customer_id", "c%2D1"),
    ];
    world.sql(&insert(&rows));
    (world, tokens)
}

pub(crate) fn ask(world: &World, method: &str, path: &str, token: &str) -> Response {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body: &[u8] = if method == "POST" {
        br#"{"customerId":"c-1","orderId":"o-2","event":"e"}"#
    } else {
        b""
    };
    world.server.request(method, path, &headers, body)
}

const SEND: (&str, &str) = ("POST", "/send-notification");

#[test]
fn everything_but_the_probes_needs_a_token() {
    let (world, _tokens) = world();
    for path in [
        "/order/o-1",
        "/order/o-1/latest",
        "/customer/c-1/notifications",
        "/notifications",
        "/events/stream",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/",
        "/",
        "/nothing",
        "/health/",
        "/HEALTH",
        "/livez/x",
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
            let refused = world.server.request(method, path, &[], b"");
            assert_eq!(refused.status, 401, "{method} {path}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
    }
    for path in ["/health", "/livez", "/readyz"] {
        assert_eq!(world.server.get(path).status, 200, "{path}");
        assert_eq!(ask(&world, "HEAD", path, "unknown").status, 200, "{path}");
    }
    let (method, path) = SEND;
    assert_eq!(world.server.request(method, path, &[], b"{").status, 401);
}

/// What an answer says, apart from where and to which request.
fn told(response: &Response) -> (u16, Vec<(String, String)>, serde_json::Value) {
    let mut document = response.json();
    let members = document.as_object_mut().unwrap();
    members.remove("instance").unwrap();
    members.remove("requestId").unwrap();
    let headers = response.lasting_headers().into_iter();
    let headers = headers
        .filter(|(name, _)| *name != "content-length")
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    (response.status, headers.collect(), document)
}

#[test]
fn a_token_whose_hash_begins_as_a_known_one_does_is_unknown() {
    let (world, _tokens) = world();
    let known = Sha256::digest("read");
    let near = (0..10_000_000)
        .map(|number| format!("guess-{number}"))
        .find(|guess| Sha256::digest(guess)[..2] == known[..2])
        .unwrap();
    assert_eq!(ask(&world, "GET", "/order/o-1", "read").status, 200);
    let refused = ask(&world, "GET", "/order/o-1", &near);
    assert_eq!(refused.status, 401, "{near}");
}

#[test]
fn a_wrong_token_is_told_nothing() {
    let (world, _tokens) = world();
    let refused = world.server.get("/order/o-1");
    assert_snapshot!(refused);
    let expected = told(&refused);
    // nothing of what exists, of the path, the method, or how near a token was
    for token in [
        "",
        "x",
        "rea",
        "readd",
        "READ",
        "read read",
        "unknown\u{fc}",
    ] {
        for (method, path) in [
            ("GET", "/order/o-1"),
            ("GET", "/order/unknown"),
            ("GET", "/order/a%00b?limit=x"),
            ("GET", "/no/such/route"),
            ("DELETE", "/order/o-1"),
            SEND,
        ] {
            let refused = ask(&world, method, path, token);
            assert_eq!(told(&refused), expected, "{method} {path} {token}");
        }
    }
    let hash = line("x", "read", "read");
    let hash = hash.split(' ').nth(1).unwrap();
    assert_eq!(told(&ask(&world, "GET", "/order/o-1", hash)), expected);
    for headers in [
        &[("authorization", "Basic cmVhZDpyZWFk")][..],
        &[("authorization", "read")],
        &[
            ("authorization", "Bearer read"),
            ("authorization", "Bearer read"),
        ],
        &[("x-api-key", "read")],
        &[("cookie", "token=read")],
    ] {
        let refused = world.server.request("GET", "/order/o-1", headers, b"");
        assert_eq!(told(&refused), expected, "{headers:?}");
    }
    let refused = world.server.get("/order/o-1?access_token=read&token=read");
    assert_eq!(told(&refused), expected);
}

#[test]
fn a_role_allows_what_it_says_and_no_more() {
    let (world, _tokens) = world();
    let forbidden = ask(&world, "GET", "/order/o-1", "write");
    assert_snapshot!(forbidden);
    let expected = told(&forbidden);
    let cases = [
        ("GET", "/order/o-1", "read"),
        ("GET", "/order/unknown", "read"),
        ("GET", "/no/such/route", "read"),
        ("HEAD", "/order/o-1/latest", "read"),
        (
            "GET",
            "/notifications/01890000-0000-7000-8000-000000000000",
            "read",
        ),
        ("GET", "/customer/c-2/notifications", "read"),
        ("GET", "/metrics/", "read"),
        ("GET", "/metrics", "metrics"),
        ("HEAD", "/%6detrics", "metrics"),
        ("POST", "/send-notification", "write"),
        ("DELETE", "/order/o-1", "write"),
        ("POST", "/metrics", "write"),
        ("PUT", "/customer/c-1/notifications", "write"),
    ];
    for (method, path, right) in cases {
        for role in ROLES {
            let answer = ask(&world, method, path, role);
            if role == right {
                assert!(
                    !matches!(answer.status, 401 | 403),
                    "{method} {path} {role} {answer}"
                );
            } else if method == "HEAD" {
                assert_eq!(answer.status, 403, "{method} {path} {role}");
            } else {
                assert_eq!(told(&answer), expected, "{method} {path} {role}");
            }
        }
        assert!(
            !matches!(ask(&world, method, path, "all").status, 401 | 403),
            "{path}"
        );
    }
}

#[test]
fn a_customer_reads_their_own_feed_however_it_is_spelled() {
    let (world, _tokens) = world();
    let status = |path: &str, token: &str| {
        let answer = ask(&world, "GET", path, token);
        assert_eq!(
            ask(&world, "HEAD", path, token).status,
            answer.status,
            "{path}"
        );
        answer.status
    };
    let page = ask(
        &world,
        "GET",
        "/customer/c-1/notifications?limit=1",
        "customer:c-1",
    );
    assert_eq!(page.ids(), [Row::new(2).id.to_string()]);
    let next = format!("/customer/c-1/notifications{}", page.next().unwrap());
    let page = ask(&world, "GET", &next, "customer:c-1");
    assert_eq!(page.ids(), [Row::new(1).id.to_string()]);
    for (path, status_of_c1, status_of_ab) in [
        ("/customer/c%2D1/notifications", 200, 403),
        ("/%63ustomer/c%2d1/%6eotifications", 200, 403),
        ("/customer/c-1/notifications?limit=0", 400, 403),
        ("/customer/a%2Fb/notifications", 403, 200),
        ("/customer/a%2fb/notifications", 403, 200),
        ("/customer/c%252D1/notifications", 403, 403),
        ("/customer/a%252Fb/notifications", 403, 403),
        ("/customer/a/b/notifications", 403, 403),
        ("/customer/c-1/notifications/", 403, 403),
        ("/customer/c-1%00/notifications", 403, 403),
        ("/customer/c-1%20/notifications", 403, 403),
        ("/customer/C-1/notifications", 403, 403),
        ("/customer/x/../c-1/notifications", 403, 403),
        ("/customer/c-1/../c-2/notifications", 403, 403),
        ("/customer/%2e%2e/notifications", 403, 403),
        ("/customer/c-1;c-2/notifications", 403, 403),
        ("//customer/c-1/notifications", 403, 403),
        ("/customer/c-1", 403, 403),
        ("/order/o-1", 403, 403),
        ("/order/c-1", 403, 403),
        ("/runner/c-1/notifications", 403, 403),
        ("/notifications?customerId=c-1", 403, 403),
        ("/events/stream", 403, 403),
        ("/events/stream?customerId=c-2", 403, 403),
        ("/events/stream?orderId=c-1", 403, 403),
        ("/events/stream?customerId=c-1&customerId=c-2", 403, 403),
        ("/events/stream?customerId=c-2&customerId=c-1", 403, 403),
        ("/events/stream?customerId=c-1&customer%49d=c-2", 403, 403),
    ] {
        assert_eq!(status(path, "customer:c-1"), status_of_c1, "{path}");
        assert_eq!(status(path, "customer:a%2Fb"), status_of_ab, "{path}");
    }
    let asked = ask(
        &world,
        "GET",
        "/customer/a%2Fb/notifications",
        "customer:a%2Fb",
    );
    assert_eq!(asked.ids(), [Row::new(3).id.to_string()]);
    // to send in a customer's name is not to read it
    let (method, path) = SEND;
    assert_eq!(ask(&world, method, path, "customer:c-1").status, 403);
}

#[test]
fn a_browser_may_ask_before_it_has_a_token() {
    let (world, _tokens) = world();
    let preflight = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
    ];
    let answer = world
        .server
        .request("OPTIONS", "/order/o-1", &preflight, b"");
    assert!(!matches!(answer.status, 401 | 403), "{answer}");
    // only before, and only so
    assert_eq!(
        world
            .server
            .request("GET", "/order/o-1", &preflight, b"")
            .status,
        401
    );
    assert_eq!(
        world
            .server
            .request("OPTIONS", "/order/o-1", &preflight[..1], b"")
            .status,
        401
    );
}

#[test]
fn a_file_that_changes_counts_from_then_on() {
    let (world, tokens) = world();
    let status = |token: &str| ask(&world, "GET", "/order/o-1", token).status;
    let until = |what: &str, token: &str, expected: u16| {
        wait_for(what, LIMIT, || (status(token) == expected).then_some(())).unwrap();
    };
    assert_eq!((status("read"), status("new")), (200, 401));
    tokens.replace(&line("new", "new", "read"));
    until("the new token", "new", 200);
    assert_eq!(status("read"), 401);
    // written in place, with the same length and within the same tick of the clock
    fs::write(&tokens.path, line("two", "two", "read")).unwrap();
    fs::write(&tokens.path, line("new", "neu", "read")).unwrap();
    until("the newest token", "neu", 200);
    assert_eq!((status("new"), status("two")), (401, 401));

    // what cannot be used changes nothing, and what can be used again does
    for broken in ["neu", &line("a b", "neu", "read")] {
        tokens.replace(broken);
        std::thread::sleep(Duration::from_millis(1200)); // longer than between two looks
        assert_eq!((status("neu"), status("new")), (200, 401), "{broken}");
    }
    fs::remove_file(&tokens.path).unwrap();
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(status("neu"), 200);
    assert_eq!(world.server.get("/readyz").status, 200);
    tokens.replace(&line("new", "new", "read"));
    until("the file to be back", "new", 200);
    assert_eq!(status("neu"), 401);

    tokens.replace("# nobody\n");
    until("nobody to be let in", "new", 401);
}

#[test]
fn without_a_file_everybody_may_and_the_log_says_so() {
    let database = database_with_an_order();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("RUST_LOG", "info".to_owned()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut program = crate::process::program(&variables, &[]);
    let mut running = program
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = std::io::BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("API_TOKENS_FILE is not set") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut log, &mut line).unwrap(), 0);
        assert!(!line.contains("listening"), "{line}");
    }
    assert!(line.contains("WARN"), "{line}");
    running.kill().unwrap();
    running.wait().unwrap();

    let world = World::new();
    assert_eq!(ask(&world, "GET", "/order/o-1", "anything").status, 200);
    let (method, path) = SEND;
    assert_eq!(ask(&world, method, path, "anything").status, 201);
}

#[test]
fn a_file_that_cannot_be_used_is_told_at_the_start() {
    let url = ("DATABASE_URL", "postgresql://u@localhost/db");
    let broken = Tokens::new("id s3cr3t read 2026-01-05T10:00:00Z\n");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (file, sentence) in [
        ("", "API_TOKENS_FILE: it is empty"),
        ("/nowhere/tokens", "No such file"),
        (folder, "Is a directory"),
        (broken.path.to_str().unwrap(), "line 1: the hash must be"),
    ] {
        let finished = ends(&[url, ("API_TOKENS_FILE", file)], &[]);
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        assert!(
            finished.stderr.contains(sentence),
            "{sentence}: {finished:?}"
        );
        assert!(!finished.stderr.contains("s3cr3t"), "{finished:?}");
    }
}

#[test]
fn the_log_tells_whose_token_it_was_and_never_the_token() {
    let database = database_with_an_order();
    let tokens = Tokens::new(&line("the-desk", "s3cr3t", "read"));
    let variables = [
        ("DATABASE_URL", &*database.url()),
        ("API_TOKENS_FILE", tokens.path.to_str().unwrap()),
        ("RUST_LOG", "trace"),
    ];
    let running = Running::start(&variables, &[]);
    for (path, token, expected) in [
        ("/order/o-1", "s3cr3t", 200),
        ("/send-notification", "s3cr3t", 405),
        ("/order/o-1", "s3cr3t-unknown", 401),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let answer = crate::http::request(running.address, "GET", path, &headers, b"").unwrap();
        assert_eq!(answer.status, expected, "{answer}");
        assert!(!answer.to_string().contains("s3cr3t"), "{answer}");
    }
    tokens.replace("the-desk s3cr3t read\n");
    std::thread::sleep(Duration::from_millis(1200)); // longer than between two looks
    running.signal("TERM");
    let (_, log) = running.end();
    assert!(log.contains("GET /order/o-1 200"), "{log}");
    assert!(log.contains(" token the-desk"), "{log}");
    assert!(!log.contains("s3cr3t"), "{log}");
}
