//! The poll as a user sees it: the real binary, a real Apache Kafka, a real PostgreSQL.
//!
//! One broker and one server for all tests of this process; each test has a database and topics of
//! its own. What breaks a server gets servers of its own.

mod drain;
mod failure;
mod gap;
mod hostile;
mod kill;
mod refusal;
mod world;
