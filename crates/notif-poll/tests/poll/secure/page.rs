//! What the operator's page says of secure connections, done word for word.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use notif_testbed::kafka::Listener;
use notif_testbed::process;

use super::database::{CERTIFICATE_USER, SecureServer, by_password};
use super::{PAGE_PASSWORD, PAGE_USER, Secure, Way, group_right, may_read};
use crate::world::{Report, World};

/// The section, and no other.
fn section() -> &'static str {
    let page = include_str!("../../../../../docs/operations.md");
    let (_, section) = page.split_once("\n## Secure connections\n").unwrap();
    section.split_once("\n## ").unwrap().0
}

/// The blocks of a language in it.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let blocks = section().split(&*begin).skip(1);
    blocks
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect()
}

/// What its table says that errors say.
pub(super) fn errors_that_are_explained() -> Vec<&'static str> {
    let rows = section()
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let errors: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    assert!(errors.len() > 5, "{errors:?}");
    errors
}

#[test]
fn the_settings_for_kafka_on_the_page_work() {
    let secure = Secure::shared();
    // the one is known by his password, the other by the name in his certificate
    for (block, user, listener) in [
        (0, PAGE_USER, Listener::SaslTls),
        (1, "poller", Listener::MutualTls),
    ] {
        let world = secure.world(1, user);
        world.produce_numbers(9);
        let settings = blocks("properties")[block].replace("/etc/notif/", &secure.file(""));
        let settings: Vec<&str> = settings.lines().collect();
        let report = Way::new(listener, &settings).poll(&world);
        report.expect("drained", 0, 9);
        assert_eq!(report.stderr, "");
    }
}

#[test]
fn the_rights_on_the_page_are_all_that_is_needed() {
    let secure = Secure::shared();
    let world = secure.world(0, PAGE_USER);
    let world = World {
        topics: secure.world(1, "nobody").topics,
        ..world
    };
    world.produce_numbers(9);
    let settings = blocks("properties")[0].replace("/etc/notif/", &secure.file(""));
    let settings: Vec<&str> = settings.lines().collect();
    let way = Way::new(Listener::SaslTls, &settings);
    way.poll(&world).expect("stopped", 9, 0);
    secure
        .kafka
        .grant(&may_read(PAGE_USER, world.topic()))
        .unwrap();
    let group = super::group(&world);
    secure
        .kafka
        .revoke(&group_right(PAGE_USER, &group))
        .unwrap();
    let warned = way.poll(&world);
    warned.expect("drained", 0, 9);
    assert!(warned.stderr.contains("not mirrored"), "{}", warned.stderr);
    secure.kafka.grant(&group_right(PAGE_USER, &group)).unwrap();
    let report = way.poll(&world);
    report.expect("nothing", 0, 0);
    assert_eq!(report.stderr, "");
}

#[test]
fn an_authority_that_the_system_trusts_need_not_be_named() {
    let secure = Secure::shared();
    let world = secure.world(1, PAGE_USER);
    world.produce_numbers(3);
    let settings = ["security.protocol=sasl_ssl"];
    let way = Way::new(Listener::SaslTls, &settings)
        .with("sasl.mechanism", "PLAIN")
        .with("sasl.username", PAGE_USER)
        .with("sasl.password", PAGE_PASSWORD);
    let mut command = way.command(&world);
    // OpenSSL's own variable stands for what an administrator installs
    command.env("SSL_CERT_FILE", secure.file("ca.pem"));
    Report::of(&mut command).expect("drained", 0, 3);
}

#[test]
fn the_connection_strings_for_postgresql_on_the_page_work() {
    let secure = SecureServer::shared();
    let world = secure.world();
    world.produce_numbers(9);
    let line = blocks("sh")[0].trim();
    let url = line.strip_prefix("DATABASE_URL='").unwrap();
    let url = url.strip_suffix('\'').unwrap();
    let (_, more) = section()
        .split_once("certificate of the client adds `")
        .unwrap();
    let (more, _) = more.split_once('`').unwrap();
    world
        .database
        .execute("CREATE ROLE notif_poller LOGIN SUPERUSER PASSWORD 'change-me'")
        .unwrap();
    secure.make_certificate_user();
    secure
        .server()
        .create_named_database("notifications")
        .unwrap();
    let mut migrate = world.command();
    let owner = secure.url("notifications", &by_password(), "db.example", "ca.pem");
    migrate.arg("migrate").env("DATABASE_URL", owner);
    process::run(&mut migrate, Duration::from_secs(30))
        .unwrap()
        .success()
        .unwrap();
    fs::copy(secure.file("ca.pem"), secure.file("database-ca.pem")).unwrap();
    for kind in ["pem", "key"] {
        let file = secure.file(&format!("poller.{kind}"));
        fs::copy(secure.file(&format!("{CERTIFICATE_USER}.{kind}")), &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let here = |url: &str| {
        let port = format!("db.example:{}", secure.server().port());
        let url = url.replace("db.example:5432", &port);
        url.replace("/etc/notif/", &secure.file("")) + "&hostaddr=127.0.0.1"
    };
    let by_certificate = url.replace("notif_poller:change-me", CERTIFICATE_USER) + more;
    for (url, records) in [(here(url), 9), (here(&by_certificate), 0)] {
        let report = Report::of(world.command().env("DATABASE_URL", url));
        let outcome = if records == 0 { "nothing" } else { "drained" };
        report.expect(outcome, 0, records);
    }
}
