//! Brokers and databases that ask who is there: one secure Kafka for all of these tests.
//!
//! What works and what fails to connect is in `secure/connection.rs`, rights in
//! `secure/right.rs`, a client that is slowed down in `secure/quota.rs`, what the operator's page says in `secure/page.rs`, PostgreSQL in `secure/database.rs`, that no secret is written anywhere in
//! `secure/secret.rs`.

mod connection;
mod database;
mod page;
mod quota;
mod right;
mod secret;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use notif_testbed::certificates::{Authority, Wish};
use notif_testbed::kafka::{Listener, Operation, Resource, Right, Security};
use notif_testbed::{Kafka, KafkaOptions, Postgres, unique, wait_until};
use tempfile::TempDir;

use crate::world::{Report, World, notif_poll};

/// Known by a password.
const USER: &str = "alice";
/// Whom the operator's page speaks of.
const PAGE_USER: &str = "notif-poller";
const PAGE_PASSWORD: &str = "change-me";
/// Who is slowed down.
const SLOW_USER: &str = "sam";
/// Known by a certificate.
const CERTIFIED: &str = "carol";
/// Part of every secret of these tests, so that it can be looked for.
const SECRET: &str = "s3cr3t";
const PASSWORD: &str = "s3cr3t-of-alice";
const DATABASE_PASSWORD: &str = "s3cr3t-of-the-database";
const KEY_PASSWORD: &str = "s3cr3t-of-the-key";

/// The secure broker of this process, and what its clients need.
struct Secure {
    kafka: Kafka,
    clients: PathBuf,
}

impl Secure {
    fn shared() -> &'static Self {
        static SHARED: LazyLock<Secure> = LazyLock::new(Secure::start);
        &SHARED
    }

    fn start() -> Self {
        let authority = Authority::new().unwrap();
        let issue = |wish: Wish<'_>| authority.issue(&wish).unwrap();
        let broker = issue(Wish {
            name: "broker",
            hosts: &["DNS:localhost", "IP:127.0.0.1"],
            ..Wish::default()
        });
        let of_another_host = issue(Wish {
            name: "another",
            hosts: &["DNS:kafka.example"],
            ..Wish::default()
        });
        let client = |name, expired, password| {
            issue(Wish {
                name,
                expired,
                password,
                ..Wish::default()
            })
        };
        client(CERTIFIED, false, None);
        client("late", true, None);
        client("careful", false, Some(KEY_PASSWORD));
        client("poller", false, Some(PAGE_PASSWORD));
        let users = [
            (USER, PASSWORD),
            (SLOW_USER, PASSWORD),
            (PAGE_USER, PAGE_PASSWORD),
        ];
        let security = Security::new(&authority, &broker, &of_another_host, &users).unwrap();
        let kafka = Kafka::start(&KafkaOptions {
            security: Some(security),
            // a quota counts the last second, not the last ten
            settings: vec![("quota.window.num".to_owned(), "2".to_owned())],
            ..KafkaOptions::default()
        })
        .unwrap();
        // the broker's folder ends with this process, whatever that ends by
        let clients = kafka.folder().join("clients");
        copy_files(authority.folder(), &clients);
        copy_files(Authority::new().unwrap().folder(), &clients.join("foreign"));
        fs::copy(clients.join("ca.pem"), clients.join("kafka-ca.pem")).unwrap();
        let secure = Self { kafka, clients };
        secure.wait_for_groups();
        secure
    }

    /// The topic of the consumer groups is made when the first of them is asked for.
    fn wait_for_groups(&self) {
        let topic = unique("first");
        self.kafka.create_topic(&topic, 1).unwrap();
        let database = Postgres::shared().create_database().unwrap();
        wait_until("an offset to be mirrored", Duration::from_secs(60), || {
            let mut command = notif_poll();
            command
                .env("DATABASE_URL", database.url())
                .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap())
                .env("KAFKA_TOPICS", &topic);
            Report::of(&mut command).stderr.is_empty()
        })
        .unwrap();
    }

    /// A file of a client: `ca.pem`, `carol.key`, ...
    fn file(&self, name: &str) -> String {
        self.clients.join(name).display().to_string()
    }

    /// A database, and topics of three partitions each, which `user` may read.
    fn world(&'static self, topics: usize, user: &str) -> World {
        self.world_with_partitions(topics, 3, user)
    }

    fn world_with_partitions(&'static self, topics: usize, partitions: i32, user: &str) -> World {
        let topics: Vec<String> = (0..topics).map(|_| unique("events")).collect();
        for topic in &topics {
            self.kafka.create_topic(topic, partitions).unwrap();
            self.kafka.grant(&may_read(user, topic)).unwrap();
        }
        let world = World {
            database: Postgres::shared().create_database().unwrap(),
            kafka: &self.kafka,
            topics,
        };
        let group = group(&world);
        self.kafka.grant(&group_right(user, &group)).unwrap();
        world
    }
}

fn may_read<'n>(user: &'n str, topic: &'n str) -> Right<'n> {
    Right {
        user,
        operation: Operation::Read,
        resource: Resource::Topic(topic),
    }
}

fn group_right<'n>(user: &'n str, group: &'n str) -> Right<'n> {
    Right {
        user,
        operation: Operation::Read,
        resource: Resource::Group(group),
    }
}

/// The consumer group of a world.
fn group(world: &World) -> String {
    format!("group-{}", world.database.name())
}

/// A way to come to the secure broker.
struct Way {
    listener: Listener,
    /// The file of `KAFKA_CONFIG`.
    settings: Vec<String>,
    folder: TempDir,
}

impl Way {
    fn new(listener: Listener, settings: &[&str]) -> Self {
        Self {
            listener,
            settings: settings.iter().map(ToString::to_string).collect(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// TLS to a broker that is known by this authority.
    fn tls(listener: Listener, authority: &str) -> Self {
        let authority = Secure::shared().file(authority);
        Self::new(listener, &["security.protocol=ssl"]).with("ssl.ca.location", &authority)
    }

    /// The same, showing the certificate of `name`.
    fn mutual(name: &str) -> Self {
        let secure = Secure::shared();
        Self::tls(Listener::MutualTls, "ca.pem")
            .with(
                "ssl.certificate.location",
                &secure.file(&format!("{name}.pem")),
            )
            .with("ssl.key.location", &secure.file(&format!("{name}.key")))
    }

    /// A password without TLS.
    fn password(mechanism: &str, password: &str) -> Self {
        Self::new(Listener::Sasl, &["security.protocol=sasl_plaintext"])
            .with_password(mechanism, password)
    }

    /// A password over TLS.
    fn password_over_tls(mechanism: &str, password: &str) -> Self {
        Self::new(Listener::SaslTls, &["security.protocol=sasl_ssl"])
            .with("ssl.ca.location", &Secure::shared().file("ca.pem"))
            .with_password(mechanism, password)
    }

    fn with_password(self, mechanism: &str, password: &str) -> Self {
        self.with("sasl.mechanism", mechanism)
            .with("sasl.username", USER)
            .with("sasl.password", password)
    }

    /// As another user with the same password; the last line of a setting counts.
    fn of_user(self, user: &str) -> Self {
        self.with("sasl.username", user)
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.push(format!("{key}={value}"));
        self
    }

    /// A poll of this world by this way.
    fn command(&self, world: &World) -> Command {
        let file = self.folder.path().join("kafka.properties");
        fs::write(&file, self.settings.join("\n")).unwrap();
        let mut command = world.command();
        command
            .env(
                "KAFKA_BOOTSTRAP_SERVERS",
                Secure::shared().kafka.listener(self.listener).unwrap(),
            )
            .env("KAFKA_CONFIG", file);
        command
    }

    fn poll(&self, world: &World) -> Report {
        Report::of(&mut self.command(world))
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
