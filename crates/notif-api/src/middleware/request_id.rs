//! Every request has an id: the client's `X-Request-Id` where it is a sensible one, else ours. It
//! is sent back, and stands in the log and in problem documents.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use uuid::Uuid;

/// The header of a request's id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const CHARACTERS_MAX: usize = 128;

/// The id of a request; in its extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get(&X_REQUEST_ID)
            .filter(|value| is_sensible(value));
        Self(given.cloned().unwrap_or_else(generate))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        // printable ASCII: `is_sensible`, or a UUID
        self.0.to_str().unwrap_or_default()
    }
}

/// What can stand in a log line without being mistaken for something else.
fn is_sensible(value: &HeaderValue) -> bool {
    (1..=CHARACTERS_MAX).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn generate() -> HeaderValue {
    let id = Uuid::now_v7().hyphenated().to_string();
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
}

/// Gives the request its id, and sends it back.
pub(crate) async fn request_id<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let mut response = next.call(request).await?;
    response.headers_mut().insert(X_REQUEST_ID, id.0);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sensible_ids_are_taken_from_a_client() {
        let id_for = |bytes: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(bytes).unwrap());
            RequestId::of(&headers).as_str().as_bytes().to_vec()
        };
        for sensible in [b"a".as_slice(), b"Root=1-5759;x/y_z", &[b'x'; 128]] {
            assert_eq!(id_for(sensible), sensible);
        }
        for other in [
            b"".as_slice(),
            b"two words",
            b"tab\there",
            "\u{e9}".as_bytes(),
            &[b'x'; 129],
        ] {
            let id = id_for(other);
            assert_ne!(id, other);
            assert_eq!(id.len(), 36);
        }
    }
}
