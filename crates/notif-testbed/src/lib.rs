//! Private servers for tests, the demo and the benchmarks. Not shipped.
//!
//! - [`postgres`]: a PostgreSQL of our own, and a database for each test from a migrated template;
//! - [`http`]: one GET;
//! - [`kafka`]: an Apache Kafka of our own, with topics, producers and an independent reader;
//! - [`campus`]: the events of a simulated campus;
//! - [`certificates`]: a certificate authority that nobody knows;
//! - [`exact`]: JSON values that are compared without rounding;
//! - [`fuzz_input`]: a message as the bytes that a fuzzer changes;
//! - [`hostile`]: messages that break recorders;
//! - [`mutation`]: trying deliberate defects;
//! - [`named_tests()`]: the names of the tests in sources;
//! - [`process`]: programs that end, within a time limit;
//! - [`proxy`]: a connection that breaks on demand;
//! - [`rebuild`]: a message put together again from its row;
//! - [`service`]: our own servers;
//! - [`wait`]: waiting for a condition, with a deadline;
//! - [`unique`]: names that no other test uses.
//!
//! A server belongs to the process that started it and ends with it, by whatever it ends; see
//! `supervisor.rs`. Nothing here knows our other crates: a test of `notif-core` that used this crate
//! would otherwise be compiled with two copies of its types.

pub mod campus;
pub mod certificates;
pub mod exact;
pub mod fuzz_input;
pub mod hostile;
pub mod http;
pub mod kafka;
mod maven;
pub mod mutation;
mod named_tests;
mod port;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod rebuild;
pub mod service;
mod supervisor;
pub mod wait;

pub use campus::{Campus, CampusEvent};
pub use kafka::{Kafka, KafkaOptions, Message, Producer, RawMessage, TruthRecord};
pub use named_tests::named_tests;
pub use port::free_port;
pub use postgres::{Postgres, PostgresOptions, TestDatabase};
pub use proxy::Proxy;
pub use service::Service;
pub use wait::{wait_for, wait_until};

/// `prefix` with random digits, so that tests that run at once do not meet.
pub fn unique(prefix: &str) -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    // its last digits are the random ones
    let digits = id.get(20..).unwrap_or(&id);
    format!("{prefix}_{digits}")
}

#[cfg(test)]
mod tests {
    use super::unique;

    #[test]
    fn unique_names_differ_and_keep_their_prefix() {
        let (one, two) = (unique("orders"), unique("orders"));
        assert_ne!(one, two);
        assert!(
            one.starts_with("orders_") && one.len() == "orders_".len() + 12,
            "{one}"
        );
    }
}
