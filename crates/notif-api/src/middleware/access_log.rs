//! One line for each request: what was asked, how it ended, how long it took, and the id of the
//! token that it came with. Never a body, never a header, and never the query (it may name people).

use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use log::Level;

use super::request_id::RequestId;
use crate::access::Caller;
use crate::logging;
use crate::problem::Problem;
use crate::routes;

/// Writes the line once the answer is made; sending it is not waited for.
pub(crate) async fn access_log<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let response = next.call(request).await?;
    let level = level(&response);
    if log::log_enabled!(level) {
        let request = response.request();
        let extensions = request.extensions();
        let id = extensions.get::<RequestId>().map_or("", RequestId::as_str);
        let bytes = match response.response().body().size() {
            BodySize::Sized(bytes) => bytes,
            _ => 0,
        };
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (method, path) = (request.method(), request.uri().path());
        let status = response.status().as_u16();
        let answer = response.response().extensions();
        let cause = answer.get::<Problem>().and_then(Problem::cause);
        let (because, cause) = if cause.is_some() {
            (": ", cause)
        } else {
            ("", None)
        };
        let (by, token) = match extensions.get::<Caller>() {
            Some(Caller::Token(token)) => (" token ", token.as_str()),
            _ => ("", ""),
        };
        let line = || {
            log::log!(
                level,
                "{method} {path} {status} {bytes} B {micros} us request {id}{by}{token}{because}{}",
                cause.unwrap_or_default()
            );
        };
        logging::with_others(line);
    }
    Ok(response)
}

/// Failures of ours stand out, probes that are answered do not.
fn level<B>(response: &ServiceResponse<B>) -> Level {
    let is_probe = routes::is_probe(response.request().path());
    match response.status() {
        status if status.as_u16() == 500 => Level::Error,
        status if status.is_server_error() => Level::Warn,
        _ if is_probe => Level::Debug,
        _ => Level::Info,
    }
}
