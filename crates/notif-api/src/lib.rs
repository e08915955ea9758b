//! The REST API of the notification recorder: the map.
//!
//! `access` says who may ask, `command` is what the program does besides serving.
//! `request -> query -> store -> view`: `request` reads what is asked, the store answers on a
//! thread that may block (`database`), `view` writes what is shown. `routes` is the table of
//! addresses with one handler each, `middleware` what holds for all of them, `problem` every answer
//! that is not success. A route leaves its text (`unsent`) to the middleware, which tags (`etag`) and
//! compresses (`gzip`) it and says how fresh it is (`freshness`). SQL is in `notif_core::store`; Kafka is not known here.

mod access;
mod app;
pub mod cli;
pub mod command;
pub mod config;
mod database;
mod etag;
pub mod exit;
mod freshness;
mod gzip;
mod hex;
mod idempotency;
mod in_flight;
pub mod logging;
mod metrics;
mod middleware;
mod openapi;
pub mod origins;
mod problem;
pub mod public_url;
mod request;
mod routes;
mod server;
mod stream;
mod unsent;
mod view;

pub use access::Access;
pub use config::Config;
pub use exit::Exit;
pub use server::{run, serve};
pub use stream::StreamOptions;
