//! Polls to order: over which topics, killed or held where, with which defects.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use notif_testbed::kafka::Kafka;
use notif_testbed::postgres::TestDatabase;
use notif_testbed::process;
use notif_testbed::wait::wait_until;
use serde_json::Value;

/// The signal of a kill.
const SIGKILL: i32 = 9;

/// No poll takes longer: its deadline is 50 s.
const LIMIT: Duration = Duration::from_secs(70);

/// Topics of a broker, and the defects that every poll over them has.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) kafka: &'static Kafka,
    pub(crate) topics: Vec<String>,
    pub(crate) mutations: String,
    /// When a poll that does not come to its end stops, in seconds.
    pub(crate) deadline: u32,
}

impl World {
    pub(crate) fn new(kafka: &'static Kafka, topics: &[&str]) -> Self {
        Self {
            kafka,
            topics: topics.iter().copied().map(str::to_owned).collect(),
            mutations: String::new(),
            deadline: 50,
        }
    }

    /// A new topic and a poll over it that has these defects.
    pub(crate) fn of_one_topic(partitions: i32, mutations: &str) -> Self {
        let kafka = Kafka::shared();
        let topic = notif_testbed::unique("events");
        kafka.create_topic(&topic, partitions).unwrap();
        Self {
            mutations: mutations.to_owned(),
            ..Self::new(kafka, &[&topic])
        }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topics[0]
    }

    /// A poll into `database`, with this world in its environment and nothing else.
    pub(crate) fn command(&self, database: &TestDatabase) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notif-poll"));
        command
            .env_clear()
            .env("DATABASE_URL", database.url())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap())
            .env("KAFKA_TOPICS", self.topics.join(","))
            .env("CONSUMER_GROUP_ID", format!("group-{}", database.name()))
            .env("POLL_DEADLINE_SECONDS", self.deadline.to_string())
            .env("NOTIF_MUTATION", &self.mutations)
            .args(["--output", "json"]);
        command
    }

    /// One poll to its end.
    pub(crate) fn poll(&self, database: &TestDatabase) -> Ended {
        Ended::of(&mut self.command(database))
    }

    /// What `verify` finds, by itself or with `--deep`.
    pub(crate) fn verify(&self, database: &TestDatabase, deep: &[&str]) -> Ended {
        Ended::of(self.command(database).arg("verify").args(deep))
    }

    /// One poll that is killed or held at a step.
    pub(crate) fn poll_with(&self, database: &TestDatabase, fault: &str) -> Ended {
        Ended::of(self.command(database).env("NOTIF_FAULT", fault))
    }

    /// One poll that says its statements on stderr.
    pub(crate) fn poll_logged(&self, database: &TestDatabase) -> Ended {
        Ended::of(
            self.command(database)
                .env("RUST_LOG", "notif_core::fault=debug"),
        )
    }

    /// A poll that has come to this step, and waits there to be let go.
    pub(crate) fn held(&self, database: &TestDatabase, step: &str) -> Held {
        let child = self
            .command(database)
            .env("NOTIF_FAULT", format!("pause:{step}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = Held(Some(child));
        let what = format!("a poll to reach {step}, or its end");
        wait_until(&what, LIMIT, || matches!(held.state(), 'T' | 'Z')).unwrap();
        if held.state() == 'Z' {
            let child = held.0.take().unwrap();
            let ended = Ended::from_output(child.wait_with_output().unwrap());
            panic!("a poll ended before it came to {step}: {ended:?}");
        }
        held
    }
}

/// How a poll ended.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    /// Its report; null where it was killed.
    pub(crate) report: Value,
    pub(crate) stderr: String,
}

impl Ended {
    fn of(command: &mut Command) -> Self {
        let finished = process::run(command, LIMIT).unwrap();
        Self::new(finished.status, &finished.stdout, finished.stderr)
    }

    fn new(status: ExitStatus, stdout: &str, stderr: String) -> Self {
        Self {
            status,
            report: serde_json::from_str(stdout.trim()).unwrap_or_default(),
            stderr,
        }
    }

    pub(crate) fn from_output(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self::new(output.status, &text(output.stdout), text(output.stderr))
    }

    /// Was it SIGKILL?
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(SIGKILL)
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Did it end with this code? In words where not.
    pub(crate) fn expect(&self, code: i32) -> Result<&Self, String> {
        if self.code() == Some(code) {
            return Ok(self);
        }
        Err(format!(
            "a poll ended with {} instead of code {code}: {} {}",
            self.status, self.report, self.stderr
        ))
    }
}

/// A poll that is held at a step.
pub(crate) struct Held(Option<Child>);

impl Held {
    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    /// `T` is a process that a signal has stopped, `Z` one that has ended.
    fn state(&self) -> char {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let state = status.lines().find_map(|line| line.strip_prefix("State:"));
        state.unwrap().trim_start().chars().next().unwrap()
    }

    /// Lets it go on.
    pub(crate) fn let_go(&self) {
        let mut kill = Command::new("kill");
        kill.args(["-CONT", &self.id().to_string()]);
        process::run(&mut kill, LIMIT).unwrap().success().unwrap();
    }

    /// Lets it go on, and waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        self.let_go();
        let child = self.0.take().unwrap();
        Ended::from_output(child.wait_with_output().unwrap())
    }
}

impl Drop for Held {
    /// A poll that a failed test leaves behind must not stay.
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().unwrap_or_default();
            child.wait().map(drop).unwrap_or_default();
        }
    }
}
