//! What every request shares, and the order of the middleware.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::Data;

use crate::config::Config;
use crate::database::Database;
use crate::in_flight::InFlight;
use crate::middleware::{access_log, links, problem, request_id};
use crate::public_url::PublicUrl;
use crate::routes;
use crate::stream::Streams;

/// What every request shares.
pub(crate) struct App {
    /// The way to what is recorded.
    pub(crate) database: Database,
    /// What is being sent.
    pub(crate) in_flight: InFlight,
    /// Where clients find this API, where an operator said so.
    pub(crate) public_url: Option<PublicUrl>,
    /// Who follows the tail.
    pub(crate) streams: Streams,
    draining: AtomicBool,
}

impl App {
    /// An app that serves.
    pub(crate) fn new(database: Database, config: &Config) -> Self {
        Self {
            database,
            in_flight: InFlight::default(),
            public_url: config.public_url.clone(),
            streams: Streams::new(config.streams.clone()),
            draining: AtomicBool::new(false),
        }
    }

    /// From now on no further requests should be sent here.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the end has begun.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// The service: routes within middleware. The last one named sees a request first.
pub(crate) fn service(
    app: Data<App>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    actix_web::App::new()
        .app_data(app)
        .configure(routes::table)
        .wrap(from_fn(links::links))
        // whatever the answer: it is about people, and it is what its type says
        .wrap(
            DefaultHeaders::new()
                .add(("Cache-Control", "private, no-cache"))
                .add(("X-Content-Type-Options", "nosniff")),
        )
        // within the log, so that the log sees the cause
        .wrap(from_fn(problem::problem))
        // within the id, so that the line has one
        .wrap(from_fn(access_log::access_log))
        .wrap(from_fn(request_id::request_id))
}
