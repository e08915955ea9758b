//! Which pages of other origins may read the replies: none, unless they are configured.
//!
//! The list is of exact origins, there is no `*`: what is recorded is about people. Cookies are never
//! taken from another origin; a token in `Authorization` is.

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::middleware::Condition;

use crate::origins::Origins;

/// Headers that a page may send.
const TAKEN: [&str; 6] = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
];
/// Headers that a page may read.
const SHOWN: [&str; 8] = [
    "ETag",
    "Idempotency-Replay",
    "Link",
    "Location",
    "Recorded-Through",
    "Retry-After",
    "X-Poll-Interval",
    "X-Request-Id",
];
/// How long a browser need not ask again whether it may ask, seconds.
const PREFLIGHT_SECONDS: usize = 3600;

/// Answers browsers that ask for a page of one of `origins`.
pub(crate) fn cors(origins: &Origins) -> Condition<Cors> {
    let mut cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST])
        .allowed_headers(TAKEN)
        .expose_headers(SHOWN)
        .max_age(PREFLIGHT_SECONDS);
    for origin in origins.iter() {
        cors = cors.allowed_origin(origin);
    }
    Condition::new(!origins.is_empty(), cors)
}
