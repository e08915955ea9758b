//! The closed list of answers that are not success, as RFC 9457 problem documents. The only place
//! with the status codes of errors.
//!
//! A handler returns a [`Problem`]; `middleware::problem` writes it, because only there is known
//! which request it answers. What a problem was caused by goes into the log, never to the client.

mod refusal;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use notif_core::store::StoreError;
use serde::Serialize;
use uuid::Uuid;

pub(crate) use refusal::Refusal;

/// What is wrong with one part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// Where: `["query", "limit"]`, `["path", "orderId"]`, `["body", "event"]`, `["body"]`.
    pub(crate) loc: Vec<String>,
    /// What would be right.
    pub(crate) msg: String,
}

impl FieldError {
    /// An error of the field `name` in `part`.
    pub(crate) fn new(part: &str, name: &str, msg: impl Into<String>) -> Self {
        Self {
            loc: vec![part.to_owned(), name.to_owned()],
            msg: msg.into(),
        }
    }

    /// An error of the body as a whole.
    pub(crate) fn body(msg: impl Into<String>) -> Self {
        Self {
            loc: vec!["body".to_owned()],
            msg: msg.into(),
        }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.loc.last().map_or("", String::as_str);
        write!(f, "{name} {}", self.msg)
    }
}

/// What is known of the bytes of a message that are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawNotKept {
    /// Why not.
    #[serde(skip)]
    pub(crate) why: &'static str,
    /// How many there were; none where the message had no value.
    pub(crate) value_bytes: Option<i32>,
    /// Their SHA-256 in hexadecimal digits.
    pub(crate) value_sha256: Option<String>,
}

/// Why requests are turned away that wait for a connection.
pub(crate) const WAITING: &str = "too many requests are waiting for the database";

/// An answer that is not success.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Problem {
    /// The request says something that it must not.
    #[error("{}", sentence(.0))]
    InvalidRequest(Vec<FieldError>),
    /// No route has this path.
    #[error("there is nothing at this address")]
    NoSuchRoute,
    /// The route is there, what it names is not.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// The notification is there, the bytes of its message are not.
    #[error("{}", .0.why)]
    RawNotKept(RawNotKept),
    /// The route does not take this method.
    #[error("this address takes {0} only")]
    MethodNotAllowed(&'static str),
    /// The body did not arrive in time.
    #[error("the body did not arrive within {} s", .0.as_secs())]
    BodyTooSlow(Duration),
    /// The body is longer than any sensible one.
    #[error("the body must have at most {0} bytes")]
    BodyTooLarge(usize),
    /// The body is of another type, or encoded.
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// PostgreSQL cannot be reached, or refuses.
    #[error("the database cannot be reached or refuses to answer; what was recorded is safe")]
    DatabaseUnavailable(String),
    /// PostgreSQL takes no writes at the moment.
    #[error("the database takes no writes at the moment; reading works")]
    DatabaseReadOnly(String),
    /// The schema is not one that this binary can work with.
    #[error("{0}")]
    Schema(String),
    /// The connection broke at the worst moment.
    #[error(
        "the connection to the database broke while the notification was being written; \
         GET /notifications/{0} tells whether it was"
    )]
    OutcomeUnknown(Uuid),
    /// A write took too long to wait for.
    #[error("the database did not confirm the write in time; it may still come about")]
    WriteTimedOut,
    /// More is asked than can be answered.
    #[error("{0}")]
    Busy(&'static str),
    /// The process is about to end.
    #[error("this instance is shutting down")]
    Draining,
    /// A bug of ours.
    #[error("something unexpected happened; the log says more under this request id")]
    Internal(String),
    /// Who asks may not, or the key of the request stands against it.
    #[error("{0}")]
    Refused(Refusal),
    /// A refusal of the HTTP layer below us.
    #[error("{}", .0.canonical_reason().unwrap_or("the request failed"))]
    Http(StatusCode),
}

fn sentence(errors: &[FieldError]) -> String {
    let sentences: Vec<_> = errors.iter().map(ToString::to_string).collect();
    sentences.join("; ")
}

impl Problem {
    /// A problem with one field.
    pub(crate) fn field(part: &str, name: &str, msg: impl Into<String>) -> Self {
        Self::InvalidRequest(vec![FieldError::new(part, name, msg)])
    }

    /// `Ok` where nothing was refused.
    pub(crate) fn from_refusals(refusals: Vec<FieldError>) -> Result<(), Self> {
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(Self::InvalidRequest(refusals))
        }
    }

    /// Status, name (the end of `type`), title, and the seconds after which another attempt makes
    /// sense.
    fn facts(&self) -> (StatusCode, &'static str, &'static str, Option<u32>) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest(_) => (S::BAD_REQUEST, "invalid-request", "Invalid request", None),
            Self::NoSuchRoute => (S::NOT_FOUND, "no-such-route", "No such address", None),
            Self::NotFound(_) => (S::NOT_FOUND, "not-found", "Not found", None),
            Self::RawNotKept(_) => (S::NOT_FOUND, "raw-not-kept", "Bytes not kept", None),
            Self::MethodNotAllowed(_) => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
                None,
            ),
            Self::BodyTooSlow(_) => (
                S::REQUEST_TIMEOUT,
                "body-too-slow",
                "Request timed out",
                None,
            ),
            Self::BodyTooLarge(_) => (
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "Body too large",
                None,
            ),
            Self::UnsupportedMediaType(_) => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
                None,
            ),
            Self::DatabaseUnavailable(_) => (
                S::SERVICE_UNAVAILABLE,
                "database-unavailable",
                "Database unavailable",
                Some(2),
            ),
            Self::DatabaseReadOnly(_) => (
                S::SERVICE_UNAVAILABLE,
                "database-read-only",
                "Database is read-only",
                Some(10),
            ),
            Self::Schema(_) => (
                S::SERVICE_UNAVAILABLE,
                "schema-mismatch",
                "Schema does not fit",
                Some(10),
            ),
            // no Retry-After: whoever tries again blindly may send it twice
            Self::OutcomeUnknown(_) | Self::WriteTimedOut => (
                S::SERVICE_UNAVAILABLE,
                "outcome-unknown",
                "Outcome unknown",
                None,
            ),
            Self::Busy(_) => (S::SERVICE_UNAVAILABLE, "busy", "Too busy", Some(1)),
            Self::Draining => (S::SERVICE_UNAVAILABLE, "draining", "Shutting down", Some(1)),
            Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error", None),
            Self::Refused(refusal) => refusal.facts(),
            Self::Http(status) => (
                *status,
                "http",
                status.canonical_reason().unwrap_or("Error"),
                None,
            ),
        }
    }

    /// What the log says besides: the cause that a client is not told.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::DatabaseUnavailable(cause)
            | Self::DatabaseReadOnly(cause)
            | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// The methods that the route takes, where the one that was used is not among them.
    pub(crate) fn allow(&self) -> Option<&'static str> {
        match self {
            Self::MethodNotAllowed(methods) => Some(methods),
            _ => None,
        }
    }

    /// Seconds after which another attempt makes sense.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        self.facts().3
    }

    /// The document, as the answer to the request `request_id` for `path`.
    pub(crate) fn document(&self, path: &str, request_id: &str) -> String {
        let (status, name, title, _) = self.facts();
        let document = Document {
            kind: format!("/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            instance: path,
            errors: match self {
                Self::InvalidRequest(errors) => errors,
                _ => &[],
            },
            request_id,
            raw: match self {
                Self::RawNotKept(raw) => Some(raw),
                _ => None,
            },
        };
        // it holds nothing that could not be written
        serde_json::to_string(&document).unwrap_or_default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: String,
    instance: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    request_id: &'a str,
    #[serde(flatten)]
    raw: Option<&'a RawNotKept>,
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy(WAITING),
            StoreError::NotFound => Self::NotFound("such notification"),
            StoreError::ReadOnly(_) => Self::DatabaseReadOnly(error.to_string()),
            StoreError::SchemaTooOld(_)
            | StoreError::SchemaTooNew { .. }
            | StoreError::ForeignSchema
            | StoreError::NotUtf8(_) => Self::Schema(error.to_string()),
            StoreError::Url(_) | StoreError::Unreachable(_) | StoreError::Refused(_) => {
                Self::DatabaseUnavailable(error.to_string())
            }
            StoreError::Conflict(_) | StoreError::Internal(_) => Self::Internal(error.to_string()),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.facts().0
    }

    /// Without a body: `middleware::problem` writes it.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        response.extensions_mut().insert(self.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_logged_and_never_told() {
        let problem = Problem::from(StoreError::Refused("relation \"x\" is gone".to_owned()));
        assert!(problem.cause().unwrap().contains("relation"));
        assert!(!problem.document("/order/1", "id").contains("relation"));
    }
}
