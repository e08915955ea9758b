//! PostgreSQL over TLS: `sslmode=verify-full` with a private authority, passwords and certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{LazyLock, Once};
use std::time::Duration;

use notif_testbed::certificates::{Authority, Wish};
use notif_testbed::postgres::PostgresTls;
use notif_testbed::{Postgres, PostgresOptions, process};

use super::{DATABASE_PASSWORD, SECRET, copy_files};
use crate::world::{Report, World};

/// A user whom the server knows by a certificate.
pub(super) const CERTIFICATE_USER: &str = "recorder";

const LIMIT: Duration = Duration::from_secs(30);

/// A server that speaks TLS alone, and the files of its clients, which end with it.
pub(super) struct SecureServer {
    server: Postgres,
    files: PathBuf,
}

impl SecureServer {
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<SecureServer> = LazyLock::new(SecureServer::start);
        &SHARED
    }

    fn start() -> Self {
        let authority = Authority::new().unwrap();
        let issue = |name, hosts| {
            let wish = Wish {
                name,
                hosts,
                ..Wish::default()
            };
            authority.issue(&wish).unwrap()
        };
        let server = issue("server", &["DNS:localhost", "DNS:db.example"]);
        issue(CERTIFICATE_USER, &[]);
        let tls = PostgresTls::new(&authority, &server, CERTIFICATE_USER).unwrap();
        let server = Postgres::start(&PostgresOptions {
            password: Some(DATABASE_PASSWORD.to_owned()),
            tls: Some(tls),
            ..PostgresOptions::default()
        })
        .unwrap();
        let files = server.folder().join("clients");
        copy_files(authority.folder(), &files);
        copy_files(Authority::new().unwrap().folder(), &files.join("foreign"));
        Self { server, files }
    }

    pub(super) fn server(&self) -> &Postgres {
        &self.server
    }

    /// The role that has no password; two tests want it.
    pub(super) fn make_certificate_user(&self) {
        static MADE: Once = Once::new();
        MADE.call_once(|| {
            let database = self.server.empty_database().unwrap();
            database
                .execute(&format!("CREATE ROLE {CERTIFICATE_USER} LOGIN SUPERUSER"))
                .unwrap();
        });
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.files.join(name).display().to_string()
    }

    /// A world whose database is here, and whose Kafka is the plain one.
    pub(super) fn world(&self) -> World {
        World {
            database: self.server.create_database().unwrap(),
            ..World::with_topics(1)
        }
    }

    /// The address of a database under a host name that its certificate may or may not hold. The
    /// number is given beside it: these names are no host's.
    pub(super) fn url(&self, name: &str, user: &str, host: &str, authority: &str) -> String {
        format!(
            "postgresql://{user}@{host}:{}/{name}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}",
            self.server.port(),
            self.file(authority)
        )
    }
}

/// The superuser, with the right password.
pub(super) fn by_password() -> String {
    format!("postgres:{DATABASE_PASSWORD}")
}

#[test]
fn a_poll_and_a_migration_go_through_verify_full() {
    let secure = SecureServer::shared();
    let world = secure.world();
    world.produce_numbers(600);
    let url = secure.url(
        world.database.name(),
        &by_password(),
        "db.example",
        "ca.pem",
    );
    let poll = || Report::of(world.command().env("DATABASE_URL", &url));
    poll().expect("drained", 0, 600);
    poll().expect("nothing", 0, 0);
    world.assert_tiled();
    let empty = secure.server.empty_database().unwrap();
    let url = secure.url(empty.name(), &by_password(), "localhost", "ca.pem");
    let mut migrate = world.command();
    migrate.arg("migrate").env("MIGRATE_DATABASE_URL", &url);
    process::run(&mut migrate, LIMIT)
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(empty.number("SELECT count(*) FROM poll_runs").unwrap(), 0);
}

#[test]
fn a_certificate_takes_the_place_of_a_password() {
    let secure = SecureServer::shared();
    let world = secure.world();
    secure.make_certificate_user();
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    let without = secure.url(
        world.database.name(),
        CERTIFICATE_USER,
        "localhost",
        "ca.pem",
    );
    let report = Report::of(world.command().env("DATABASE_URL", &without));
    report.expect("failed", 3, 0);
    let says = "connection requires a valid client certificate";
    assert!(report.stderr.contains(says), "{}", report.stderr);
    let key = secure.file(&format!("{CERTIFICATE_USER}.key"));
    // libpq refuses a key that others may read
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let certificate = secure.file(&format!("{CERTIFICATE_USER}.pem"));
    let with = format!("{without}&sslcert={certificate}&sslkey={key}");
    Report::of(world.command().env("DATABASE_URL", with)).expect("drained", 0, 1);
}

/// What cannot work, and what is said of it: cause and hint.
pub(super) fn broken_urls(secure: &SecureServer, name: &str) -> Vec<(String, [&'static str; 2])> {
    let user = by_password();
    let wrong = format!("postgres:{SECRET}-wrong");
    let plain = secure.server.url(name) + "?sslmode=disable";
    let url = |user: &str, host, authority| secure.url(name, user, host, authority);
    let trust = "sslrootcert";
    vec![
        (
            url(&user, "other.example", "ca.pem"),
            ["does not match host name \"other.example\"", trust],
        ),
        (
            url(&user, "db.example", "foreign/ca.pem"),
            ["certificate verify failed", trust],
        ),
        (
            url(&user, "db.example", "no-such.pem"),
            ["does not exist", trust],
        ),
        (
            url(&wrong, "db.example", "ca.pem"),
            ["password authentication failed", "the password"],
        ),
        (plain, ["no encryption", "sslmode"]),
    ]
}

#[test]
fn a_server_that_cannot_be_believed_is_exit_3_and_says_why() {
    let secure = SecureServer::shared();
    let world = secure.world();
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    for (url, [cause, hint]) in broken_urls(secure, world.database.name()) {
        let report = Report::of(world.command().env("DATABASE_URL", &url));
        report.expect("failed", 3, 0);
        let (error, told) = report.stderr.split_once("hint: ").unwrap();
        assert!(error.contains(cause), "{cause}: {}", report.stderr);
        assert!(told.contains(hint), "{hint}: {}", report.stderr);
        assert!(!report.stderr.contains(SECRET), "{}", report.stderr);
    }
    assert_eq!(world.number("SELECT count(*) FROM poll_runs"), 0);
    assert_eq!(world.number("SELECT count(*) FROM kafka_offsets"), 0);
}
