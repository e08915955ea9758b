//! One reader of the database serves all streams: what PostgreSQL is asked does not grow with them.

use std::fs;
use std::time::{Duration, Instant};

use notif_testbed::{Postgres, PostgresOptions, TestDatabase, wait_until};

use super::client::{LIMIT, Stream};
use super::commit::commit_numbers;
use crate::server::Server;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A database on a server whose log has every statement.
fn logged() -> TestDatabase {
    let options = PostgresOptions {
        settings: vec![("log_statement".to_owned(), "all".to_owned())],
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(&options).unwrap();
    postgres.create_database().unwrap()
}

/// How often the API has asked a table.
fn asked(database: &TestDatabase, table: &str) -> usize {
    executed(database, &format!("FROM \"{table}\""))
}

/// How many statements of the API had these words: it alone asks in PostgreSQL's extended protocol,
/// whose statements are logged as executions before they are executed.
fn executed(database: &TestDatabase, words: &str) -> usize {
    let log = fs::read(database.server().folder().join("log")).unwrap();
    let log = String::from_utf8_lossy(&log);
    let executed = log.lines().filter(|line| line.contains("LOG:  execute "));
    executed.filter(|line| line.contains(words)).count()
}

/// Waits for as long as ten pauses of a reader: the freshness of the record is looked up once a second.
fn ten_pauses(database: &TestDatabase) {
    let looks = || executed(database, "SELECT drained_through");
    let before = looks();
    wait_until("two looks at the freshness", LIMIT, || {
        looks() >= before + 2
    })
    .unwrap();
}

/// Commits a batch of ten rows, which each stream gets; how often rows were asked for meanwhile.
fn rows_asked(database: &TestDatabase, streams: &mut [Stream], from: i64) -> usize {
    let before = asked(database, "notifications");
    let numbers: Vec<i64> = (from..from + 10).collect();
    commit_numbers(database, numbers.iter().copied());
    for stream in streams {
        assert_eq!(stream.numbers(10), numbers);
    }
    asked(database, "notifications") - before
}

/// Waits for ten looks at the tail: there are no more of them than one reader has that pauses after
/// each.
fn looks_are_those_of_one_reader(database: &TestDatabase) {
    let started = Instant::now();
    let before = asked(database, "batches");
    wait_until("ten looks", LIMIT, || {
        asked(database, "batches") >= before + 10
    })
    .unwrap();
    let looks = asked(database, "batches") - before;
    let pauses = started.elapsed().as_millis() / LOOK_EVERY.as_millis();
    // the first one may have followed a pause that began before
    let most = usize::try_from(pauses).unwrap() + 1;
    assert!(looks <= most, "{looks} looks, of one reader at most {most}");
}

#[test]
fn forty_streams_ask_the_database_what_one_does() {
    let database = logged();
    let server = Server::start_with(&database.url(), |config| {
        config.streams.look_every = LOOK_EVERY;
    });
    let mut streams = vec![Stream::open(server.address(), "")];
    let by_one = rows_asked(&database, &mut streams, 0);
    assert!(by_one > 0, "the log has no statements");
    looks_are_those_of_one_reader(&database);
    // with filters, too: all of them show these rows
    let queries = [
        "",
        "?eventType=order.*",
        "?topic=order_events",
        "?status=captured",
    ];
    let more = queries.iter().cycle().take(39);
    streams.extend(more.map(|query| Stream::open(server.address(), query)));
    let by_forty = rows_asked(&database, &mut streams, 100);
    assert_eq!((streams.len(), by_forty), (40, by_one));
    looks_are_those_of_one_reader(&database);
}

#[test]
fn the_tail_asks_nothing_while_nobody_follows() {
    let database = logged();
    let server = Server::start_with(&database.url(), |config| {
        config.streams.look_every = LOOK_EVERY;
    });
    let looks = || asked(&database, "batches");
    let followed_by = |streams: usize| {
        let gauge = format!("notif_streams_open {streams}\n");
        wait_until("the number of streams", LIMIT, || {
            server.get("/metrics").text().contains(&gauge)
        })
        .unwrap();
    };
    ten_pauses(&database);
    assert_eq!(looks(), 0);
    let mut stream = Stream::open(server.address(), "");
    followed_by(1);
    commit_numbers(&database, [1]);
    assert_eq!(stream.numbers(1), [1]);
    drop(stream);
    followed_by(0);
    // one may have begun before
    ten_pauses(&database);
    let before = looks();
    assert!(before > 0, "the log has no statements");
    ten_pauses(&database);
    assert_eq!(looks(), before);
}
