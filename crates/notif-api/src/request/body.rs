//! The bytes of a JSON body: type, length and time are checked before a byte of it is understood.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, Payload};

use crate::problem::{FieldError, Problem};

/// The longest body, bytes. A notification is a message to a person: this is a hundred pages.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long a body may take to arrive.
pub(crate) const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Reads a JSON body, not yet known to be JSON.
pub(crate) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    check_type(request)?;
    check_encoding(request)?;
    let announced = header(request, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: usize| length > BODY_BYTES_MAX) {
        return Err(Problem::BodyTooLarge(BODY_BYTES_MAX));
    }
    match timeout(BODY_TIME_MAX, payload.to_bytes_limited(BODY_BYTES_MAX)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(error))) => {
            let refusal = FieldError::body(format!("did not arrive whole: {error}"));
            Err(Problem::InvalidRequest(vec![refusal]))
        }
        Ok(Err(_longer)) => Err(Problem::BodyTooLarge(BODY_BYTES_MAX)),
        Err(_elapsed) => Err(Problem::BodyTooSlow(BODY_TIME_MAX)),
    }
}

fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let text = header(request, &CONTENT_TYPE).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Problem::UnsupportedMediaType(
            "the content type must be application/json",
        ))
    }
}

fn check_encoding(request: &HttpRequest) -> Result<(), Problem> {
    match header(request, &CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding.eq_ignore_ascii_case("identity") => Ok(()),
        Some(_) => Err(Problem::UnsupportedMediaType(
            "the body must not be encoded",
        )),
    }
}

/// The text of a header; none where it is absent, empty where it is no text.
fn header(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(value.to_str().unwrap_or_default().to_owned())
}
