//! Every answer that is not success is a problem document, those of the framework too.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};

use super::request_id::RequestId;
use crate::problem::Problem;

/// Writes the document of the problem that a handler returned.
pub(crate) async fn problem<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response.map_into_boxed_body());
    }
    let there = response.response().extensions().get::<Problem>().cloned();
    let problem = there.unwrap_or(Problem::Http(status));
    let document = {
        let extensions = response.request().extensions();
        let id = extensions.get::<RequestId>().map_or("", RequestId::as_str);
        problem.document(response.request().uri().path(), id)
    };
    let mut response = response.map_body(|head, _| {
        let json = HeaderValue::from_static("application/problem+json");
        head.headers.insert(CONTENT_TYPE, json);
        BoxBody::new(document)
    });
    response
        .response_mut()
        .extensions_mut()
        .insert(problem.clone());
    let headers = response.headers_mut();
    if let Some(methods) = problem.allow() {
        headers.insert(ALLOW, HeaderValue::from_static(methods));
    }
    if let Some(seconds) = problem.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}
