//! A text that a route answers with, before it is known how it is sent: whole, compressed, or not at all.
//!
//! A route leaves it with its response, which has no body until then; `middleware::finish` takes it
//! from there.

use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;

use crate::in_flight::Reply;

/// A text that is to be sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// The text.
    pub(crate) reply: Reply,
    /// Is it recorded data? Then the response says how fresh it is, and has a tag by which a client
    /// asks whether it has changed.
    pub(crate) is_recorded: bool,
}

impl Unsent {
    /// A response that waits for this to become its body.
    pub(crate) fn within(self, mut response: HttpResponseBuilder) -> HttpResponse {
        response.extensions_mut().insert(self);
        response.finish()
    }
}
