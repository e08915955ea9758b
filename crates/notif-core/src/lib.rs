//! The domain of the notification recorder.
//!
//! Data flows one way, `Kafka record -> decoded event -> notification row -> store`, and
//! `request -> query -> response`. A module may use what stands before it in this list, never what
//! comes after. Kafka, HTTP, the environment and the clock are not known here; SQL is written in
//! [`store`] alone.

pub mod fault;

pub mod record;

pub mod event;

pub mod decode;

pub mod notification_id;

pub mod notification;

pub mod offset;

pub mod plan;

pub mod drain;

pub mod freshness;

pub mod stable_end;

pub mod standing;

pub mod copy;

pub mod witness;

pub mod divergence;

pub mod batch;

pub mod filter;

pub mod query;

pub mod ledger;

pub mod tail;

pub mod verify;

#[expect(
    missing_docs,
    clippy::doc_markdown,
    reason = "generated; tables and columns carry the comments of the database"
)]
#[rustfmt::skip]
pub mod schema;

pub mod stop;

pub mod resume;

pub mod health;

pub mod timeline;

pub mod store;
