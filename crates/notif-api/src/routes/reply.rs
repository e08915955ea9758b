//! Answers that succeed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LINK};
use notif_core::query::Cursor;

/// 200 with a JSON text.
pub(super) fn json(text: Vec<u8>) -> HttpResponse {
    with_status(StatusCode::OK, text)
}

/// A JSON text under `status`.
pub(super) fn with_status(status: StatusCode, text: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(text)
}

/// A page of a list. The link to the next one is relative, so that it holds behind whatever prefix
/// the client came through.
pub(super) fn page(text: Vec<u8>, limit: Option<u32>, next: Option<Cursor>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "application/json"));
    if let Some(cursor) = next {
        let limit = limit
            .map(|limit| format!("limit={limit}&"))
            .unwrap_or_default();
        response.insert_header((LINK, format!("<?{limit}cursor={cursor}>; rel=\"next\"")));
    }
    response.body(text)
}
