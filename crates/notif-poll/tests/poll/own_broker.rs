//! A broker that tests may break, one at a time, and a proxy in front of it.

use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notif_testbed::kafka::{Kafka, KafkaOptions, Message};
use notif_testbed::proxy::Proxy;
use notif_testbed::wait::wait_until;

use crate::world::{Report, World};

const LIMIT: Duration = Duration::from_secs(60);

struct Broken {
    kafka: Kafka,
    proxy: Proxy,
}

/// Cleaning and retention come at once instead of after minutes.
static BROKER: LazyLock<Broken> = LazyLock::new(|| {
    let proxy = Proxy::listen().unwrap();
    let impatient = [
        ("log.cleaner.backoff.ms", "100"),
        ("log.retention.check.interval.ms", "200"),
        ("log.initial.task.delay.ms", "100"),
        ("log.segment.delete.delay.ms", "100"),
    ];
    let options = KafkaOptions {
        settings: impatient
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        proxy_port: Some(proxy.port()),
        ..KafkaOptions::default()
    };
    let kafka = Kafka::start(&options).unwrap();
    proxy.forward_to(kafka.behind_proxy().unwrap());
    Broken { kafka, proxy }
});

/// The broker, for one test. When the test ends, however, it is whole again.
pub(crate) struct OwnBroker {
    pub(crate) kafka: &'static Kafka,
    pub(crate) proxy: &'static Proxy,
    _turn: MutexGuard<'static, ()>,
}

impl OwnBroker {
    pub(crate) fn take() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        // a test that failed with the broker in its hands has put it back
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            kafka: &BROKER.kafka,
            proxy: &BROKER.proxy,
            _turn: turn,
        }
    }

    /// A world on it.
    pub(crate) fn world(&self, count: usize, partitions: i32) -> World {
        World::on(self.kafka, count, partitions)
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        self.proxy.restore();
        if std::thread::panicking() {
            self.kafka.restart().unwrap_or_else(|error| {
                eprintln!("the broken broker did not come back: {error:#}");
            });
        }
    }
}

/// Numbered messages of a kilobyte, `count` for each of three partitions of the first topic. Sixteen
/// are a batch, and a broker hands out whole batches.
pub(crate) fn produce_kilobytes(world: &World, count: i32) {
    let filler = "x".repeat(1_000);
    let messages = (0..count).flat_map(|n| {
        let value = format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
        [0, 1, 2].map(|partition| (world.topic(), partition, Message::new(value.clone())))
    });
    world
        .kafka
        .producer_with(&[("batch.num.messages", "16")])
        .unwrap()
        .produce_all(messages)
        .unwrap();
}

/// A poll that takes its time: it asks for more than there is, so the broker answers only four times a
/// second, with 16 kB of one partition; a fault meets it in the middle of fetching.
pub(crate) struct SlowPoll(Option<Child>);

impl SlowPoll {
    /// Starts it and waits until it committed a first batch.
    pub(crate) fn start(world: &World, bootstrap: &str) -> Self {
        Self::start_with(world, bootstrap, |_| {})
    }

    /// The same, with more in its command.
    pub(crate) fn start_with(
        world: &World,
        bootstrap: &str,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let before = world.number("SELECT count(*) FROM notifications");
        let mut command = world.command();
        command
            .env("KAFKA_BOOTSTRAP_SERVERS", bootstrap)
            .args(["-X", "fetch.min.bytes=100000000"])
            .args(["-X", "fetch.wait.max.ms=250"])
            .args(["-X", "fetch.message.max.bytes=16384"])
            .args(["--output", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        change(&mut command);
        let poll = Self(Some(command.spawn().unwrap()));
        wait_until("a first batch", LIMIT, || {
            world.number("SELECT count(*) FROM notifications") > before
        })
        .unwrap();
        poll
    }

    /// Waits for its end; what it said.
    pub(crate) fn end(mut self) -> Report {
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Report {
            code: output.status.code().unwrap_or(-1),
            json: serde_json::from_str(&stdout)
                .unwrap_or_else(|error| panic!("{error}: {stdout:?} {stderr}")),
            stderr,
        }
    }
}

impl Drop for SlowPoll {
    fn drop(&mut self) {
        if let Some(mut poll) = self.0.take() {
            // its test failed before it waited for it
            drop(poll.kill());
            drop(poll.wait());
        }
    }
}
