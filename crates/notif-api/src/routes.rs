//! The table: path, methods, handler. Nothing else.

mod correlation;
mod customer;
mod described;
mod docs;
mod filtered;
mod gap;
mod health;
mod list;
mod metrics;
mod notification;
mod openapi;
mod order;
mod record;
mod reply;
mod run;
mod runner;
mod send;
mod stream;
mod timeline;
mod topic;

use actix_web::dev::HttpServiceFactory;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Responder};

use crate::problem::Problem;

pub(crate) use described::Described;

/// The pattern of the route that a request met, within the request's `app_data`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route(pub(crate) &'static str);

/// Registers every route.
pub(crate) fn table(config: &mut ServiceConfig) {
    config
        .service(read("/health", health::health))
        .service(read("/livez", health::livez))
        .service(read("/readyz", health::readyz))
        .service(read("/metrics", metrics::get))
        .service(read("/order/{orderId}", order::list))
        .service(read("/order/{orderId}/latest", order::latest))
        .service(read("/order/{orderId}/timeline", timeline::get))
        .service(read("/customer/{customerId}/notifications", customer::feed))
        .service(read("/runner/{runnerId}/notifications", runner::feed))
        .service(read("/correlation/{correlationId}", correlation::story))
        .service(read("/notifications", filtered::list))
        .service(read("/notifications/{notificationId}", notification::get))
        .service(stream::service("/events/stream"))
        .service(read(
            "/notifications/{notificationId}/raw",
            notification::raw,
        ))
        .service(read("/records/{topic}/{partition}/{offset}", record::get))
        .service(read("/topics", topic::list))
        .service(read("/gaps", gap::list))
        .service(read("/runs", run::list))
        .service(read("/openapi.json", openapi::get))
        .service(read("/docs", docs::page))
        .service(read("/docs/{file}", docs::file))
        .service(write("/send-notification", send::send))
        .default_service(web::to(async || nothing_here()));
}

/// Is it an address that machines ask for all the time, to see how we are?
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/health" | "/livez" | "/readyz" | "/metrics")
}

fn nothing_here() -> Result<String, Problem> {
    Err(Problem::NoSuchRoute)
}

/// A route for GET, and for HEAD, which is GET without the body.
fn read<F, Args>(path: &'static str, handler: F) -> impl HttpServiceFactory
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .app_data(Route(path))
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(async || not_allowed("GET, HEAD")))
}

/// A route for POST.
fn write<F, Args>(path: &'static str, handler: F) -> impl HttpServiceFactory
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .app_data(Route(path))
        .route(web::post().to(handler))
        .default_service(web::to(async || not_allowed("POST")))
}

fn not_allowed(methods: &'static str) -> Result<String, Problem> {
    Err(Problem::MethodNotAllowed(methods))
}
