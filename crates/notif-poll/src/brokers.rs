//! How every command gets to Kafka, and what it says where it does not.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rdkafka::error::RDKafkaErrorCode;

use crate::config::KafkaConfig;
use crate::deadline::Deadline;
use crate::exit::{Exit, Failure};
use crate::kafka::{self, Client, KafkaError};

/// How long Kafka may take to say which topics there are.
pub(crate) const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// The client of one command.
pub(crate) fn connect(config: &KafkaConfig) -> Result<ManuallyDrop<Arc<Client>>, Failure> {
    client(config)
        .context("a setting of the Kafka client cannot be used")
        .map_err(|error| {
            let hint = if format!("{error:#}").contains("ssl.key.location failed") {
                "the file must hold a private key in PEM, and ssl.key.password its password"
            } else {
                "librdkafka's CONFIGURATION.md lists them"
            };
            Failure::new(Exit::Usage, error, hint)
        })
}

/// A client that is never dropped: that waits for the library, and for 45 s where a broker is gone. The
/// process ends with it instead.
pub(crate) fn client(config: &KafkaConfig) -> Result<ManuallyDrop<Arc<Client>>, KafkaError> {
    let client = kafka::connect(&config.bootstrap, &config.group, &config.properties)?;
    Ok(ManuallyDrop::new(Arc::new(client)))
}

/// No broker answered.
pub(crate) fn unreachable(client: &Client, error: &KafkaError, config: &KafkaConfig) -> Failure {
    let what = format!("cannot reach Kafka at {}", config.bootstrap);
    failure(client, error, what)
}

/// Kafka gave no answer: with the way out, where the client knows it.
fn failure(client: &Client, error: &KafkaError, what: String) -> Failure {
    let hint = kafka::complaint(client).map_or(
        "check KAFKA_BOOTSTRAP_SERVERS, and that a broker is up",
        |complaint| complaint.hint,
    );
    Failure::new(
        Exit::Kafka,
        anyhow!(error.message.clone()).context(what),
        &format!("{hint}; nothing was moved, the next run tries again"),
    )
}

/// Which cluster the brokers are of; `None` where they do not say in time.
pub(crate) fn cluster_id(client: &Client, deadline: &Deadline) -> Option<String> {
    kafka::cluster_id(client, DESCRIBE_TIMEOUT.min(deadline.left()))
}

/// Is the cluster that is `seen` the one that is recorded?
pub(crate) fn check_cluster(
    client: &Client,
    seen: Option<String>,
    recorded: Option<String>,
) -> Result<(), Failure> {
    if recorded == seen {
        return Ok(());
    }
    if seen.is_none() {
        return Err(silent_about_cluster(client));
    }
    let name = |id: Option<String>| id.unwrap_or_else(|| "without an id".to_owned());
    Err(Failure::new(
        Exit::Usage,
        anyhow!(
            "this is Kafka cluster {}, the record is of cluster {}",
            name(seen),
            name(recorded)
        ),
        "point KAFKA_BOOTSTRAP_SERVERS at the cluster that is recorded; nothing was written. To record this one from now on: notif-poll adopt-cluster",
    ))
}

/// The brokers answer, but not which cluster they are of.
pub(crate) fn silent_about_cluster(client: &Client) -> Failure {
    let error = KafkaError {
        code: RDKafkaErrorCode::OperationTimedOut,
        message: "no answer in time".to_owned(),
    };
    let what = "Kafka did not say which cluster it is";
    failure(client, &error, what.to_owned())
}
