//! What every request shares, and the order of the middleware.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::Data;

use crate::access::Access;
use crate::config::Config;
use crate::database::Database;
use crate::freshness::Freshness;
use crate::idempotency::Pruning;
use crate::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::middleware::{access, access_log, cors, finish, links, metrics, problem, request_id};
use crate::origins::Origins;
use crate::public_url::PublicUrl;
use crate::routes;
use crate::stream::Streams;

/// What every request shares.
pub(crate) struct App {
    /// The way to what is recorded.
    pub(crate) database: Database,
    /// Who may use it.
    pub(crate) access: Access,
    /// What is being sent.
    pub(crate) in_flight: InFlight,
    /// When old idempotency keys were removed.
    pub(crate) pruning: Pruning,
    /// Where clients find this API, where an operator said so.
    pub(crate) public_url: Option<PublicUrl>,
    /// How fresh the record is.
    pub(crate) freshness: Freshness,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// The pause between two polls, where it is known.
    pub(crate) poll_interval: Option<HeaderValue>,
    /// The other origins whose pages may read the replies.
    cors_origins: Origins,
    /// Who follows the tail.
    pub(crate) streams: Streams,
    draining: AtomicBool,
}

impl App {
    /// An app that serves.
    pub(crate) fn new(database: Database, config: &Config) -> Self {
        Self {
            database,
            access: config.access.clone(),
            in_flight: InFlight::default(),
            pruning: Pruning::default(),
            public_url: config.public_url.clone(),
            freshness: Freshness::default(),
            metrics: Metrics::default(),
            poll_interval: config.poll_interval.map(HeaderValue::from),
            cors_origins: config.cors_origins.clone(),
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
    let cors = cors::cors(&app.cors_origins);
    actix_web::App::new()
        .app_data(app)
        .configure(routes::table)
        .wrap(from_fn(links::links))
        .wrap(from_fn(finish::finish))
        // around all that answers, so that nothing is looked up for who may not; within the others, so
        // that what they add stands on refusals too
        .wrap(from_fn(access::access))
        // around everything that may refuse, so that a page can read why; it answers preflights, which
        // carry no token
        .wrap(cors)
        // whatever the answer: it is about people, and it is what its type says; a handler's own
        // header wins, as a page's policy does
        .wrap(
            DefaultHeaders::new()
                .add(("Cache-Control", "private, no-cache"))
                .add(("X-Content-Type-Options", "nosniff"))
                // shown as a document it can do nothing, and stands in nobody's frame
                .add((
                    "Content-Security-Policy",
                    "default-src 'none'; frame-ancestors 'none'",
                ))
                // an address holds the ids of people
                .add(("Referrer-Policy", "no-referrer"))
                // for fetch there is CORS; nobody includes a reply as a script or an image
                .add(("Cross-Origin-Resource-Policy", "same-origin")),
        )
        // within the log, so that the log sees the cause
        .wrap(from_fn(problem::problem))
        // within the id, so that the line has one
        .wrap(from_fn(access_log::access_log))
        .wrap(from_fn(metrics::metrics))
        .wrap(from_fn(request_id::request_id))
}
