//! The domain of the notification recorder.
//!
//! Data flows one way, `Kafka record -> decoded event -> notification row -> store`, and
//! `request -> query -> response`. A module may use what stands before it in this list, never what
//! comes after. Kafka, HTTP, the environment and the clock are not known here; SQL is written in
//! [`store`] alone.

pub mod record;

pub mod event;

pub mod decode;

pub mod notification_id;

pub mod notification;

#[rustfmt::skip]
pub mod schema;

pub mod query;

pub mod store;
