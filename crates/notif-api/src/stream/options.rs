//! The bounds of streams.

use std::time::Duration;

/// The bounds of streams. They are no settings of an operator; tests have others.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// How many streams may be open.
    pub streams_max: usize,
    /// How often the tail is looked at while somebody follows it.
    pub look_every: Duration,
    /// How long nothing is sent before a sign of life is. Proxies close what is silent for 60 s or less.
    pub keep_alive: Duration,
    /// How many bytes may wait for one client, but for the event that passes this bound.
    pub client_bytes: usize,
    /// How many bytes may wait for all clients together.
    pub all_bytes: usize,
    /// How long the others wait for clients that have passed their bound; a tenth of the time beyond that.
    pub grace: Duration,
    /// How long a client may take nothing of what waits for it.
    pub stall: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            streams_max: 200,
            look_every: Duration::from_secs(1),
            keep_alive: Duration::from_secs(15),
            client_bytes: 8 * 1024 * 1024,
            all_bytes: 64 * 1024 * 1024,
            grace: Duration::from_secs(2),
            stall: Duration::from_secs(30),
        }
    }
}
