//! Refusals that have nothing to do with what is asked for: who asks, and the key of the request.

use actix_web::http::StatusCode;
use uuid::Uuid;

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No token, or none that is known: both look the same.
    #[error("this address needs a valid API token, as in: Authorization: Bearer <token>")]
    NoToken,
    /// A known token without the role.
    #[error("this token may not do that")]
    NotAllowed,
    /// The same key is being worked on at this moment.
    #[error("a request with this Idempotency-Key is still under way")]
    KeyInUse,
    /// The key came with another request before.
    #[error("this Idempotency-Key came with another request before; a new request needs a new key")]
    KeyOfAnother,
    /// What the key made was removed since.
    #[error(
        "the request with this Idempotency-Key was stored as /notifications/{0}, and removed since"
    )]
    Removed(Uuid),
    /// The outcome of a write is not known, but a key came with it.
    #[error(
        "it is not known whether the notification was stored; the same request with the same \
         Idempotency-Key may be sent again, and is stored once whatever became of this one"
    )]
    OutcomeUnknownWithKey,
}

impl Refusal {
    /// Status, name (the end of `type`), title, and the seconds after which another attempt makes
    /// sense.
    pub(super) fn facts(self) -> (StatusCode, &'static str, &'static str, Option<u32>) {
        use StatusCode as S;
        match self {
            Self::NoToken => (S::UNAUTHORIZED, "unauthorized", "Token needed", None),
            Self::NotAllowed => (S::FORBIDDEN, "forbidden", "Not allowed", None),
            Self::KeyInUse => (S::CONFLICT, "idempotency-key-in-use", "Under way", Some(1)),
            Self::KeyOfAnother => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-of-another",
                "Another request had this key",
                None,
            ),
            Self::Removed(_) => (S::GONE, "removed", "Removed since", None),
            Self::OutcomeUnknownWithKey => (
                S::SERVICE_UNAVAILABLE,
                "outcome-unknown",
                "Outcome unknown",
                Some(1),
            ),
        }
    }
}
