//! A simple client of Kafka: connects, asks which topics there are, and ends, as `kcat -L` does.
//!
//! `idle.rs` runs it as a process of its own. It is built on the library that notif-poll is built
//! on, with that library's defaults.

use std::mem::ManuallyDrop;
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const LIMIT: Duration = Duration::from_secs(10);

/// Prints how many topics the broker has.
#[expect(clippy::print_stdout, reason = "its caller reads the number")]
pub(crate) fn ask(bootstrap: &str) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()?;
    // to drop it would wait for the library; the process ends with it, as notif-poll does
    let consumer = ManuallyDrop::new(consumer);
    let metadata = consumer
        .fetch_metadata(None, LIMIT)
        .with_context(|| format!("metadata from {bootstrap}"))?;
    println!("{}", metadata.topics().len());
    Ok(())
}
