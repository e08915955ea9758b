//! One notification, with all that is known of it, and the bytes that it was made from.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::notification::NotificationRaw;
use notif_core::store::notification;

use super::reply;
use crate::app::App;
use crate::hex::hex;
use crate::openapi::{parameter, schema};
use crate::problem::{Problem, RawNotKept};
use crate::request::parameters::Parameters;
use crate::request::path;
use crate::view;

/// `GET /notifications/{notificationId}`.
#[utoipa::path(
    get,
    path = "/notifications/{notificationId}",
    tag = "notifications",
    operation_id = "getNotification",
    summary = "One notification",
    description = "With all that is known of it.",
    params(parameter::NotificationId),
    responses(
        (status = 200, description = "The notification", body = schema::NotificationDetail),
        (status = 404, description = "There is none with this id"),
    ),
)]
pub(super) async fn get(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path::notification_id(&request, 1)?;
    Parameters::of(&request, &[]).done()?;
    let found = notification::notification_get(id)
        .map(|read| read.and_then(|detail| Ok(view::detail(&detail))));
    reply::one(&app, app.database.read(found).await?)
}

/// `GET /notifications/{notificationId}/raw`: the bytes of the message, where they are kept.
#[utoipa::path(
    get,
    path = "/notifications/{notificationId}/raw",
    tag = "notifications",
    operation_id = "getRaw",
    summary = "The bytes of the message",
    description = "They are kept where `event` does not hold all of the message (`rawReason` says why).",
    params(parameter::RawId),
    responses(
        (status = 200, description = "The value of the Kafka record, as it was", content_type = "application/octet-stream", body = schema::Bytes),
        (status = 404, description = "There is no such notification, or its bytes are not kept: `valueSha256` is their hash then"),
    ),
)]
pub(super) async fn raw(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path::notification_id(&request, 1)?;
    Parameters::of(&request, &[]).done()?;
    let found = app
        .database
        .read(notification::notification_raw(id))
        .await?;
    let why = why_not_kept(&found);
    match found.raw {
        Some(bytes) => reply::bytes(&app, &format!("{id}.bin"), bytes),
        None => Err(Problem::RawNotKept(RawNotKept {
            why,
            value_bytes: found.value_bytes,
            value_sha256: found.value_sha256.as_deref().map(hex),
        })),
    }
}

fn why_not_kept(found: &NotificationRaw) -> &'static str {
    if !found.is_record {
        "this notification was sent by hand: there was no message"
    } else if found.value_sha256.is_none() {
        "the message had no value, only a key or headers"
    } else if found.status == "redacted" {
        "this notification was redacted: the message's bytes are erased, its hash is kept"
    } else {
        "the message's bytes are not kept, since event holds all that they say; \
         valueSha256 is their hash"
    }
}
