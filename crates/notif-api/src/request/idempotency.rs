//! The `Idempotency-Key` of a request.

use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage as _, HttpRequest};
use notif_core::store::idempotency::IdempotencyKey;

use crate::access::Caller;
use crate::problem::Problem;

/// The header that carries the key.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, characters: the width of its column.
const CHARACTERS_MAX: usize = 255;

/// The key of a request, and whose it is; none where it has none.
pub(crate) fn key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let refused = |msg: &str| Problem::field("header", "Idempotency-Key", msg);
    let mut given = request.headers().get_all(&IDEMPOTENCY_KEY);
    let Some(value) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(refused("must not be given twice"));
    }
    let is_visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    let key = value
        .to_str()
        .ok()
        .filter(|key| is_visible && (1..=CHARACTERS_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| refused("must be 1 to 255 visible ASCII characters"))?;
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| Problem::Internal("nobody asks".to_owned()))?;
    Ok(Some(IdempotencyKey {
        principal: caller.principal().to_owned(),
        key: key.to_owned(),
    }))
}
