//! The streams of this process.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::process::gauge;
use crate::app::App;

pub(super) fn register(registry: &mut Registry, app: &App) {
    let counts = app.streams.counts();
    gauge(
        registry,
        "streams_open",
        "Streams that are open now; at most 200, then 503",
        counts.open,
    );
    gauge(
        registry,
        "stream_waiting_bytes",
        "Events of streams in memory that are not sent yet; at most 64 MiB, then slow clients are cut off",
        counts.waiting_bytes,
    );
    let counters = [
        ("streams_opened", "Streams that were opened", counts.opened),
        (
            "streams_refused",
            "Streams that found no free place",
            counts.refused,
        ),
        (
            "streams_cut_off",
            "Streams that were ended because their clients were too slow",
            counts.cut_off,
        ),
        (
            "stream_resets",
            "Streams that were told to begin anew, because what they had seen is not known any more",
            counts.resets,
        ),
        (
            "stream_events",
            "Notifications that were given to a stream, each stream counted",
            counts.events,
        ),
    ];
    for (name, help, value) in counters {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
}
