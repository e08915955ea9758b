//! Ids and numbers in the path, read from its raw bytes.
//!
//! actix decodes the path before it looks for a route, and puts U+FFFD where the bytes are no
//! UTF-8: two different ids would look the same. It leaves `%2F` and `%25` alone, so that the raw
//! path has the same segments as the decoded one, and an id may hold a slash.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::HttpRequest;
use notif_core::query;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::problem::Problem;

/// The id in segment `place` (from 0) of the path, called `name` in refusals.
pub(crate) fn id(request: &HttpRequest, place: usize, name: &str) -> Result<String, Problem> {
    let bytes = percent_decode_str(segment(request, place)).collect();
    query::id_from_bytes(bytes).map_err(|error| Problem::field("path", name, error.to_string()))
}

/// The id of a notification in segment `place` of the path.
pub(crate) fn notification_id(request: &HttpRequest, place: usize) -> Result<Uuid, Problem> {
    // the one form in which they are given out; others would be a second address of the same thing
    let text = segment(request, place);
    Uuid::try_parse(text)
        .ok()
        .filter(|id| id.hyphenated().to_string().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            let msg = "must be a UUID, as in 0193abcd-1234-7abc-8def-0123456789ab";
            Problem::field("path", "notificationId", msg)
        })
}

/// The number from 0 to `max` in segment `place` of the path, called `name` in refusals.
pub(crate) fn number<N>(
    request: &HttpRequest,
    place: usize,
    name: &str,
    max: N,
) -> Result<N, Problem>
where
    N: FromStr + PartialOrd + Display + Copy,
{
    let text = segment(request, place);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && *number <= max)
        .ok_or_else(|| {
            let msg = format!("must be a whole number from 0 to {max}");
            Problem::field("path", name, msg)
        })
}

fn segment(request: &HttpRequest, place: usize) -> &str {
    let path = request.uri().path();
    path.split('/')
        .nth(place.saturating_add(1))
        .unwrap_or_default()
}
