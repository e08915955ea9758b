//! The API against a real PostgreSQL, one file a resource. The server runs within the test's
//! process on a free port; `process.rs` alone starts the program itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking; clippy.toml's exceptions reach only the functions marked as tests"
)]

mod api_page;
mod bad_requests;
mod broken_database;
mod compression;
mod correlation;
mod cors;
mod customer;
mod docs;
mod etag;
mod filtered;
mod freshness;
mod gaps;
mod health;
mod hostile;
mod http;
mod idempotency;
mod ledger_rows;
mod lines;
mod metrics;
#[cfg(feature = "faults")]
mod mutation;
mod notification;
mod odd_database;
mod openapi;
mod order;
mod overload;
mod paging;
mod process;
mod promises;
mod raw;
mod record;
mod recorded;
mod request_id;
mod rows;
mod runner;
mod runs;
mod secure_database;
mod security;
mod send;
mod server;
mod slow_clients;
mod story;
mod stream;
mod timeline;
mod token_command;
mod tokens;
mod topics;
