//! Answers that succeed.

use std::fmt::Display;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::app::App;
use crate::problem::Problem;
use crate::unsent::Unsent;

/// A JSON text that is small whatever is asked.
pub(super) fn small(status: StatusCode, text: impl Into<Vec<u8>>) -> HttpResponse {
    json(status).body(text.into())
}

/// A recorded notification, or another object of recorded data.
pub(super) fn one(app: &App, text: Vec<u8>) -> Result<HttpResponse, Problem> {
    recorded(app, json(StatusCode::OK), text)
}

/// A page of a list.
pub(super) fn page(
    app: &App,
    text: Vec<u8>,
    limit: Option<u32>,
    next: Option<impl Display>,
) -> Result<HttpResponse, Problem> {
    page_of(app, text, "", limit, next)
}

/// A page of a list that is given by its query: `filter` is empty or ends in `&`. The link to the
/// next page says it again, and is relative, so that it holds behind whatever prefix the client
/// came through.
pub(super) fn page_of(
    app: &App,
    text: Vec<u8>,
    filter: &str,
    limit: Option<u32>,
    next: Option<impl Display>,
) -> Result<HttpResponse, Problem> {
    let mut response = json(StatusCode::OK);
    if let Some(cursor) = next {
        let limit = limit
            .map(|limit| format!("limit={limit}&"))
            .unwrap_or_default();
        response.insert_header((
            LINK,
            format!("<?{filter}{limit}cursor={cursor}>; rel=\"next\""),
        ));
    }
    recorded(app, response, text)
}

/// Recorded data, where there is room for it.
fn recorded(
    app: &App,
    response: HttpResponseBuilder,
    text: Vec<u8>,
) -> Result<HttpResponse, Problem> {
    let unsent = Unsent {
        reply: app.in_flight.reply(text)?,
        is_recorded: true,
    };
    Ok(unsent.within(response))
}

/// Bytes that somebody else made: to be saved, never to be shown by a browser.
pub(super) fn bytes(app: &App, file: &str, bytes: Vec<u8>) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::build(StatusCode::OK);
    response.insert_header((CONTENT_TYPE, "application/octet-stream"));
    let disposition = format!("attachment; filename=\"{file}\"");
    response.insert_header((CONTENT_DISPOSITION, disposition));
    recorded(app, response, bytes)
}

fn json(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, "application/json"));
    response
}
