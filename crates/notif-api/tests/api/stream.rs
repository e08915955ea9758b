//! `GET /events/stream`. One file a promise; how a stream is read is in `client`, how rows are committed
//! in `commit`.

mod bounds;
mod client;
mod commit;
mod failure;
mod large;
mod one_reader;
mod order;
mod process;
mod reset;
mod resume;
mod revoked;
mod shape;
mod slots;

use std::time::Duration;

use notif_api::Config;

use crate::server::World;

/// Looks often: a test waits for each look.
fn often(config: &mut Config) {
    config.streams.look_every = Duration::from_millis(20);
}

fn world() -> World {
    World::with(often)
}
