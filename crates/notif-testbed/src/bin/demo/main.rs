//! `make demo`: the recorder at its main job, on real servers, in a minute.
//!
//! Starts a private PostgreSQL and Kafka, lets a simulated campus produce, records it by two polls,
//! shows one order's story through the API, and stays up until Ctrl-C. `DEMO_ONCE=1` ends by itself.
//! The programs are those beside this one. How the story is laid out is in `story.rs`.
#![expect(clippy::print_stdout, reason = "the demo is what it prints")]

mod story;

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use notif_testbed::{
    Campus, Kafka, KafkaOptions, Postgres, PostgresOptions, Producer, Service, free_port, http,
    process,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::story::Story;

/// The same campus in every demo.
const SEED: u64 = 2026;

/// At 60, the half hour from order to delivery fits into the minute that is shown.
const HURRY: u32 = 60;

const ORDERS_PER_MINUTE: u32 = 30;

/// How much of the minute the first poll finds; the second finds the rest.
const FIRST_MS: i64 = 50_000;
const MINUTE_MS: i64 = 60_000;

/// As in the guide.
const DATABASE: &str = "notification_db";

/// Variables of a developer's shell that would lead our programs elsewhere.
const FOREIGN: [&str; 8] = [
    "MIGRATE_DATABASE_URL",
    "KAFKA_TOPICS",
    "KAFKA_CONFIG",
    "CONSUMER_GROUP_ID",
    "POLL_DEADLINE_SECONDS",
    "POLL_FOR_SECONDS",
    "API_TOKENS_FILE",
    "PUBLIC_URL",
];

/// Where everything is.
struct Stage {
    postgres: Postgres,
    kafka: Kafka,
    /// The folder of notif-poll and notif-api.
    programs: PathBuf,
}

fn main() -> Result<()> {
    let stage = Stage::set_up()?;
    let begin = now_ms().saturating_sub(MINUTE_MS);
    let mut campus = Campus::new(SEED)
        .starting_at(begin)
        .orders_per_minute(ORDERS_PER_MINUTE)
        .hurried(HURRY);
    let producer = stage.kafka.producer()?;
    let mut events = Vec::new();

    heading("A minute of campus life, recorded by two polls");
    for until in [FIRST_MS, MINUTE_MS] {
        let fresh = campus.events_until(begin.saturating_add(until));
        let count = producer.produce_events(fresh.iter().cloned())?;
        println!("{count} events produced");
        events.extend(fresh);
        stage.poll()?;
    }

    let (api, port) = stage.start_api()?;
    let story = Story::choose(&events).context("no order was delivered within the minute")?;
    heading("One order, through the API");
    story.show(port)?;
    heading("To try next");
    story.suggest(port, &stage.database_url());

    if env::var_os("DEMO_ONCE").is_none_or(|value| value.is_empty() || value == "0") {
        stage.stay_up(&mut campus, &producer)?;
    }
    heading("The end");
    let code = api.stop()?;
    println!("notif-api ended with exit code {code}; PostgreSQL and Kafka end now");
    ensure!(
        code == 0,
        "notif-api ended with exit code {code}:\n{}",
        api.log()
    );
    Ok(())
}

fn heading(text: &str) {
    println!("\n== {text}");
}

fn now_ms() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

impl Stage {
    /// Both servers, the schema, the topics.
    fn set_up() -> Result<Self> {
        heading("Private servers, in temporary folders");
        let programs =
            process::programs_beside(&["notif-poll", "notif-api"], "cargo build --bins")?;
        // together: each leaves a processor idle
        let kafka = thread::spawn(|| Kafka::start(&KafkaOptions::default()));
        let postgres = Postgres::start(&PostgresOptions::default())?;
        println!("PostgreSQL on 127.0.0.1:{}", postgres.port());
        let kafka = kafka.join().ok().context("starting Kafka panicked")??;
        println!("Kafka on {}", kafka.bootstrap());
        kafka.create_campus_topics()?;
        postgres.create_named_database(DATABASE)?;
        let stage = Self {
            postgres,
            kafka,
            programs,
        };
        stage.run_poll(&["migrate"])?;
        Ok(stage)
    }

    fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// One of our programs with the variables that lead it to our servers.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        for variable in FOREIGN {
            command.env_remove(variable);
        }
        command
            .env("DATABASE_URL", self.database_url())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap());
        command
    }

    fn poll(&self) -> Result<()> {
        self.run_poll(&[])
    }

    fn run_poll(&self, arguments: &[&str]) -> Result<()> {
        println!("$ {}", [&["notif-poll"], arguments].concat().join(" "));
        let mut command = self.program("notif-poll");
        let finished = process::run(command.args(arguments), Duration::from_secs(90))?;
        print!("{}{}", finished.stderr, finished.stdout);
        ensure!(finished.status.success(), "notif-poll: {}", finished.status);
        Ok(())
    }

    fn start_api(&self) -> Result<(Service, u16)> {
        let port = free_port()?;
        let mut command = self.program("notif-api");
        command
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string());
        let api = Service::start(&command)?;
        api.wait_until_ready(Duration::from_secs(30), || {
            http::get(port, "/health").is_ok_and(|answer| answer.status == 200)
        })?;
        Ok((api, port))
    }

    /// Life goes on, polled every ten seconds, until Ctrl-C.
    fn stay_up(&self, campus: &mut Campus, producer: &Producer) -> Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        heading("The campus goes on, polled every 10 seconds; Ctrl-C ends it all");
        let worker = self.start_worker()?;
        let mut shown = 0;
        loop {
            if signals.pending().next().is_some() {
                break;
            }
            producer.produce_events(campus.events_until(now_ms()))?;
            let log = worker.log();
            if let Some((news, _)) = log.get(shown..).and_then(|new| new.rsplit_once('\n')) {
                println!("{news}");
                shown = shown.saturating_add(news.len()).saturating_add(1);
            }
            ensure!(worker.exit_code().is_none(), "poll_worker.sh ended:\n{log}");
            thread::sleep(Duration::from_millis(200));
        }
        let code = worker.stop()?;
        ensure!(
            code == 0,
            "poll_worker.sh ended with exit code {code}:\n{}",
            worker.log()
        );
        Ok(())
    }

    fn start_worker(&self) -> Result<Service> {
        let mut command = self.program("notif-poll");
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [self.programs.clone()]
            .into_iter()
            .chain(env::split_paths(&path));
        let path = env::join_paths(folders)?;
        let mut worker = Command::new("bash");
        worker.arg(process::workspace().join("poll_worker.sh"));
        for (name, value) in command.env("PATH", path).get_envs() {
            match value {
                Some(value) => worker.env(name, value),
                None => worker.env_remove(name),
            };
        }
        worker.env("KAFKA_POLL_INTERVAL_SECONDS", "10");
        Service::start(&worker)
    }
}
