//! What can be typed: definitions and help text, no logic. `config` turns it into what is used.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are printed as help text"
)]

mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use verify::VerifyArgs;

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
    #[command(flatten)]
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

    /// Prove that nothing is missing and nothing was changed, or name what is
    ///
    /// Reads PostgreSQL, and nothing else without --deep; writes nothing.
    #[command(after_help = verify::AFTER_HELP)]
    Verify(VerifyArgs),
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
