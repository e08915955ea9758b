//! `Idempotency-Key`: a request that is sent again is done once.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use notif_api::Access;
use notif_testbed::{Postgres, PostgresOptions, Proxy, TestDatabase, wait_for};

use crate::http::Response;
use crate::send::lasting;
use crate::server::{Server, World, sql};
use crate::tokens::{Tokens, line};

const LIMIT: Duration = Duration::from_secs(20);
const SMALL: &str = r#"{"customerId":"c-1","orderId":"o-1","event":"on its way"}"#;

fn send(server: &Server, key: &str, body: &str) -> Response {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    server.request("POST", "/send-notification", &headers, body.as_bytes())
}

fn is_replay(response: &Response) -> bool {
    assert_eq!(response.status, 201, "{response}");
    match response.header("idempotency-replay") {
        None => false,
        Some(value) => value == "true" || panic!("{response}"),
    }
}

fn count(world: &World) -> (String, String, String) {
    let count = |table: &str| world.sql(&format!("SELECT count(*) FROM {table}"));
    (
        count("notifications"),
        count("batches"),
        count("idempotency_keys"),
    )
}

#[test]
fn the_same_request_is_answered_the_same_and_done_once() {
    let world = World::new();
    let first = send(&world.server, "k-1", SMALL);
    assert!(!is_replay(&first));
    let again = send(&world.server, "k-1", SMALL);
    assert!(is_replay(&again));
    assert_snapshot!(lasting(&again));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(count(&world), ("1".into(), "1".into(), "1".into()));
    // without a key, or with another one, it is another request
    assert_eq!(world.server.send(SMALL).status, 201);
    assert!(!is_replay(&send(&world.server, "k-2", SMALL)));
    assert!(!is_replay(&send(&world.server, "K-1", SMALL)));
    assert_eq!(count(&world), ("4".into(), "4".into(), "3".into()));
}

#[test]
fn requests_are_compared_by_what_they_say() {
    let world = World::new();
    let body = |event: &str| format!(r#"{{"customerId":"c-1","orderId":"o-1","event":{event}}}"#);
    let event = r#"{"a":[1,"x",null],"b":{"n":1.50}}"#;
    let first = send(&world.server, "k", &body(event));
    assert!(!is_replay(&first));
    for same in [
        body(r#" { "b" : { "n" : 1.50 } , "a" : [1, "\u0078", null] } "#),
        format!(r#"{{"runnerId":null,"event":{event},"orderId":"o-1","customerId":"c-1"}}"#),
        format!(r#"{{"\u0065vent":{event},"orderId":"\u006f-1","customerId":"c-1"}}"#),
    ] {
        let again = send(&world.server, "k", &same);
        assert!(is_replay(&again), "{same}");
        assert_eq!(again.body, first.body, "{same}");
    }
    let refused = send(&world.server, "k", SMALL);
    assert_snapshot!(refused);
    for other in [
        body(event).replace("c-1", "c-2"),
        body(event).replace("o-1", "o-2"),
        body(event).replace(r#""event""#, r#""runnerId":"r-1","event""#),
        body(r#"{"a":["x",1,null],"b":{"n":1.50}}"#),
        body(r#"{"a":[1,"x",null],"b":{"n":1.51}}"#),
        body(r#"{"a":[1,"x",null],"b":{"n":"1.50"}}"#),
        body(r#"{"a":[1,"x"],"b":{"n":1.50}}"#),
    ] {
        assert_eq!(send(&world.server, "k", &other).status, 422, "{other}");
    }
    // a text and the object that it becomes are stored the same
    assert!(!is_replay(&send(&world.server, "text", SMALL)));
    assert!(is_replay(&send(
        &world.server,
        "text",
        &body(r#"{"message":"on its way"}"#)
    )));
    assert_eq!(count(&world), ("2".into(), "2".into(), "2".into()));
}

#[test]
fn a_refused_request_keeps_no_key() {
    let world = World::new();
    for (body, status) in [
        ("{", 400),
        (r#"{"customerId":"c-1"}"#, 400),
        (&"x".repeat(70_000), 413),
    ] {
        assert_eq!(send(&world.server, "k", body).status, status);
    }
    world.sql("ALTER TABLE notifications ADD CONSTRAINT no CHECK (order_id <> 'o-1') NOT VALID");
    assert_eq!(send(&world.server, "k", SMALL).status, 503);
    world.sql("ALTER TABLE notifications DROP CONSTRAINT no");
    assert_eq!(count(&world), ("0".into(), "0".into(), "0".into()));
    assert!(!is_replay(&send(&world.server, "k", SMALL)));
}

#[test]
fn what_is_no_key_is_refused() {
    let world = World::new();
    assert_snapshot!(send(&world.server, "two words", SMALL));
    let long = "k".repeat(256);
    for key in ["", "k\tk", "k\u{fc}", "\u{1f511}", &long] {
        let refused = send(&world.server, key, SMALL);
        assert_eq!(refused.status, 400, "{key}: {refused}");
        assert_eq!(
            refused.refused_fields(),
            ["header.Idempotency-Key"],
            "{key}"
        );
    }
    let twice = [
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
        ("idempotency-key", "k"),
    ];
    let refused = world
        .server
        .request("POST", "/send-notification", &twice, SMALL.as_bytes());
    assert_eq!(refused.refused_fields(), ["header.Idempotency-Key"]);
    assert_eq!(count(&world), ("0".into(), "0".into(), "0".into()));
    for key in [&"k".repeat(255), "!\"'(),;\\~"] {
        assert!(!is_replay(&send(&world.server, key, SMALL)));
        assert!(is_replay(&send(&world.server, key, SMALL)));
    }
}

#[test]
fn a_key_belongs_to_its_token() {
    let text = line("one", "one", "write") + &line("two", "two", "write");
    let tokens = Tokens::new(&text);
    let world = World::with(|config| config.access = Access::by_tokens(&tokens.path).unwrap());
    let send = |token: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "k"),
            ("authorization", &bearer),
        ];
        world
            .server
            .request("POST", "/send-notification", &headers, body.as_bytes())
    };
    assert!(!is_replay(&send("one", SMALL)));
    // neither a replay of what another one sent, nor a word about it
    let other = SMALL.replace("c-1", "c-2");
    assert!(!is_replay(&send("two", &other)));
    assert!(is_replay(&send("one", SMALL)));
    assert!(is_replay(&send("two", &other)));
    assert_eq!(send("one", &other).status, 422);
    assert_eq!(count(&world), ("2".into(), "2".into(), "2".into()));
    assert_eq!(
        world.sql("SELECT string_agg(principal, ' ' ORDER BY principal) FROM idempotency_keys"),
        "one two"
    );
}

#[test]
fn many_at_once_make_one_row() {
    let world = World::new();
    // a second server, as there are several instances
    let other = Server::start(&world.database.url());
    for round in 0..5 {
        let key = format!("k-{round}");
        let answers: Vec<Response> = std::thread::scope(|scope| {
            let servers = [&world.server, &other].into_iter().cycle().take(16);
            let sending: Vec<_> = servers
                .map(|server| scope.spawn(|| send(server, &key, SMALL)))
                .collect();
            let answers = sending.into_iter().map(|one| one.join().unwrap());
            answers.collect()
        });
        let first = answers.iter().filter(|answer| !is_replay(answer)).count();
        assert_eq!(first, 1, "round {round}");
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        let rows = (round + 1).to_string();
        assert_eq!(count(&world), (rows.clone(), rows.clone(), rows));
    }
}

/// Holds the counter row, so that whoever commits waits.
const HOLD: &str = "UPDATE recorder_state SET commit_seq = commit_seq";

/// Waits until so many connections of the API wait for a lock.
fn until_waiting(database: &TestDatabase, connections: &str) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'notif-api' \
                   AND wait_event_type = 'Lock' AND datname = current_database()";
    wait_for("a commit that waits", LIMIT, || {
        (sql(database, waiting) == connections).then_some(())
    })
    .unwrap();
}

#[test]
fn one_that_is_under_way_is_waited_for_and_then_told() {
    let world = World::new();
    let held = world.database.hold(HOLD).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| send(&world.server, "k", SMALL));
        until_waiting(&world.database, "1");
        let started = Instant::now();
        let second = send(&world.server, "k", SMALL);
        let waited = started.elapsed();
        assert_snapshot!(second);
        assert_eq!(second.header("retry-after"), Some("1"));
        assert!(waited >= Duration::from_secs(2), "{waited:?}");
        assert!(waited < Duration::from_secs(4), "{waited:?}");
        // it took no connection from the others meanwhile: the first one alone waits
        until_waiting(&world.database, "1");
        drop(held);
        assert!(!is_replay(&first.join().unwrap()));
    });
    assert!(is_replay(&send(&world.server, "k", SMALL)));
    // one that ends in time is waited for
    let held = world.database.hold(HOLD).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| send(&world.server, "k-2", SMALL));
        until_waiting(&world.database, "1");
        let second = scope.spawn(|| send(&world.server, "k-2", SMALL));
        // it has looked at least once
        let tried = "SELECT nextval('batches_batch_id_seq') > 6";
        wait_for("another attempt", LIMIT, || {
            (world.sql(tried) == "t").then_some(())
        })
        .unwrap();
        drop(held);
        let (first, second) = (first.join().unwrap(), second.join().unwrap());
        assert!(!is_replay(&first) && is_replay(&second));
        assert_eq!(first.body, second.body);
    });
    assert_eq!(count(&world), ("2".into(), "2".into(), "2".into()));
}

/// A server whose connections to its database can be cut.
fn cuttable() -> (Server, Proxy, TestDatabase) {
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = postgres.create_database().unwrap();
    let proxy = Proxy::to(postgres.port()).unwrap();
    let (direct, through) = (postgres.port(), proxy.port());
    let url = database
        .url()
        .replace(&format!(":{direct}/"), &format!(":{through}/"));
    (Server::start(&url), proxy, database)
}

/// Sends, and cuts the connection while it waits in its COMMIT.
fn cut_in_the_commit(server: &Server, proxy: &Proxy, database: &TestDatabase) -> Response {
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| send(server, "k", SMALL));
        until_waiting(database, "1");
        proxy.cut();
        sent.join().unwrap()
    })
}

/// Sends again, as a client does that was told that it may, until it is told the outcome.
fn send_until_told(server: &Server) -> Response {
    wait_for("an outcome", LIMIT, || {
        let again = send(server, "k", SMALL);
        match again.status {
            201 => Some(again),
            409 | 503 => {
                assert!(again.header("retry-after").is_some(), "{again}");
                None
            }
            _ => panic!("{again}"),
        }
    })
    .unwrap()
}

#[test]
fn a_commit_that_was_cut_off_is_found_out_by_sending_again() {
    let (server, proxy, database) = cuttable();
    let held = database.hold(HOLD).unwrap();
    let open = cut_in_the_commit(&server, &proxy, &database);
    assert_snapshot!(open);
    assert_eq!((open.status, open.header("retry-after")), (503, Some("1")));
    proxy.restore();
    // PostgreSQL still works on it: nobody may begin anew
    let again = send(&server, "k", SMALL);
    assert_eq!(again.status, 409, "{again}");
    // it comes about after all
    drop(held);
    assert!(is_replay(&send_until_told(&server)));
    assert_eq!(sql(&database, "SELECT count(*) FROM notifications"), "1");
}

#[test]
fn a_commit_that_was_cut_off_and_lost_is_made_good_by_sending_again() {
    let (server, proxy, database) = cuttable();
    let held = database.hold(HOLD).unwrap();
    let open = cut_in_the_commit(&server, &proxy, &database);
    assert_eq!(open.status, 503, "{open}");
    sql(
        &database,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'notif-api' AND wait_event_type = 'Lock'",
    );
    drop(held);
    proxy.restore();
    assert!(!is_replay(&send_until_told(&server)));
    assert!(is_replay(&send(&server, "k", SMALL)));
    assert_eq!(sql(&database, "SELECT count(*) FROM notifications"), "1");
}

#[test]
fn a_key_is_good_for_a_day_and_then_removed() {
    let world = World::new();
    assert!(!is_replay(&send(&world.server, "k", SMALL)));
    let age = |interval: &str| {
        world.sql(&format!(
            "UPDATE idempotency_keys SET created_at = now() - interval '{interval}'"
        ));
    };
    age("23 h 59 min");
    assert!(is_replay(&send(&world.server, "k", SMALL)));
    age("24 h 1 min");
    // as if it had never been there
    assert!(!is_replay(&send(
        &world.server,
        "k",
        &SMALL.replace("c-1", "c-2")
    )));
    assert_eq!(send(&world.server, "k", SMALL).status, 422);
    // those of others are removed as new ones come in, not all at once
    world.sql(
        "INSERT INTO idempotency_keys SELECT 'other', n::text, ''::bytea, \
             '01890000-0000-7000-8000-000000000000', now() - interval '25 h' - n * interval '1 s' \
         FROM generate_series(1, 1500) AS n; \
         INSERT INTO idempotency_keys VALUES ('other', 'young', '', \
             '01890000-0000-7000-8000-000000000000', now() - interval '23 h')",
    );
    let mut sent = 0;
    let mut left = Vec::new();
    wait_for("old keys to go", LIMIT, || {
        sent += 1;
        assert!(!is_replay(&send(
            &world.server,
            &format!("new-{sent}"),
            SMALL
        )));
        let old = "SELECT count(*) FROM idempotency_keys WHERE principal = 'other'";
        left.push(world.sql(old));
        (left.last().unwrap() == "1").then_some(())
    })
    .unwrap();
    // in two rounds: a thousand, the oldest first, then the rest
    left.dedup();
    assert!(
        left.iter()
            .all(|left| ["1501", "501", "1"].contains(&left.as_str())),
        "{left:?}"
    );
    assert!(left.contains(&"501".to_owned()), "{left:?}");
}

#[test]
fn what_was_redacted_or_removed_since_is_not_brought_back() {
    let world = World::new();
    let first = send(&world.server, "k", SMALL);
    world.sql(
        "ALTER TABLE notifications DISABLE TRIGGER ALL; \
         UPDATE notifications SET customer_id = NULL, event = '{}', status = 'redacted'",
    );
    let redacted = send(&world.server, "k", SMALL);
    assert!(is_replay(&redacted));
    assert_eq!(redacted.header("location"), first.header("location"));
    let object = redacted.json();
    assert_eq!(object["status"], "redacted");
    assert!(object["customerId"].is_null() && !redacted.text().contains("on its way"));
    world.sql("DELETE FROM notifications");
    let removed = send(&world.server, "k", SMALL);
    let id = first.json()["notificationId"].as_str().unwrap().to_owned();
    assert_snapshot!(removed.to_string().replace(&id, "<id>"));
    assert_eq!(count(&world).0, "0");
}
