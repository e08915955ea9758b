//! The door to the brokers. Types of rdkafka end here: what goes out are records, offsets and words.

pub(crate) mod ffi;
pub(crate) mod mirror;
pub(crate) mod partition;
pub(crate) mod policy;
pub(crate) mod reader;
pub mod settings;
pub(crate) mod topic;
pub(crate) mod watermark;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

pub(crate) use ffi::KafkaError;

/// The client's own talk goes to the log, one level lower than it asks for: a broker that cannot be
/// reached is told once, as the outcome of the run, and in detail only to who asks (`RUST_LOG`).
pub(crate) struct QuietContext;

impl ClientContext for QuietContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let level = match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                log::Level::Error
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                log::Level::Info
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => log::Level::Debug,
        };
        log::log!(target: "librdkafka", level, "{facility}: {message}");
    }

    fn error(&self, error: ClientError, reason: &str) {
        log::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ConsumerContext for QuietContext {}

/// The consumer that one run uses for everything.
pub(crate) type Client = BaseConsumer<QuietContext>;

/// Makes the client. It connects in the background: an error here is about the settings.
pub(crate) fn connect(
    bootstrap: &str,
    group: &Arc<str>,
    own: &BTreeMap<String, String>,
) -> Result<Client, KafkaError> {
    settings::client_config(bootstrap, group, own)
        .create_with_context::<_, Client>(QuietContext)
        .map_err(|error| KafkaError {
            code: RDKafkaErrorCode::InvalidConfig,
            message: match error {
                // the value may be a secret, under whatever name
                ClientError::ClientConfig(_, why, key, _) => format!("{key}: {why}"),
                other => other.to_string(),
            },
        })
}

/// The cluster's id; `None` where it has none or does not say in time.
pub(crate) fn cluster_id(client: &Client, timeout: Duration) -> Option<String> {
    client
        .client()
        .fetch_cluster_id(timeout.max(ffi::SHORTEST_TIMEOUT))
        .filter(|id| !id.is_empty())
}
