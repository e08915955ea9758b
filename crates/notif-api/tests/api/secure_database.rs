//! PostgreSQL over TLS, on both ways of connecting: libpq without waiting for reads, diesel for
//! writes. What is not believed is a 503 whose cause stands in the log.

mod relay;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use notif_testbed::certificates::{Authority, Wish};
use notif_testbed::postgres::PostgresTls;
use notif_testbed::{Postgres, PostgresOptions, Service, TestDatabase, process, wait_for};

use crate::http;
use crate::rows::{Row, insert};
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(30);
const PASSWORD: &str = "s3cr3t-of-the-database";

/// A server that speaks TLS alone, and where its clients find whom to trust.
struct SecureServer {
    server: Postgres,
    files: PathBuf,
}

impl SecureServer {
    fn shared() -> &'static Self {
        static SHARED: LazyLock<SecureServer> = LazyLock::new(SecureServer::start);
        &SHARED
    }

    fn start() -> Self {
        let authority = Authority::new().unwrap();
        let certificate = authority.issue(&Wish {
            name: "server",
            hosts: &["DNS:db.example"],
            ..Wish::default()
        });
        let tls = PostgresTls::new(&authority, &certificate.unwrap(), "nobody").unwrap();
        let server = Postgres::start(&PostgresOptions {
            password: Some(PASSWORD.to_owned()),
            tls: Some(tls),
            ..PostgresOptions::default()
        })
        .unwrap();
        // the server's folder ends with this process
        let files = server.folder().join("clients");
        fs::create_dir_all(&files).unwrap();
        fs::copy(authority.certificate(), files.join("ca.pem")).unwrap();
        let foreign = Authority::new().unwrap();
        fs::copy(foreign.certificate(), files.join("foreign.pem")).unwrap();
        Self { server, files }
    }

    /// The address of a database. These host names are no host's: the number stands beside.
    fn url(&self, database: &TestDatabase, password: &str, host: &str, authority: &str) -> String {
        format!(
            "postgresql://postgres:{password}@{host}:{}/{}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}",
            self.server.port(),
            database.name(),
            self.files.join(authority).display()
        )
    }
}

/// An event of about so many bytes, which do not compress.
fn event(bytes: u32) -> String {
    format!(
        "jsonb_build_object('payload', (SELECT string_agg(md5(n::text), '') \
         FROM generate_series(1, {}) AS n))::text",
        bytes / 32
    )
}

#[test]
fn rows_of_all_sizes_are_read_and_written_through_verify_full() {
    let secure = SecureServer::shared();
    let database = secure.server.create_database().unwrap();
    // below, at and above what one TLS record holds, 16 KiB; and many of them
    let sizes = [
        100, 8_000, 16_000, 16_400, 24_000, 33_000, 100_000, 1_000_000, 6_000_000,
    ];
    let rows: Vec<Row> = (1..)
        .zip(sizes)
        .map(|(second, size)| {
            Row::new(second)
                .text("order_id", &format!("o-{size}"))
                .event(event(size))
        })
        .collect();
    database.execute(&insert(&rows)).unwrap();
    let server = Server::start(&secure.url(&database, PASSWORD, "db.example", "ca.pem"));
    for _ in 0..3 {
        for size in sizes {
            let answer = server.get(&format!("/order/o-{size}/latest"));
            assert_eq!(answer.status, 200, "{size}: {}", answer.text());
            let payload = &answer.json()["event"]["payload"];
            let length = payload.as_str().unwrap().len();
            assert_eq!(length, usize::try_from(size / 32 * 32).unwrap());
        }
    }
    let sent = server.send(r#"{"customerId":"c","orderId":"o-1","event":"e"}"#);
    assert_eq!(sent.status, 201, "{sent}");
    assert_eq!(server.get("/health").status, 200);
    let plain = database.number(
        "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
         WHERE application_name = 'notif-api' AND datname = current_database() AND NOT ssl",
    );
    assert_eq!(plain.unwrap(), 0, "a connection without TLS");
}

/// What cannot work, and what the log says of it.
fn broken_urls(secure: &SecureServer, database: &TestDatabase) -> [(String, &'static str); 4] {
    let url = |password, host, authority| secure.url(database, password, host, authority);
    [
        (
            url(PASSWORD, "other.example", "ca.pem"),
            "does not match host name",
        ),
        (
            url(PASSWORD, "db.example", "foreign.pem"),
            "certificate verify failed",
        ),
        (url(PASSWORD, "db.example", "no-such.pem"), "does not exist"),
        (
            url("s3cr3t-wrong", "db.example", "ca.pem"),
            "password authentication failed",
        ),
    ]
}

fn program(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notif-api"));
    command
        .env_clear()
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .env("RUST_LOG", "trace")
        .env("DATABASE_URL", url);
    command
}

/// Where a service listens, as its log says.
fn address(service: &Service) -> SocketAddr {
    wait_for("it to listen", LIMIT, || {
        let log = service.log();
        let (_, rest) = log.split_once("listening on http://")?;
        let of_address = |c: char| c.is_ascii_digit() || ".:".contains(c);
        let end = rest.find(|c| !of_address(c))?;
        rest.get(..end)?.parse().ok()
    })
    .unwrap()
}

#[test]
fn a_database_that_is_not_believed_is_503_with_its_cause_in_the_log_and_no_secret() {
    let secure = SecureServer::shared();
    let database = secure.server.create_database().unwrap();
    for (url, cause) in broken_urls(secure, &database) {
        let service = Service::start(&program(&url)).unwrap();
        let address = address(&service);
        let get = |path| http::request(address, "GET", path, &[], b"").unwrap();
        let refused = wait_for("503", LIMIT, || {
            Some(get("/order/o-1")).filter(|answer| answer.status == 503)
        });
        let refused = refused.unwrap();
        assert!(refused.text().contains("database-unavailable"), "{refused}");
        assert_eq!(get("/health").status, 503);
        assert_eq!(get("/livez").status, 200);
        let body = br#"{"customerId":"c","orderId":"o","event":"e"}"#;
        let json = [("content-type", "application/json")];
        let sent = http::request(address, "POST", "/send-notification", &json, body).unwrap();
        assert_eq!(sent.status, 503, "{sent}");
        assert!(!refused.text().contains(cause), "it is not for the client");
        assert_eq!(service.stop().unwrap(), 0);
        let log = service.log();
        assert!(log.contains(cause), "{cause}: {log}");
        assert!(!log.contains("s3cr3t"), "{log}");
    }
    let written = database.number("SELECT count(*) FROM notifications");
    assert_eq!(written.unwrap(), 0);
}

#[test]
fn a_migration_that_does_not_believe_the_database_is_exit_3_and_says_why() {
    let secure = SecureServer::shared();
    let database = secure.server.empty_database().unwrap();
    for (url, cause) in broken_urls(secure, &database) {
        let ended = process::run(program(&url).arg("--migrate"), LIMIT).unwrap();
        assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
        assert!(ended.stderr.contains(cause), "{cause}: {}", ended.stderr);
        let all = ended.stdout + &ended.stderr;
        assert!(!all.contains("s3cr3t"), "{all}");
    }
}
/// It is told to stop while threads of its pool are connecting, which OpenSSL does not outlive where
/// the process ends in the ordinary way: 7 of 240 did not.
#[test]
fn an_end_while_it_connects_is_an_orderly_one() {
    let secure = SecureServer::shared();
    let database = secure.server.create_database().unwrap();
    let [_, (url, _), ..] = broken_urls(secure, &database);
    std::thread::scope(|scope| {
        for lane in 0..4_u64 {
            let url = &url;
            scope.spawn(move || {
                for turn in 0..8_u64 {
                    let service = Service::start(&program(url)).unwrap();
                    address(&service);
                    // at another moment of its attempts each time
                    std::thread::sleep(Duration::from_millis(turn * 23 + lane * 6));
                    assert_eq!(service.stop().unwrap(), 0, "{}", service.log());
                }
            });
        }
    });
}

/// Whether OpenSSL is left with the rest of a record that libpq had no room for depends on the sizes
/// to the byte: so lists of all lengths are asked for.
#[test]
fn an_answer_in_full_tls_records_is_read_to_its_end() {
    let authority = Authority::new().unwrap();
    let certificate = authority.issue(&Wish {
        name: "relay",
        hosts: &["DNS:db.example"],
        ..Wish::default()
    });
    let database = Postgres::shared().create_database().unwrap();
    let rows: String = (45..70)
        .flat_map(|length| (0..length).map(move |n| (length, n)))
        .map(|(length, n)| {
            let row = Row::new(length * 100 + n).text("order_id", &format!("o-{length}"));
            row.event(event(400)).insert()
        })
        .collect();
    database.execute(&rows).unwrap();
    let port = relay::start(database.server().port(), &certificate.unwrap());
    let url = format!(
        "postgresql://postgres@db.example:{port}/{}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}",
        database.name(),
        authority.certificate().display()
    );
    let server = Server::start_with(&url, |config| config.pool_size = 1);
    for length in 45..70 {
        let answer = server.get(&format!("/order/o-{length}"));
        assert_eq!(answer.status, 200, "{length}: {answer}");
        assert_eq!(answer.json().as_array().unwrap().len(), length);
    }
}
