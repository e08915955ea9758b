//! What is used: flags and environment together, checked. The only reader of the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use notif_core::store::DatabaseUrl;
use regex::Regex;

use crate::cli::Settings;
use crate::exit::{Exit, Failure};
use crate::kafka::settings::{FIXED, NAMED_ELSEWHERE, is_secret};
use crate::kafka::topic::TopicSelection;

/// The topics of the platform: both ways of naming them are in use.
pub const DEFAULT_TOPICS: &str = "user-events,order-events,payment-events,escrow-events,\
scheduler-events,saga-events,notification-events,order_events,payment_events,user_events";

const DEFAULT_BOOTSTRAP: &str = "kafka:9092";
const DEFAULT_GROUP: &str = "notification-service-group";
const DEFAULT_DEADLINE: u64 = 50;
const MAX_DEADLINE: u64 = 86_400;

/// Reads a variable of the environment; `None` where it is not set.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Everything that a poll needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where PostgreSQL is.
    pub database: DatabaseUrl,
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// After how long a poll stops reading.
    pub deadline: Duration,
}

/// Where Kafka is, and what to read there. `Debug` shows no value of a setting: passwords are among
/// them.
#[derive(Clone)]
pub struct KafkaConfig {
    /// host:port, separated by commas.
    pub bootstrap: String,
    /// Which topics.
    pub topics: TopicSelection,
    /// The consumer group that offsets are mirrored to.
    pub group: Arc<str>,
    /// Settings of librdkafka that the person chose.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bootstrap,
            topics,
            group,
            properties,
        } = self;
        f.debug_struct("KafkaConfig")
            .field("bootstrap", bootstrap)
            .field("topics", topics)
            .field("group", group)
            .field("properties", &properties.keys())
            .finish()
    }
}

/// The configuration of a poll.
pub fn poll_config(settings: &Settings, env: Environment<'_>) -> Result<Config, Failure> {
    Ok(Config {
        database: database_url(settings, env, &["DATABASE_URL"])?,
        kafka: kafka_config(settings, env)?,
        deadline: deadline(settings, env)?,
    })
}

/// Where `migrate` connects: the owner's URL where there is one.
pub fn migrate_url(settings: &Settings, env: Environment<'_>) -> Result<DatabaseUrl, Failure> {
    database_url(settings, env, &["MIGRATE_DATABASE_URL", "DATABASE_URL"])
}

/// Where a command connects that asks nothing but PostgreSQL.
pub fn database(settings: &Settings, env: Environment<'_>) -> Result<DatabaseUrl, Failure> {
    database_url(settings, env, &["DATABASE_URL"])
}

fn usage(error: anyhow::Error, hint: &str) -> Failure {
    Failure::new(Exit::Usage, error, hint)
}

/// A flag, else its variable, trimmed; with the name under which a person knows it.
fn value<'n>(
    flag: Option<&String>,
    flag_name: &'n str,
    env: Environment<'_>,
    variable: &'n str,
) -> Option<(String, &'n str)> {
    match flag {
        Some(text) => Some((text.trim().to_owned(), flag_name)),
        None => env(variable).map(|text| (text.trim().to_owned(), variable)),
    }
}

fn database_url(
    settings: &Settings,
    env: Environment<'_>,
    variables: &[&str],
) -> Result<DatabaseUrl, Failure> {
    const EXAMPLE: &str = "for example DATABASE_URL=postgresql://user:password@host:5432/database";
    if let Some(text) = &settings.database_url {
        let url = DatabaseUrl::parse(text)
            .context("--database-url cannot be used")
            .map_err(|error| usage(error, EXAMPLE))?;
        if url.has_password() {
            return Err(usage(
                anyhow!(
                    "--database-url holds a password, which everyone on this machine can read in the list of processes"
                ),
                "set DATABASE_URL in the environment instead",
            ));
        }
        return Ok(url);
    }
    for variable in variables {
        if let Some(text) = env(variable).filter(|text| !text.trim().is_empty()) {
            return DatabaseUrl::parse(&text)
                .with_context(|| format!("{variable} cannot be used"))
                .map_err(|error| usage(error, EXAMPLE));
        }
    }
    Err(usage(anyhow!("DATABASE_URL is not set"), EXAMPLE))
}

fn deadline(settings: &Settings, env: Environment<'_>) -> Result<Duration, Failure> {
    let Some((text, name)) = value(
        settings.poll_deadline_seconds.as_ref(),
        "--poll-deadline-seconds",
        env,
        "POLL_DEADLINE_SECONDS",
    ) else {
        return Ok(Duration::from_secs(DEFAULT_DEADLINE));
    };
    match text.parse::<u64>() {
        Ok(seconds) if (1..=MAX_DEADLINE).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(usage(
            anyhow!("{name} is {text:?}, which is no whole number from 1 to {MAX_DEADLINE}"),
            "seconds after which a poll commits what it has, 50 where nothing is said",
        )),
    }
}

/// Where Kafka is.
pub fn kafka_config(settings: &Settings, env: Environment<'_>) -> Result<KafkaConfig, Failure> {
    let bootstrap = match value(
        settings.kafka_bootstrap_servers.as_ref(),
        "--kafka-bootstrap-servers",
        env,
        "KAFKA_BOOTSTRAP_SERVERS",
    ) {
        Some((text, name)) => checked_bootstrap(&text, name)?,
        None => DEFAULT_BOOTSTRAP.to_owned(),
    };
    let group = match value(
        settings.consumer_group_id.as_ref(),
        "--consumer-group-id",
        env,
        "CONSUMER_GROUP_ID",
    ) {
        Some((text, name)) if text.is_empty() => {
            return Err(usage(
                anyhow!("{name} is empty"),
                "leave it out for notification-service-group",
            ));
        }
        Some((text, _)) => text,
        None => DEFAULT_GROUP.to_owned(),
    };
    let topics = match value(
        settings.kafka_topics.as_ref(),
        "--kafka-topics",
        env,
        "KAFKA_TOPICS",
    ) {
        Some((text, name)) => topic_selection(&text, name)?,
        None => topic_selection(DEFAULT_TOPICS, "the default")?,
    };
    Ok(KafkaConfig {
        bootstrap,
        topics,
        group: group.into(),
        properties: properties(settings, env)?,
    })
}

fn checked_bootstrap(text: &str, name: &str) -> Result<String, Failure> {
    const EXAMPLE: &str =
        "host:port, several separated by commas, for example kafka-1:9092,kafka-2:9092";
    let servers: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .collect();
    if servers.is_empty() {
        return Err(usage(anyhow!("{name} is empty"), EXAMPLE));
    }
    for server in &servers {
        let address = server
            .rsplit_once("://")
            .map_or(*server, |(_, address)| address);
        let port = match address.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => Some(port),
            _ => None,
        };
        if address.contains(char::is_whitespace)
            || port.is_some_and(|port| port.parse::<u16>().is_err())
        {
            return Err(usage(
                anyhow!("{name} names {server:?}, which is no host:port"),
                EXAMPLE,
            ));
        }
    }
    Ok(servers.join(","))
}

fn topic_selection(text: &str, name: &str) -> Result<TopicSelection, Failure> {
    const EXAMPLE: &str = "names separated by commas, ^ begins a regular expression, for example order-events,^payment.*";
    let (mut names, mut patterns) = (BTreeSet::new(), Vec::new());
    for entry in split_topics(text) {
        if entry.starts_with('^') {
            // a pattern must match the whole name, whatever alternatives it holds
            let pattern = entry.trim_start_matches('^').trim_end_matches('$');
            let pattern = Regex::new(&format!("^(?:{pattern})$"))
                .with_context(|| format!("{name} holds {entry:?}, which is no regular expression"))
                .map_err(|error| usage(error, EXAMPLE))?;
            patterns.push(pattern);
        } else if is_topic_name(entry) {
            names.insert(entry.to_owned());
        } else {
            return Err(usage(
                anyhow!("{name} holds {entry:?}, which is no topic name"),
                EXAMPLE,
            ));
        }
    }
    if names.is_empty() && patterns.is_empty() {
        return Err(usage(anyhow!("{name} is empty"), EXAMPLE));
    }
    Ok(TopicSelection { names, patterns })
}

/// Splits at commas, but not at those inside the braces or brackets of a pattern (`^a{1,3}`).
fn split_topics(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '{' | '[' | '(' => depth = depth.saturating_add(1),
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|entry| !entry.is_empty())
    .collect()
}

/// Kafka's own rule for topic names.
fn is_topic_name(name: &str) -> bool {
    name.len() <= 249
        && !matches!(name, "." | "..")
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn properties(
    settings: &Settings,
    env: Environment<'_>,
) -> Result<BTreeMap<String, String>, Failure> {
    let file = match &settings.kafka_config {
        Some(path) => Some((path.clone(), "--kafka-config")),
        None => env("KAFKA_CONFIG")
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .map(|text| (text.into(), "KAFKA_CONFIG")),
    };
    let mut properties = BTreeMap::new();
    if let Some((path, name)) = file {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{name} names {}, which cannot be read", path.display()))
            .map_err(|error| usage(error, "a file with key=value on each line"))?;
        for line in text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            let (key, value) = property(line, &path.display().to_string())?;
            properties.insert(key, value);
        }
    }
    for text in &settings.property {
        let (key, value) = property(text, "-X")?;
        if is_secret(&key) {
            return Err(usage(
                anyhow!(
                    "-X {key} is a secret, which everyone on this machine can read in the list of processes"
                ),
                "put it into the file that KAFKA_CONFIG names",
            ));
        }
        properties.insert(key, value);
    }
    Ok(properties)
}

/// `key=value`, with the settings refused that are not a person's to choose.
fn property(text: &str, place: &str) -> Result<(String, String), Failure> {
    let Some((key, value)) = text.split_once('=') else {
        // the text may be a secret without its key: it is not shown
        return Err(usage(
            anyhow!("{place} holds a setting that is not key=value"),
            "for example security.protocol=ssl",
        ));
    };
    let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
    if let Some((_, fixed)) = FIXED.iter().find(|(name, _)| *name == key) {
        return Err(usage(
            anyhow!("{place} sets {key}, which is always {fixed}: the record depends on it"),
            "leave it out",
        ));
    }
    if let Some((_, elsewhere)) = NAMED_ELSEWHERE.iter().find(|(name, _)| *name == key) {
        return Err(usage(
            anyhow!("{place} sets {key}, which has a place of its own"),
            &format!("use {elsewhere}"),
        ));
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_by_debug() {
        let settings = BTreeMap::from([("sasl.password".to_owned(), "s3cr3t".to_owned())]);
        let config = KafkaConfig {
            bootstrap: DEFAULT_BOOTSTRAP.to_owned(),
            topics: topic_selection(DEFAULT_TOPICS, "the default").unwrap(),
            group: DEFAULT_GROUP.into(),
            properties: settings,
        };
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password"), "{shown}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
