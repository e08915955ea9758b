//! What can be typed: definitions and help text, no logic. `config` turns it into what is used.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are printed as help text"
)]

mod operator;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use operator::{AdoptClusterArgs, ResumeArgs, RetireArgs, StatusArgs};

/// Polls Kafka once, records every new message in PostgreSQL exactly once, and exits.
#[derive(Debug, Parser)]
#[command(
    name = "notif-poll",
    version,
    about,
    after_help = AFTER_HELP,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do; a poll where nothing is named
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Poll once and exit: what happens anyway, for who likes to say it
    #[arg(long)]
    pub once: bool,

    /// The settings of every command
    #[command(flatten, next_help_heading = "Settings")]
    pub settings: Settings,
}

/// A command besides the poll.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Create the database schema, or bring it up to date
    ///
    /// Runs with MIGRATE_DATABASE_URL where that is set, else with DATABASE_URL. Safe when several
    /// processes start together.
    Migrate,

    /// Show how far everything is recorded, what is missing, and what needs a person
    ///
    /// One line of health; then every watched partition: END is the end of the log, LAG how many
    /// offsets are left to read, BEHIND how long ago everything was stored, MARGIN how many offsets
    /// Kafka's deletion is away from the next one to be read. Then losses, stops, what is not
    /// watched, and the last runs. It asks PostgreSQL alone, so it works while Kafka is down, and
    /// tells what the last poll saw. It writes nothing, and exits with 0 unless it could not look.
    Status(StatusArgs),

    /// Show what a poll would do with each partition, without doing it
    ///
    /// Asks PostgreSQL and Kafka as a poll does and writes nothing. Where a partition stopped as
    /// diverged it finds the offset at which Kafka's log parts from the recorded one. Exits with 9
    /// where a partition needs a person, with 4 where none answered, else with 0.
    Plan,

    /// Let a partition go on that is stopped, or that was retired
    ///
    /// A diverged log goes on in a new generation, from where it parts from the recorded one; after
    /// any other stop the same offset is tried again, or, with --at, what lies before that offset is
    /// skipped. A retired partition is watched again, in a new generation, from the next offset on.
    /// Whatever is skipped is written into the ledger, with who and why.
    #[command(after_help = "\
Examples:
  notif-poll resume --topic order-events --partition 0
  notif-poll resume --topic order-events --partition 0 --reason 'broker 2 restored' --yes
  notif-poll resume --topic order-events --partition 0 --at 4711 --reason 'damaged' --yes
  notif-poll resume --topic old-events --reason 'in use again' --yes")]
    Resume(ResumeArgs),

    /// End the watch of a topic, or of one partition
    ///
    /// It is read no more, and counts no more for freshness and exit codes. What is recorded stays.
    /// The ledger says from where on records may be missing, with who and why. `resume` watches it
    /// again.
    #[command(after_help = "\
Examples:
  notif-poll retire --topic old-events
  notif-poll retire --topic old-events --reason 'replaced by order-events' --yes
  notif-poll retire --topic order-events --partition 5 --reason 'created anew' --yes")]
    Retire(RetireArgs),

    /// Record another Kafka cluster from now on
    ///
    /// Offsets of one cluster mean nothing in another, so every watched partition gets a new
    /// generation, and the ledger says from where on records of the old cluster may be missing.
    /// KAFKA_BOOTSTRAP_SERVERS must lead to the new cluster. End all polls of the old one before.
    #[command(after_help = "\
Examples:
  notif-poll adopt-cluster MkU3OEVBNTcwNTJENDM2Qk
  notif-poll adopt-cluster MkU3OEVBNTcwNTJENDM2Qk --yes")]
    AdoptCluster(AdoptClusterArgs),
}

/// How the outcome is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// One line for a person
    Text,
    /// One JSON object
    Json,
}

/// The settings of every command, as typed. A flag wins over the variable named beside it.
#[derive(Debug, Clone, Default, Args)]
pub struct Settings {
    /// Where PostgreSQL is, without a password: that belongs into the environment
    /// [env: DATABASE_URL]
    #[arg(long, value_name = "URL", global = true)]
    pub database_url: Option<String>,

    /// Where Kafka is: host:port, several separated by commas
    /// [env: KAFKA_BOOTSTRAP_SERVERS] [default: kafka:9092]
    #[arg(long, value_name = "SERVERS", global = true)]
    pub kafka_bootstrap_servers: Option<String>,

    /// Which topics to record, separated by commas; ^ begins a regular expression that must match
    /// the whole name
    /// [env: KAFKA_TOPICS] [default: the ten topics of the platform]
    #[arg(long, value_name = "TOPICS", global = true)]
    pub kafka_topics: Option<String>,

    /// The consumer group that the offsets are mirrored to, for lag tools
    /// [env: CONSUMER_GROUP_ID] [default: notification-service-group]
    #[arg(long, value_name = "GROUP", global = true)]
    pub consumer_group_id: Option<String>,

    /// After how many seconds a poll stops reading and commits what it has, 1 to 86400
    /// [env: POLL_DEADLINE_SECONDS] [default: 50]
    #[arg(
        long,
        value_name = "SECONDS",
        global = true,
        allow_hyphen_values = true
    )]
    pub poll_deadline_seconds: Option<String>,

    /// A file of librdkafka settings, key=value on each line: TLS, SASL
    /// [env: KAFKA_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub kafka_config: Option<PathBuf>,

    /// One librdkafka setting; may repeat
    #[arg(short = 'X', value_name = "KEY=VALUE", global = true)]
    pub property: Vec<String>,

    /// How the outcome is written
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    pub output: Option<Output>,
}

const AFTER_HELP: &str = "\
Environment:
  DATABASE_URL             where PostgreSQL is: postgresql://user:password@host:5432/database
  MIGRATE_DATABASE_URL     the same for `migrate`, with the rights of the owner
  KAFKA_BOOTSTRAP_SERVERS  where Kafka is (kafka:9092)
  KAFKA_TOPICS             which topics to record
  KAFKA_CONFIG             a file of librdkafka settings
  CONSUMER_GROUP_ID        the consumer group (notification-service-group)
  POLL_DEADLINE_SECONDS    after how long a poll commits what it has (50)
  RUST_LOG                 what is logged to stderr: error, warn, info, debug, trace (warn)
  LOG_FORMAT               text or json (text)
  A flag wins over its variable; white space around values does not count.

Exit codes:
  0  drained: everything new is stored, or there was nothing new
  1  internal: a bug
  2  usage: a flag or a variable is wrong
  3  database: PostgreSQL cannot be reached, or refuses; nothing was moved
  4  kafka: Kafka cannot be reached, or was lost
  5  behind: time or a signal ended the run; what was read is stored, the next run goes on
  6  gap: Kafka had deleted records before they were read; the loss is in the ledger
  7  schema: the database schema does not fit; says what mends it
  8  mismatch: what is stored differs from what was found
  9  stopped: a partition needs a person; the rest is recorded

Examples:
  notif-poll migrate
  notif-poll
  notif-poll --output json
  notif-poll status
  notif-poll plan
  KAFKA_TOPICS='order-events,^payment.*' notif-poll
  notif-poll -X security.protocol=ssl -X ssl.ca.location=/etc/kafka/ca.pem";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }
}
