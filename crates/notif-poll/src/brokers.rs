//! How every command gets to Kafka, and what it says where it does not.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};

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
            Failure::new(
                Exit::Usage,
                error,
                "librdkafka's CONFIGURATION.md lists them",
            )
        })
}

/// A client that is never dropped: that waits for the library, and for 45 s where a broker is gone. The
/// process ends with it instead.
pub(crate) fn client(config: &KafkaConfig) -> Result<ManuallyDrop<Arc<Client>>, KafkaError> {
    let client = kafka::connect(&config.bootstrap, &config.group, &config.properties)?;
    Ok(ManuallyDrop::new(Arc::new(client)))
}

/// No broker answered.
pub(crate) fn unreachable(error: KafkaError, config: &KafkaConfig) -> Failure {
    Failure::new(
        Exit::Kafka,
        anyhow!(error).context(format!("cannot reach Kafka at {}", config.bootstrap)),
        "check KAFKA_BOOTSTRAP_SERVERS, and that a broker is up; nothing was moved, the next run tries again",
    )
}

/// Which cluster the brokers are of; `None` where they do not say in time.
pub(crate) fn cluster_id(client: &Client, deadline: &Deadline) -> Option<String> {
    kafka::cluster_id(client, DESCRIBE_TIMEOUT.min(deadline.left()))
}

/// Is the cluster that is `seen` the one that is recorded?
pub(crate) fn check_cluster(seen: Option<String>, recorded: Option<String>) -> Result<(), Failure> {
    if recorded == seen {
        return Ok(());
    }
    if seen.is_none() {
        return Err(silent_about_cluster());
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
pub(crate) fn silent_about_cluster() -> Failure {
    Failure::new(
        Exit::Kafka,
        anyhow!("Kafka did not say in time which cluster it is"),
        "nothing was moved, the next run tries again",
    )
}
