//! No password is written anywhere, whatever is logged and whatever goes wrong.
//!
//! Every way to connect, good and bad, to Kafka and to PostgreSQL, is tried once more with all that
//! can be logged; then everything that was written is searched for what all secrets have in common.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use notif_testbed::process::{self, Finished};
use notif_testbed::wait_for;

use super::connection::{bad_ways, good_ways};
use super::database::{SecureServer, broken_urls, by_password};
use super::{CERTIFIED, KEY_PASSWORD, PASSWORD, SECRET, Secure, USER, Way};
use crate::world::{World, notif_poll};

const LIMIT: Duration = Duration::from_secs(70);

/// Both programs' logs at their most talkative, librdkafka's own included.
fn talkative(command: &mut Command) -> &mut Command {
    command
        .env("RUST_LOG", "trace")
        .env("POLL_DEADLINE_SECONDS", "8")
        .args(["-X", "debug=all", "--output", "json"])
}

fn assert_silent(what: &str, finished: &Finished) {
    for (name, text) in [("stdout", &finished.stdout), ("stderr", &finished.stderr)] {
        let found = text.lines().find(|line| line.contains(SECRET));
        assert!(found.is_none(), "{what}: {name}: {}", found.unwrap());
    }
}

/// What a poll left in the database, as text.
fn assert_stored_nothing_secret(world: &World) {
    let dump = Command::new(world.database.server().binaries().join("pg_dump"))
        .arg(world.database.url())
        .output()
        .unwrap();
    assert!(dump.status.success());
    let text = String::from_utf8_lossy(&dump.stdout).into_owned();
    assert!(text.contains("poll_runs"), "{text}");
    let found = text.lines().find(|line| line.contains(SECRET));
    assert!(found.is_none(), "{}", found.unwrap());
}

#[test]
fn no_secret_of_kafka_is_written_anywhere() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    let mut ways: Vec<(&str, Way, u32)> = Vec::new();
    ways.extend(good_ways(USER).into_iter().map(|way| ("good", way, 0)));
    ways.extend(
        good_ways(CERTIFIED)
            .into_iter()
            .map(|way| ("certified", way, 9)),
    );
    let careful = Way::mutual("careful").with("ssl.key.password", KEY_PASSWORD);
    let unreadable = Way::mutual("careful").with("ssl.key.password", "s3cr3t-wrong");
    let misspelt = Way::password("PLAIN", PASSWORD).with("sasl.pass.word", PASSWORD);
    let as_a_number = Way::password("PLAIN", PASSWORD).with("session.timeout.ms", PASSWORD);
    let as_a_choice = Way::password("PLAIN", PASSWORD).with("security.protocol", PASSWORD);
    let as_a_mechanism = Way::password(PASSWORD, PASSWORD);
    ways.push(("a key with a password", careful, 9));
    ways.push(("a wrong password of a key", unreadable, 2));
    ways.push(("a misspelt setting", misspelt, 2));
    ways.push(("a secret in place of a number", as_a_number, 2));
    ways.push(("a secret in place of a choice", as_a_choice, 2));
    ways.push(("a secret in place of a mechanism", as_a_mechanism, 2));
    ways.extend(bad_ways().into_iter().map(|(what, way, _)| (what, way, 4)));
    std::thread::scope(|scope| {
        for (what, way, code) in &ways {
            let world = &world;
            scope.spawn(move || {
                let mut command = way.command(world);
                let finished = process::run(talkative(&mut command), LIMIT).unwrap();
                let ended = finished
                    .status
                    .code()
                    .and_then(|code| u32::try_from(code).ok());
                assert_silent(what, &finished);
                assert_eq!(ended, Some(*code), "{what}: {}", finished.stderr);
                let talks = finished.stderr.contains("librdkafka]");
                assert!(talks || *code == 2, "{what}: nothing was logged");
            });
        }
    });
    assert_stored_nothing_secret(&world);
}

#[test]
fn no_secret_of_postgresql_is_written_anywhere() {
    let secure = SecureServer::shared();
    let world = secure.world();
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    let name = world.database.name();
    let good = secure.url(name, &by_password(), "db.example", "ca.pem");
    let in_the_query = secure.url(name, "postgres", "db.example", "ca.pem")
        + &format!("&password={}", super::DATABASE_PASSWORD);
    let unknown = good.clone() + "&no_such_option=1";
    let malformed = good.replace("@db.example", "@@db.example");
    let mut urls = vec![good, in_the_query, unknown, malformed];
    urls.extend(broken_urls(secure, name).into_iter().map(|(url, _)| url));
    for url in &urls {
        let mut command = world.command();
        command.env("DATABASE_URL", url);
        let finished = process::run(talkative(&mut command), LIMIT).unwrap();
        assert_silent("a poll", &finished);
        let mut migrate = world.command();
        migrate
            .arg("migrate")
            .env("DATABASE_URL", url)
            .env("RUST_LOG", "trace");
        assert_silent("migrate", &process::run(&mut migrate, LIMIT).unwrap());
    }
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 1);
    assert_stored_nothing_secret(&world);
}

#[test]
fn no_secret_is_taken_from_the_command_line_or_shown_by_help() {
    let url = format!("postgresql://user:{SECRET}@127.0.0.1:1/db");
    for (key, value) in [
        ("sasl.password", SECRET),
        ("ssl.key.password", SECRET),
        ("ssl.keystore.password", SECRET),
        ("ssl.key.pem", SECRET),
        ("sasl.oauthbearer.client.secret", SECRET),
        ("sasl.oauthbearer.config", SECRET),
        ("sasl.jaas.config", SECRET),
        ("SASL.Password", SECRET),
    ] {
        let mut command = notif_poll();
        command
            .env("DATABASE_URL", &url)
            .args(["-X", &format!("{key}={value}")]);
        let finished = process::run(&mut command, LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(2), "{key}: {finished:?}");
        assert!(
            finished.stderr.contains("KAFKA_CONFIG"),
            "{key}: {finished:?}"
        );
        assert_silent(key, &finished);
    }
    let mut help = notif_poll();
    help.env("DATABASE_URL", &url).arg("--help");
    assert_silent("--help", &process::run(&mut help, LIMIT).unwrap());
}

/// The list of processes shows what a process was started with. Nothing is added to it.
#[test]
fn no_secret_stands_in_the_list_of_processes() {
    let world = Secure::shared().world(1, USER);
    let way = Way::password("PLAIN", PASSWORD);
    // a port that takes connections and says nothing keeps the poll alive
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = way.command(&world);
    let address = silent.local_addr().unwrap().to_string();
    command
        .env("KAFKA_BOOTSTRAP_SERVERS", address)
        .env("POLL_DEADLINE_SECONDS", "2")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    silent.accept().unwrap();
    let shown = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("notif-poll"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
    let status = wait_for("its end", LIMIT, || child.try_wait().unwrap()).unwrap();
    assert_eq!(status.code(), Some(4));
}
