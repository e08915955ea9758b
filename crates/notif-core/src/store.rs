//! The only door to SQL.
//!
//! Functions are named `noun_verb`; one that must run inside a transaction of its caller ends in
//! `_in_txn`. Each file holds one noun. Nothing here reads the environment or the clock: times come
//! from PostgreSQL or as arguments.

#[cfg(test)]
mod asked;
pub mod batch;
pub mod claim;
pub mod cluster;
pub mod commit;
pub mod database_url;
pub mod decision;
pub mod error;
pub mod fingerprint;
pub mod gap;
pub mod generation;
pub mod idempotency;
pub mod ledger;
mod libpq;
pub mod migrate;
pub mod notification;
pub mod offset;
pub mod pool;
pub mod read;
pub mod refusal;
pub mod resume;
pub mod retire;
pub mod run;
#[cfg(test)]
mod scale_tests;
pub mod session;
pub mod status;
pub mod stop;
pub mod tail;
pub mod timeline;
pub mod verify;

pub use database_url::{DatabaseUrl, DatabaseUrlError};
pub use error::StoreError;
pub use libpq::Answer;
pub use pool::{Pool, PoolOptions};
pub use read::Read;
pub use session::Session;
pub use verify::Audit;
