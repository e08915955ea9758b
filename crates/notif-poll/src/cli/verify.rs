//! `notif-poll verify`: what can be typed.

use clap::Args;

/// The arguments of `verify`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct VerifyArgs {
    /// Compare with what Kafka still holds, record by record, too
    #[arg(long)]
    pub deep: bool,

    /// Look at one topic only; batches, which belong to no topic, are left out then
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,

    /// Look at one partition of the topic only
    #[arg(long, value_name = "N", requires = "topic", allow_hyphen_values = true, value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,
}

/// What follows the options in the help of `verify`.
pub(super) const AFTER_HELP: &str = "\
Checked in PostgreSQL alone:
  each recorded range has as many rows as records, redacted and pruned ones included
  no row lies outside of the recorded ranges
  ranges and losses cover every offset once, up to the stored one
  each row has the length and hash of its own bytes where they are kept, its id, its time, the
  length of its event, and an event of its topic, type, source and correlation id
  counters, batches and the order of commits agree

Checked with --deep, for what Kafka still holds up to the stored offset:
  each record is there once, with its value (by hash), key, headers, timestamp and its type
  event says what the message says

What cannot be proved is told, and is no mismatch. A poll may run meanwhile.

Exit codes:
  0  no mismatch
  8  mismatches; the first hundred are named
  4  Kafka could not be reached, or was lost; what PostgreSQL alone tells is told
  9  Kafka did not show a partition
  2, 3 and 7 as ever

Examples:
  notif-poll verify
  notif-poll verify --deep --output json
  notif-poll verify --deep --topic order-events --partition 0";
