//! What connects, and what cannot: exit 4 in time, the reason and the way out, nothing moved.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use notif_testbed::kafka::{Listener, UNKNOWN_HOST};

use super::page::errors_that_are_explained;
use super::{CERTIFIED, KEY_PASSWORD, PASSWORD, Secure, USER, Way};
use crate::world::{Report, World};

/// Seconds until a poll that gets no answer gives up; enough to be refused on a busy machine.
const DEADLINE: u64 = 6;

/// All ways that work for a user, each of which reads everything.
pub(super) fn good_ways(user: &str) -> Vec<Way> {
    if user == CERTIFIED {
        return vec![Way::mutual(CERTIFIED)];
    }
    vec![
        Way::password_over_tls("PLAIN", PASSWORD),
        Way::password_over_tls("SCRAM-SHA-256", PASSWORD),
        Way::password_over_tls("SCRAM-SHA-512", PASSWORD),
        Way::password("PLAIN", PASSWORD),
    ]
}

#[test]
fn a_poll_goes_through_tls_with_a_password() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    for (turn, way) in good_ways(USER).iter().enumerate() {
        world.produce_numbers(30);
        let report = way.poll(&world);
        report.expect("drained", 0, 30);
        assert_eq!(report.stderr, "", "turn {turn}");
    }
    world.assert_tiled();
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 120);
}

#[test]
fn a_poll_goes_through_tls_with_a_certificate_of_its_own() {
    let secure = Secure::shared();
    let world = secure.world(1, CERTIFIED);
    world.produce_numbers(30);
    let report = Way::mutual(CERTIFIED).poll(&world);
    report.expect("drained", 0, 30);
    assert_eq!(report.stderr, "");
    // who has no rights is let in, and sees nothing
    let report = Way::mutual("careful")
        .with("ssl.key.password", KEY_PASSWORD)
        .poll(&world);
    report.expect("stopped", 9, 0);
    assert_eq!(
        report.partition(world.topic(), 0)["verdict"],
        "unauthorised"
    );
}

#[test]
fn tls_settings_may_stand_on_the_command_line() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    world.produce_numbers(3);
    let mut command = world.command();
    command
        .env(
            "KAFKA_BOOTSTRAP_SERVERS",
            secure.kafka.listener(Listener::Tls).unwrap(),
        )
        .args(["-X", "security.protocol=ssl"])
        .arg("-X")
        .arg(format!("ssl.ca.location={}", secure.file("ca.pem")));
    Report::of(&mut command).expect("drained", 0, 3);
}

/// What cannot work, with words of the cause and of the hint.
pub(super) fn bad_ways() -> Vec<(&'static str, Way, [&'static str; 2])> {
    let no_authority = Way::new(Listener::Tls, &["security.protocol=ssl"]);
    let trust = ["certificate verify failed", "ssl.ca.location"];
    let show = ["SSL alert number", "ssl.certificate.location"];
    let password = ["uthentication failed", "sasl.password"];
    let closed = ["closed by peer", "security.protocol"];
    let foreign = Way::tls(Listener::Tls, "foreign/ca.pem");
    let another_host = Way::tls(Listener::TlsOfAnotherHost, "ca.pem");
    let no_certificate = Way::tls(Listener::MutualTls, "ca.pem");
    let to_plain_port = Way::tls(Listener::Nowhere, "ca.pem");
    let plain = |listener| Way::new(listener, &[]);
    vec![
        ("an authority that nobody named", no_authority, trust),
        ("another authority", foreign, trust),
        ("a certificate of another host", another_host, trust),
        ("no certificate of the client", no_certificate, show),
        ("a certificate that is over", Way::mutual("late"), show),
        (
            "a wrong password",
            Way::password_over_tls("PLAIN", "s3cr3t-wrong"),
            password,
        ),
        (
            "a wrong password by SCRAM",
            Way::password("SCRAM-SHA-512", "s3cr3t-wrong"),
            password,
        ),
        ("no TLS where there must be", plain(Listener::Tls), closed),
        (
            "no password where there must be",
            plain(Listener::Sasl),
            closed,
        ),
        (
            "TLS where there is none",
            to_plain_port,
            ["PLAINTEXT", "security.protocol"],
        ),
        (
            "a host name that means nothing",
            plain(Listener::Nowhere),
            [UNKNOWN_HOST, "advertised.listeners"],
        ),
    ]
}

/// Exit 4 in time, with cause and hint, and nothing moved but the note of the run.
fn assert_failed(world: &World, what: &str, report: &Report, took: Duration, words: [&str; 2]) {
    report.expect("failed", 4, 0);
    assert!(took < Duration::from_secs(DEADLINE + 6), "{what}: {took:?}");
    let (error, hint) = report.stderr.split_once("hint: ").unwrap();
    let [cause, way_out] = words;
    assert!(error.contains(cause), "{what}: {}", report.stderr);
    assert!(hint.contains(way_out), "{what}: {}", report.stderr);
    assert_eq!(
        report.stderr.lines().count(),
        2,
        "{what}: {}",
        report.stderr
    );
    assert_eq!(world.number("SELECT count(*) FROM kafka_offsets"), 0);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 0);
}

#[test]
fn what_cannot_connect_is_exit_4_and_says_why() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    world.produce_numbers(3);
    let ways = bad_ways();
    // the failures that are waited for cost their deadline: together, they cost one
    let told = thread::scope(|scope| {
        let polls = ways.iter().map(|(what, way, words)| {
            let world = &world;
            scope.spawn(move || {
                let mut command = way.command(world);
                command.env("POLL_DEADLINE_SECONDS", DEADLINE.to_string());
                let started = Instant::now();
                let report = Report::of(&mut command);
                assert_failed(world, what, &report, started.elapsed(), *words);
                report.stderr
            })
        });
        let polls: Vec<_> = polls.collect();
        let told = polls.into_iter().map(|poll| poll.join().unwrap());
        told.collect::<Vec<String>>()
    });
    for error in errors_that_are_explained() {
        let is_told = told.iter().any(|told| told.contains(error));
        // this one has a test of its own
        assert!(is_told || error.contains("HTTP"), "no error says {error:?}");
    }
    let runs = i64::try_from(ways.len()).unwrap();
    assert_eq!(
        world.number("SELECT count(*) FROM poll_runs WHERE exit_code = 4"),
        runs
    );
}

#[test]
fn a_refusal_is_not_waited_for() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    for way in [
        Way::password_over_tls("SCRAM-SHA-256", "s3cr3t-wrong"),
        Way::tls(Listener::Tls, "foreign/ca.pem"),
        Way::tls(Listener::MutualTls, "ca.pem"),
    ] {
        let started = Instant::now();
        way.poll(&world).expect("failed", 4, 0);
        // it would wait ten seconds for a broker that is down
        let took = started.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

/// A port that answers whatever it is asked in a protocol that is not Kafka's, then hangs up.
fn port_that_says(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                break;
            };
            let mut asked = [0; 512];
            if connection.read(&mut asked).is_ok_and(|read| read > 0) {
                // a client that hangs up first has heard enough
                drop(connection.write_all(answer));
            }
        }
    });
    port
}

#[test]
fn a_port_that_speaks_http_or_tls_is_exit_4_and_is_told() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    let http = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    // a fatal alert, "unexpected message", as a server of TLS 1.2 says it
    let tls = b"\x15\x03\x03\x00\x02\x02\x0a";
    for (answer, words) in [
        (
            &http[..],
            ["the port speaks HTTP", "KAFKA_BOOTSTRAP_SERVERS"],
        ),
        (&tls[..], ["closed by peer", "security.protocol"]),
    ] {
        let address = format!("127.0.0.1:{}", port_that_says(answer));
        let mut command = world.command();
        command
            .env("KAFKA_BOOTSTRAP_SERVERS", &address)
            .env("POLL_DEADLINE_SECONDS", DEADLINE.to_string());
        let started = Instant::now();
        let report = Report::of(&mut command);
        assert_failed(&world, words[0], &report, started.elapsed(), words);
        assert!(report.stderr.contains(&address), "{}", report.stderr);
    }
}

#[test]
fn settings_that_the_client_cannot_use_are_exit_2() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    let no_such_file = Way::tls(Listener::Tls, "no-such.pem");
    let wrong_password = Way::mutual("careful").with("ssl.key.password", "s3cr3t-wrong");
    let kerberos = Way::password("GSSAPI", PASSWORD);
    let misspelt = Way::password("PLAIN", PASSWORD).with("sasl.pass.word", "s3cr3t-misspelt");
    for (way, says) in [
        (no_such_file, "ssl.ca.location"),
        (wrong_password, "ssl.key.password"),
        (kerberos, "GSSAPI"),
        (misspelt, "sasl.pass.word"),
    ] {
        let report = way.poll(&world);
        report.expect("failed", 2, 0);
        assert!(report.stderr.contains(says), "{says}: {}", report.stderr);
        assert!(!report.stderr.contains("s3cr3t"), "{}", report.stderr);
    }
    assert_eq!(world.number("SELECT count(*) FROM poll_runs"), 0);
}
