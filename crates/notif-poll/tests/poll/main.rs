//! The poll as a user sees it: the real binary, a real Apache Kafka, a real PostgreSQL.
//!
//! One broker and one server for all tests of this process; each test has a database and topics of
//! its own. What breaks a server gets servers of its own.
//!
//! `cfg(test)` says to the lints that helpers of tests are tests too: they fail by panicking.

#[cfg(test)]
mod adopt_cluster;
// a wrong clock is preloaded, as Linux has it
#[cfg(test)]
mod api;
#[cfg(test)]
mod api_ledgers;
#[cfg(target_os = "linux")]
#[cfg(test)]
mod clock;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod compression;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod cut_logs;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fidelity;
#[cfg(test)]
mod gap;
#[cfg(test)]
mod help;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kafka_faults;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod log_shapes;
#[cfg(test)]
mod message;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod own_broker;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod postgres_faults;
#[cfg(test)]
mod python;
#[cfg(test)]
mod recreated;
#[cfg(test)]
mod refusal;
#[cfg(test)]
mod reliability;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod retire;
#[cfg(test)]
mod schemathesis;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod status;
#[cfg(test)]
mod stopped;
#[cfg(test)]
mod story;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod world;
