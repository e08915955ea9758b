//! More is asked than can be answered, or by clients that do not behave: what is accepted is
//! answered in bounded time, the rest is told so, and it ends by itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use notif_testbed::{Postgres, PostgresOptions, TestDatabase, wait_for};

use crate::http::{self, Response};
use crate::rows::{Row, insert_many};
use crate::server::{Server, World, sql};
use crate::slow_clients::ask_and_stop_reading;

const LIMIT: Duration = Duration::from_secs(20);
const SMALL: &str = r#"{"customerId":"c","orderId":"o","event":"e"}"#;

/// So many clients at once, each with a connection of its own: what they are answered, and after how
/// long the last one was.
fn burst(address: SocketAddr, clients: usize, path: &str) -> (Vec<Response>, Duration) {
    let started = Instant::now();
    let answers = timed_burst(address, clients, path);
    let answers = answers.into_iter().map(|(answer, _)| answer).collect();
    (answers, started.elapsed())
}

/// The same; how long after its request each answer was there.
fn timed_burst(address: SocketAddr, clients: usize, path: &str) -> Vec<(Response, Duration)> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    let connections: Vec<TcpStream> = (0..clients)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut clients: Vec<_> = connections
        .into_iter()
        .map(|mut connection| {
            let sent = Instant::now();
            connection.write_all(head.as_bytes()).unwrap();
            connection.set_nonblocking(true).unwrap();
            Client {
                connection,
                sent,
                answer: Vec::new(),
                took: None,
            }
        })
        .collect();
    // all of them again and again: one that is not answered hides none that is
    wait_for("all answers", LIMIT, || {
        clients.iter_mut().for_each(Client::look);
        clients.iter().all(|one| one.took.is_some()).then_some(())
    })
    .unwrap();
    let answered = |client: Client| (http::parse(&client.answer), client.took.unwrap());
    clients.into_iter().map(answered).collect()
}

/// One of many, that waits for its answer.
struct Client {
    connection: TcpStream,
    sent: Instant,
    answer: Vec<u8>,
    /// Once the answer is whole.
    took: Option<Duration>,
}

impl Client {
    /// Takes what is there of the answer.
    fn look(&mut self) {
        if self.took.is_some() {
            return;
        }
        match self.connection.read_to_end(&mut self.answer) {
            Ok(_) => self.took = Some(self.sent.elapsed()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|one| one.status == status).count()
}

/// An answer that has another status.
fn others(answers: &[Response], status: u16) -> String {
    let other = answers.iter().find(|one| one.status != status);
    other.map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_thousand_clients_at_once_are_all_answered() {
    let world = World::new();
    world.sql(&insert_many(50, "o-1", "c-1"));
    let (answers, took) = burst(world.server.address(), 1000, "/order/o-1");
    let (served, refused) = (count(&answers, 200), count(&answers, 503));
    assert_eq!(served + refused, 1000, "{}", others(&answers, 200));
    // however slow the machine is: who is not refused is answered, and within the time to wait
    assert!(served >= 100, "{served}");
    assert!(took < LIMIT, "{took:?}");
}

/// How long a request waits for its turn, and how many may wait.
const TURN_LIMIT: Duration = Duration::from_secs(2);
const PLACES: usize = 1000;

#[test]
fn more_than_can_wait_are_told_so_at_once() {
    // both connections are in use
    more_than_can_wait("/order/o-1", 2);
}

#[test]
fn more_than_can_wait_for_the_newest_are_told_so_at_once() {
    // one of the two is the line, and whoever waited for that in vain waits with the others
    more_than_can_wait("/order/o-1/latest", 1);
}

/// All but those who are `asking` the database and those for whom there is a place to wait.
fn more_than_can_wait(path: &str, asking: usize) {
    let world = World::with(|config| config.pool_size = 2);
    world.sql(&Row::new(1).text("order_id", "o-1").insert());
    assert_eq!(world.server.get(path).status, 200);
    let held = world.database.hold("LOCK TABLE notifications").unwrap();
    let refused_at_once = || {
        let answers = timed_burst(world.server.address(), 1500, path);
        for (answer, took) in &answers {
            assert_eq!(answer.status, 503, "{answer}");
            assert!(answer.header("retry-after").is_some(), "{answer}");
            // 2 s to wait for a turn, and 2 s for a statement; the rest is the machine's
            assert!(*took < Duration::from_secs(12), "{took:?}");
        }
        // nobody who has a place is told before its time is over
        let is_early = |took: &Duration| *took < TURN_LIMIT * 3 / 4;
        answers.iter().filter(|(_, took)| is_early(took)).count()
    };
    // a machine that is busy may take so long to send them all that places are free again: once more then
    wait_for(
        "a refusal at once of all that have no place",
        LIMIT * 3,
        || {
            // the look at the freshness may be one of those who ask or wait
            let (least, refused) = (1500 - PLACES - asking, refused_at_once());
            (least..=least + 1).contains(&refused).then_some(())
        },
    )
    .unwrap();
    // an overload is no failure, and it is over with its cause
    assert_eq!(world.server.get("/readyz").status, 200);
    drop(held);
    wait_for("the API serves again", LIMIT, || {
        (world.server.get(path).status == 200).then_some(())
    })
    .unwrap();
    let (answers, _) = burst(world.server.address(), 200, path);
    assert_eq!(count(&answers, 200), 200);
}

#[test]
fn writers_that_wait_hold_no_reader_up_and_are_told_so() {
    let world = World::with(|config| config.pool_size = 4);
    world.sql(&Row::new(1).text("order_id", "o-1").insert());
    let counter = "UPDATE recorder_state SET commit_seq = commit_seq";
    let held = world.database.hold(counter).unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        let writing: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| world.server.send(SMALL)))
            .collect();
        let locked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                       AND application_name = 'notif-api' AND datname = current_database()";
        wait_for("writers that wait", LIMIT, || {
            (world.sql(locked) == "2").then_some(())
        })
        .unwrap();
        for _ in 0..20 {
            assert_eq!(world.server.get("/order/o-1").status, 200);
        }
        assert_eq!(world.server.get("/readyz").status, 200);
        assert!(
            writing.iter().any(|one| !one.is_finished()),
            "all of them are back already"
        );
        for one in writing {
            let refused = one.join().unwrap();
            assert_eq!(refused.status, 503, "{refused}");
            assert!(refused.header("retry-after").is_some(), "{refused}");
        }
    });
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    drop(held);
    // none of them was stored after all
    assert_eq!(world.server.send(SMALL).status, 201);
    assert_eq!(world.sql("SELECT count(*) FROM notifications"), "2");
}

fn is_end(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// Whether the other side has ended the connection: what is left of the answer is read first.
fn is_cut_off(client: &mut TcpStream) -> bool {
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let mut rest = Vec::new();
    match client.read_to_end(&mut rest) {
        Err(error) if is_end(&error) => true,
        other => panic!("{other:?} after {} bytes", rest.len()),
    }
}

#[test]
fn a_client_that_reads_nothing_more_is_cut_off() {
    let world = World::with(|config| config.stall_limit = Duration::from_secs(1));
    // more than the kernels of both sides hold
    let large = r#"'{"payload": "' || repeat('x', 7 * 1024 * 1024) || '"}'"#;
    world.sql(&Row::new(1).text("order_id", "large").event(large).insert());
    let path = "/order/large/latest";
    // to print so much may take a busy machine longer than a statement may
    let served = || {
        wait_for("the large reply", LIMIT, || {
            (world.server.get(path).status == 200).then_some(())
        })
        .unwrap();
    };
    served();
    let mut slow: Vec<_> = (0..2)
        .map(|_| ask_and_stop_reading(world.server.address(), path))
        .collect();
    // by the kernel's clock, which no other work on the machine holds up
    std::thread::sleep(Duration::from_secs(4));
    assert!(slow.iter_mut().all(is_cut_off));
    served();
}

/// What is answered below the API, by the HTTP server: no problem document, and the end of the
/// connection.
#[test]
fn what_is_no_http_is_refused_and_ends_the_connection() {
    let world = World::new();
    let long = "x".repeat(200_000);
    let many = "a: b\r\n".repeat(97);
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /health HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /health\u{1} HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("GET /health HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400),
        (format!("GET /health HTTP/1.1\r\n{many}\r\n"), 431),
        (
            "POST /send-notification HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
                .to_owned(),
            400,
        ),
        (
            "POST /send-notification HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_owned(),
            400,
        ),
        (
            "POST /send-notification HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n".to_owned(),
            400,
        ),
        (
            "POST /send-notification HTTP/1.1\r\ncontent-length: 5\r\n\
             transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            400,
        ),
    ] {
        let shown: String = request.chars().take(60).collect();
        let refused = http::raw(world.server.address(), request.as_bytes()).unwrap();
        assert_eq!(refused.status, status, "{shown}: {refused}");
        assert_eq!(refused.body, b"", "{shown}");
    }
    // what is longer than it reads: the end may come before the answer is read
    for request in [
        format!("GET /{long} HTTP/1.1\r\nhost: test\r\n\r\n"),
        format!("GET /health HTTP/1.1\r\nx: {long}\r\n\r\n"),
    ] {
        match http::raw(world.server.address(), request.as_bytes()) {
            Ok(refused) => assert_eq!(refused.status, 431, "{refused}"),
            Err(error) => assert!(is_end(&error), "{error}"),
        }
    }
    // the server is none the worse for it
    assert_eq!(world.server.get("/health").status, 200);
}

#[test]
fn a_head_that_does_not_arrive_is_given_up() {
    let world = World::new();
    let started = Instant::now();
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let mut client = TcpStream::connect(world.server.address()).unwrap();
            client
                .write_all(b"GET /health HTTP/1.1\r\nhost: t")
                .unwrap();
            client
        })
        .collect();
    assert_eq!(world.server.get("/health").status, 200);
    for mut client in slow {
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(http::parse(&answer).status, 408);
    }
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

/// A database whose rows are on a disk of so many MB.
fn on_a_small_disk(megabytes: u32) -> TestDatabase {
    let options = PostgresOptions {
        small_disk_mb: Some(megabytes),
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(&options).unwrap();
    let database = postgres.create_database().unwrap();
    let disk = postgres.small_disk();
    let space = format!("CREATE TABLESPACE small LOCATION '{}'", disk.display());
    database.execute(&space).unwrap();
    let moved = "ALTER TABLE notifications SET TABLESPACE small";
    database.execute(moved).unwrap();
    database
}

#[test]
fn a_full_disk_refuses_what_is_sent_and_serves_what_is_there() {
    let database = on_a_small_disk(4);
    let server = Server::start(&database.url());
    // what PostgreSQL cannot make smaller
    let send = |n: u32| {
        let part = |part: u32| (n * 500 + part).wrapping_mul(2_654_435_761).to_string();
        let text = (0..500).map(part).collect::<String>();
        server.send(&SMALL.replace(r#""e""#, &format!("\"{text}\"")))
    };
    let mut stored = 0;
    let refused = loop {
        let answer = send(stored);
        match answer.status {
            201 => stored += 1,
            _ => break answer,
        }
        assert!(stored < 5000, "the disk does not fill");
    };
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("2")),
        "{refused}"
    );
    assert!(!refused.text().contains("space"), "{refused}");
    assert_eq!(server.get("/order/o/latest").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    let rows = sql(&database, "SELECT count(*) FROM notifications");
    assert_eq!(rows, stored.to_string());
    database.server().resize_small_disk(64).unwrap();
    assert_eq!(send(stored).status, 201);
}

#[test]
fn a_database_that_lets_few_in_serves_with_those() {
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = postgres.create_database().unwrap();
    sql(&database, &Row::new(1).text("order_id", "o-1").insert());
    database
        .execute(
            "CREATE ROLE few LOGIN CONNECTION LIMIT 2; \
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO few",
        )
        .unwrap();
    let url = database.url().replace("postgres@", "few@");
    let server = Server::start_with(&url, |config| config.pool_size = 8);
    wait_for("a connection", LIMIT, || {
        (server.get("/order/o-1").status == 200).then_some(())
    })
    .unwrap();
    // eight may read, two connections are there: all are answered, some are told to come again
    let (answers, took) = burst(server.address(), 200, "/order/o-1");
    let (read, refused) = (count(&answers, 200), count(&answers, 503));
    assert_eq!(read + refused, 200);
    assert!(read > 0, "{refused} refused");
    assert!(took < Duration::from_secs(15), "{took:?}");
    database
        .execute("ALTER ROLE few CONNECTION LIMIT -1")
        .unwrap();
    wait_for("all to be served", LIMIT, || {
        let (answers, _) = burst(server.address(), 50, "/order/o-1");
        (count(&answers, 200) == 50).then_some(())
    })
    .unwrap();
}
