//! What the process knows of itself without asking anyone.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::app::App;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Purpose {
    purpose: &'static str,
}

pub(super) fn register(registry: &mut Registry, app: &App) {
    let build = Family::<Build, Gauge>::default();
    let version = env!("CARGO_PKG_VERSION");
    build.get_or_create(&Build { version }).set(1);
    registry.register("build_info", "Always 1; which version this is", build);

    let load = app.database.load();
    let connections = Family::<Purpose, Gauge>::default();
    let in_use = Family::<Purpose, Gauge>::default();
    for (purpose, lane) in [("read", load.reading), ("write", load.writing)] {
        let purpose = Purpose { purpose };
        connections
            .get_or_create(&purpose)
            .set(signed(lane.connections));
        in_use.get_or_create(&purpose).set(signed(lane.in_use));
    }
    registry.register(
        "database_connections",
        "Requests that may use the database at once",
        connections,
    );
    registry.register(
        "database_connections_in_use",
        "Requests that use the database now",
        in_use,
    );
    gauge(
        registry,
        "database_requests_waiting",
        "Requests that wait for their turn at the database",
        load.waiting,
    );
    gauge(
        registry,
        "http_replies_in_flight_bytes",
        "Replies in memory that are not sent yet; at most 64 MiB, then 503",
        app.in_flight.bytes(),
    );
}

pub(super) fn gauge(registry: &mut Registry, name: &str, help: &str, value: usize) {
    let gauge = Gauge::<i64>::default();
    gauge.set(signed(value));
    registry.register(name, help, gauge);
}

fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
