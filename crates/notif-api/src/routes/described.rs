//! Which operations the document describes: all of the table's, which a test compares.

use utoipa::OpenApi;

use super::{
    correlation, customer, docs, filtered, gap, health, metrics, notification, openapi, order,
    record, run, runner, send, stream, timeline, topic,
};
use crate::openapi::{Finish, schema};

const ABOUT: &str = "What was recorded of the platform's Kafka events: about an order, a customer, a \
runner, a saga, across all services.

Times are RFC 3339 in UTC with microseconds. Lists are bare arrays and go on behind `Link: rel=\"next\"`; \
rows that were there when the first page was read appear exactly once. Errors are problem documents \
(RFC 9457). Where the operator configured API tokens, all but the probes needs `Authorization: Bearer`. \
Every address that takes GET takes HEAD.";

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "CampusG notification service", description = ABOUT, license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    // relative to the document, so that it holds behind whatever prefix the client came through
    servers((url = "./")),
    security((), ("token" = [])),
    tags(
        (name = "orders", description = "What happened to an order"),
        (name = "people", description = "What customers and runners are shown"),
        (name = "notifications", description = "What was recorded, by any of its properties"),
        (name = "stream", description = "What is recorded, as it is recorded"),
        (name = "sending", description = "Notifications by hand"),
        (name = "record", description = "How complete and how fresh the record is"),
        (name = "probes", description = "For load balancers and monitoring"),
        (name = "about", description = "This document"),
    ),
    paths(
        order::list,
        order::latest,
        timeline::get,
        customer::feed,
        runner::feed,
        correlation::story,
        filtered::list,
        notification::get,
        notification::raw,
        record::get,
        topic::list,
        gap::list,
        run::list,
        send::send,
        stream::open,
        health::health,
        health::livez,
        health::readyz,
        metrics::get,
        openapi::get,
        docs::page,
        docs::file,
    ),
    components(schemas(schema::Problem)),
    modifiers(&Finish),
)]
pub(crate) struct Described;
