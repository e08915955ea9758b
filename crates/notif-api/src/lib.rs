//! The REST API of the notification recorder: the map.
//!
//! `request -> query -> store -> view`: `request` reads what is asked, the store answers on a
//! thread that may block (`database`), `view` writes what is shown. `routes` is the table of
//! addresses with one handler each, `middleware` what holds for all of them, `problem` every answer
//! that is not success. SQL is in `notif_core::store`; Kafka is not known here.

mod app;
pub mod cli;
pub mod config;
mod database;
pub mod exit;
mod in_flight;
pub mod logging;
mod middleware;
mod problem;
pub mod public_url;
mod request;
mod routes;
mod server;
mod stream;
mod view;

pub use config::Config;
pub use exit::Exit;
pub use server::{run, serve};
pub use stream::StreamOptions;
