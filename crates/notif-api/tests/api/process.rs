//! The program itself: what it refuses to start with, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use notif_testbed::process::{Finished, run};
use notif_testbed::{Postgres, PostgresOptions, TestDatabase, wait_for};

use crate::http;
use crate::rows::Row;
use crate::server::{psql, sql};

const LIMIT: Duration = Duration::from_secs(20);

/// The program, with nothing of our environment but what is named.
pub(crate) fn program(variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notif-api"));
    command
        .env_clear()
        .env("HOST", "127.0.0.1")
        .env("PORT", "0");
    command.envs(variables.iter().copied()).args(arguments);
    command
}

pub(crate) fn ends(variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
    run(&mut program(variables, arguments), LIMIT).unwrap()
}

/// The program while it serves.
pub(crate) struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn start(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut child = program(variables, arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        let address = loop {
            let mut line = String::new();
            let read = log.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "it ended before it listened: {seen}");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let of_address = |c: char| c.is_ascii_digit() || ".:".contains(c);
                let end = rest.find(|c| !of_address(c)).unwrap();
                break rest.split_at(end).0.parse().unwrap();
            }
            seen.push_str(&line);
        };
        Self {
            child,
            log,
            address,
        }
    }

    fn get(&self, path: &str) -> http::Response {
        http::request(self.address, "GET", path, &[], b"").unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = run(Command::new("kill").args(["-s", name, &id]), LIMIT).unwrap();
        kill.success().unwrap();
    }

    /// Its exit code, and what it logged since it listened.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = wait_for("its end", LIMIT, || self.child.try_wait().unwrap()).unwrap();
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (status.code(), log)
    }
}

pub(crate) fn database_with_an_order() -> TestDatabase {
    let database = Postgres::shared().create_database().unwrap();
    sql(&database, &Row::new(1).text("order_id", "o-1").insert());
    database
}

#[test]
fn help_names_every_variable() {
    let help = ends(&[], &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert_snapshot!(help.stdout);
    let page = include_str!("../../../../docs/operations.md");
    let (_, table) = page.split_once("| `notif-api` | default |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    for variable in help.stdout.split("[env: ").skip(1) {
        let name = variable.split(['=', ']']).next().unwrap();
        assert!(table.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    let url = ("DATABASE_URL", "postgresql://u@localhost/db");
    let secret = "postgresql://u:s3cr3t@localhost/db";
    let cases: [(&str, Finished); 15] = [
        ("DATABASE_URL is not set", ends(&[], &[])),
        (
            "DATABASE_URL: it is empty",
            ends(&[("DATABASE_URL", " ")], &[]),
        ),
        (
            "DATABASE_URL: its scheme",
            ends(&[("DATABASE_URL", "mysql://u:s3cr3t@h/db")], &[]),
        ),
        (
            "DATABASE_URL: its port",
            ends(&[("DATABASE_URL", "postgresql://u:s3cr3t@h:x/db")], &[]),
        ),
        (
            "--database-url holds a password",
            ends(&[], &["--database-url", secret]),
        ),
        (
            "--migrate-database-url holds a password",
            ends(&[url], &["--migrate", "--migrate-database-url", secret]),
        ),
        ("'--port <PORT>'", ends(&[url, ("PORT", "70000")], &[])),
        (
            "https://app.example.org/ is no origin",
            ends(&[url, ("CORS_ORIGINS", "https://app.example.org/")], &[]),
        ),
        (
            "must be from 1 to 86400",
            ends(&[url, ("KAFKA_POLL_INTERVAL_SECONDS", "0")], &[]),
        ),
        ("'--port <PORT>'", ends(&[url, ("PORT", "http")], &[])),
        (
            "must be from 1 to 200",
            ends(&[url, ("DATABASE_POOL_SIZE", "0")], &[]),
        ),
        (
            "must be on or off",
            ends(&[url, ("DATABASE_PREPARED_STATEMENTS", "maybe")], &[]),
        ),
        (
            "must be text or json",
            ends(&[url, ("LOG_FORMAT", "xml")], &[]),
        ),
        (
            "must be from 1 to 256",
            ends(&[url, ("HTTP_WORKERS", "0")], &[]),
        ),
        (
            "unexpected argument '--prot'",
            ends(&[url], &["--prot", "1"]),
        ),
    ];
    for (sentence, finished) in cases {
        assert_eq!(finished.status.code(), Some(2), "{sentence}: {finished:?}");
        assert!(
            finished.stderr.contains(sentence),
            "{sentence}: {finished:?}"
        );
        assert!(!finished.stderr.contains("s3cr3t"), "{finished:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let database = database_with_an_order();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let finished = ends(&[("DATABASE_URL", &database.url()), ("PORT", &port)], &[]);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(
        finished
            .stderr
            .contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{finished:?}"
    );
}

#[test]
fn a_schema_that_does_not_fit_ends_it_with_7() {
    let empty = Postgres::shared().empty_database().unwrap();
    let finished = ends(&[("DATABASE_URL", &empty.url())], &[]);
    assert_eq!(finished.status.code(), Some(7), "{finished:?}");
    assert!(
        finished.stderr.contains("notif-api --migrate"),
        "{finished:?}"
    );

    sql(
        &empty,
        "CREATE TABLE notifications (notification_id varchar(36) PRIMARY KEY)",
    );
    for arguments in [&[][..], &["--migrate"]] {
        let foreign = ends(&[("DATABASE_URL", &empty.url())], arguments);
        assert_eq!(foreign.status.code(), Some(7), "{foreign:?}");
        assert!(foreign.stderr.contains("Python version"), "{foreign:?}");
    }

    let newer = database_with_an_order();
    sql(&newer, "UPDATE recorder_state SET min_binary = '999.0.0'");
    let finished = ends(&[("DATABASE_URL", &newer.url())], &[]);
    assert_eq!(finished.status.code(), Some(7), "{finished:?}");
    assert!(finished.stderr.contains("999.0.0"), "{finished:?}");
}

#[test]
fn it_migrates_and_serves() {
    let empty = Postgres::shared().empty_database().unwrap();
    let url = empty.url();
    // the owner's address, where there is one; white space around values does not count
    let owner = format!(" {url} ");
    let nowhere = "postgresql://nobody@127.0.0.1:1/nothing";
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("MIGRATE_DATABASE_URL", owner.as_str()),
    ];
    let running = Running::start(&variables, &["--migrate"]);
    assert_eq!(running.get("/readyz").status, 200);
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));

    let unreachable = [
        ("DATABASE_URL", url.as_str()),
        ("MIGRATE_DATABASE_URL", nowhere),
    ];
    let finished = ends(&unreachable, &["--migrate"]);
    assert_eq!(finished.status.code(), Some(3), "{finished:?}");
}

#[test]
fn several_may_migrate_at_once() {
    let empty = Postgres::shared().empty_database().unwrap();
    let url = empty.url();
    let running: Vec<_> = std::thread::scope(|scope| {
        let start = || Running::start(&[("DATABASE_URL", &url)], &["--migrate"]);
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(start)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for one in running {
        assert_eq!(one.get("/readyz").status, 200);
        one.signal("TERM");
        assert_eq!(one.end().0, Some(0));
    }
}

#[test]
fn it_serves_without_a_database_and_says_why_it_is_not_ready() {
    let variables = [(
        "DATABASE_URL",
        "postgresql://nobody:s3cr3t@127.0.0.1:1/nothing",
    )];
    let running = Running::start(&variables, &[]);
    let refused = wait_for("503", LIMIT, || {
        Some(running.get("/readyz")).filter(|answer| answer.status == 503)
    });
    assert!(refused.unwrap().text().contains("database-unavailable"));
    assert_eq!(running.get("/livez").status, 200);
    running.signal("TERM");
    let (code, log) = running.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("cannot reach PostgreSQL"), "{log}");
    assert!(!log.contains("s3cr3t"), "{log}");
}

/// Locks the table for `seconds`, and waits until it is locked.
fn lock(database: &TestDatabase, seconds: f64) -> Child {
    let lock = format!("BEGIN; LOCK TABLE notifications; SELECT pg_sleep({seconds}); COMMIT");
    let holder = psql(database, &lock).stdout(Stdio::null()).spawn().unwrap();
    let locked = "SELECT count(*) FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'AccessExclusiveLock' AND granted \
                  AND relation = 'notifications'::regclass";
    wait_for("the lock", LIMIT, || {
        (sql(database, locked) == "1").then_some(())
    })
    .unwrap();
    holder
}

#[test]
fn told_to_stop_it_answers_what_was_asked_and_takes_nothing_new() {
    let database = database_with_an_order();
    let running = Running::start(&[("DATABASE_URL", &database.url())], &[]);
    assert_eq!(running.get("/order/o-1/latest").status, 200);
    // a client that keeps its connection and asks nothing must not hold the end up
    let idle = TcpStream::connect(running.address).unwrap();
    let mut holder = lock(&database, 1.5);
    let address = running.address;
    let (answer, (code, log), took) = std::thread::scope(|scope| {
        let asked = scope
            .spawn(move || http::request(address, "GET", "/order/o-1/latest", &[], b"").unwrap());
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'notif-api' \
                       AND wait_event_type = 'Lock'";
        wait_for("a request that waits", LIMIT, || {
            (sql(&database, waiting) == "1").then_some(())
        })
        .unwrap();
        let started = Instant::now();
        running.signal("TERM");
        wait_for("no new connections", LIMIT, || {
            TcpStream::connect(address).err()
        })
        .unwrap();
        let ended = running.end();
        (asked.join().unwrap(), ended, started.elapsed())
    });
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(idle);
    holder.wait().unwrap();
}

#[test]
fn told_twice_it_stops_at_once() {
    let database = database_with_an_order();
    let running = Running::start(&[("DATABASE_URL", &database.url())], &[]);
    // half a request keeps its connection busy
    let mut half = TcpStream::connect(running.address).unwrap();
    half.write_all(
        b"POST /send-notification HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\
                     content-type: application/json\r\n\r\n{",
    )
    .unwrap();
    assert_eq!(running.get("/livez").status, 200);
    let started = Instant::now();
    running.signal("INT");
    wait_for("no new connections", LIMIT, || {
        TcpStream::connect(running.address).err()
    })
    .unwrap();
    running.signal("INT");
    assert_eq!(running.end().0, Some(0));
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    drop(half);
}

#[test]
fn a_silent_database_does_not_hold_the_end_up() {
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = postgres.create_database().unwrap();
    let running = Running::start(&[("DATABASE_URL", &database.url())], &[]);
    assert_eq!(running.get("/order/o-1").status, 200);
    postgres.pause().unwrap();
    assert_eq!(running.get("/order/o-1").status, 503);
    let started = Instant::now();
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
    assert!(
        started.elapsed() < Duration::from_secs(12),
        "{:?}",
        started.elapsed()
    );
    postgres.resume().unwrap();
}

#[test]
fn each_request_is_one_line_without_its_payload() {
    let database = database_with_an_order();
    let variables = [("DATABASE_URL", &*database.url()), ("LOG_FORMAT", "json")];
    let running = Running::start(&variables, &[]);
    let id = [("x-request-id", "trace-1")];
    http::request(running.address, "GET", "/order/o-1?limit=1", &id, b"").unwrap();
    http::request(running.address, "GET", "/livez", &id, b"").unwrap();
    let json = [
        ("content-type", "application/json"),
        ("x-request-id", "trace-2"),
    ];
    let body = br#"{"customerId":"c","orderId":"o","event":"a secret between us"}"#;
    http::request(running.address, "POST", "/send-notification", &json, body).unwrap();
    running.signal("TERM");
    let (_, log) = running.end();
    assert!(!log.contains("secret"), "{log}");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |id: &str| {
        let mine = |line: &&serde_json::Value| line["msg"].as_str().unwrap().contains(id);
        let found: Vec<_> = lines.iter().filter(mine).collect();
        assert_eq!(found.len(), 1, "{log}");
        found[0]["msg"].as_str().unwrap().to_owned()
    };
    assert!(of("trace-1").starts_with("GET /order/o-1 200 "), "{log}");
    assert!(
        of("trace-2").starts_with("POST /send-notification 201 "),
        "{log}"
    );
    assert!(
        lines
            .iter()
            .all(|line| line["level"] == "info" && line["ts"].is_string()),
        "{log}"
    );
}
