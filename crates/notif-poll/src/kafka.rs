//! The door to the brokers. Types of rdkafka end here: what goes out are records, offsets and words.

pub(crate) mod complaint;
pub(crate) mod ffi;
pub(crate) mod mirror;
pub(crate) mod partition;
pub(crate) mod policy;
pub(crate) mod reader;
pub mod settings;
pub(crate) mod topic;
pub(crate) mod watermark;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

use complaint::{Complaint, Complaints};
pub(crate) use ffi::KafkaError;

/// The client's own talk goes to the log, one level lower than it asks for: a broker that cannot be
/// reached is told once, as the outcome of the run, and in detail only to who asks (`RUST_LOG`).
///
/// What says why no broker can be reached is kept for that outcome.
#[derive(Default)]
pub(crate) struct QuietContext {
    complaints: Mutex<Complaints>,
    /// Kafka does not let this user use the consumer group.
    group_denied: AtomicBool,
}

impl QuietContext {
    /// What was complained about so far, of what was heard ([`ffi::hear`]).
    fn complaints<T>(&self, ask: impl FnOnce(&mut Complaints) -> T) -> T {
        ask(&mut self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for QuietContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaints(|complaints| complaints.add_log(facility, message));
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
        if let Some(code) = error.rdkafka_error_code() {
            self.complaints(|complaints| complaints.add(code, reason));
        }
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
    let client = settings::client_config(bootstrap, group, own)
        // all of it is heard, and sorted here: that a connection was closed is said at the lowest level
        .set_log_level(RDKafkaLogLevel::Debug)
        .create_with_context::<_, Client>(QuietContext::default())
        .map_err(|error| KafkaError {
            code: RDKafkaErrorCode::InvalidConfig,
            message: match error {
                // the value may be a secret, under whatever name
                ClientError::ClientConfig(_, why, key, value) => {
                    format!("{key}: {}", hide(why, [&value]))
                }
                other => hide(other.to_string(), settings::secrets(own)),
            },
        })?;
    ffi::keep_apart(&client);
    Ok(client)
}

/// A text without values that a person may have set in the wrong place.
fn hide<'v>(text: String, values: impl IntoIterator<Item = &'v String>) -> String {
    let values = values.into_iter().filter(|value| !value.is_empty());
    values.fold(text, |text, value| text.replace(value, "***"))
}

/// Why the brokers cannot be reached, where the client knows it.
pub(crate) fn complaint(client: &Client) -> Option<Complaint> {
    ffi::hear(client);
    client
        .context()
        .complaints(|complaints| complaints.worst().cloned())
}

/// Takes an error that came with the messages and concerns no partition.
fn hear_group(client: &Client, code: RDKafkaErrorCode) {
    if code == RDKafkaErrorCode::GroupAuthorizationFailed {
        client.context().group_denied.store(true, Ordering::Relaxed);
    }
}

/// Did Kafka say that this user may not use the consumer group?
fn group_is_denied(client: &Client) -> bool {
    client.context().group_denied.load(Ordering::Relaxed)
}

/// Did every broker turn us away for good?
pub(crate) fn all_refuse(client: &Client) -> bool {
    ffi::hear(client);
    client
        .context()
        .complaints(|complaints| complaints.all_refuse())
}

/// The cluster's id; `None` where it has none or does not say in time.
pub(crate) fn cluster_id(client: &Client, timeout: Duration) -> Option<String> {
    client
        .client()
        .fetch_cluster_id(timeout.max(ffi::SHORTEST_TIMEOUT))
        .filter(|id| !id.is_empty())
}
