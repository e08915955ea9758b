//! A notification that somebody sends by hand.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use notif_core::notification::Notification;
use notif_core::store::Pool;
use notif_core::store::notification::Sent;
use uuid::Uuid;

use super::reply;
use crate::app::App;
use crate::idempotency;
use crate::openapi::{parameter, schema};
use crate::problem::{Problem, Refusal};
use crate::request::parameters::Parameters;
use crate::request::{self, body, manual};
use crate::view;

/// Says that the request was done before, with the same key.
const IDEMPOTENCY_REPLAY: HeaderName = HeaderName::from_static("idempotency-replay");

/// `POST /send-notification`: stores it, answers with what is stored.
///
/// With an `Idempotency-Key` the same request may be sent again for 24 hours, and is stored once. The
/// answer is made of what is stored: byte for byte the first one, unless it was redacted since.
#[utoipa::path(
    post,
    path = "/send-notification",
    tag = "sending",
    operation_id = "sendNotification",
    summary = "Send a notification by hand",
    description = "It is stored as one of topic `api` and type `notification.manual`. With an `Idempotency-Key` the same request may be sent again for 24 hours, and is stored once.",
    params(parameter::IdempotencyKey),
    request_body = schema::SendNotification,
    responses(
        (
            status = 201,
            description = "Stored, as it is shown",
            body = schema::Notification,
            headers(
                ("Location" = String, description = "Where it is, `/notifications/{notificationId}`"),
                ("Idempotency-Replay" = String, description = "`true` where the same request was answered so before"),
            ),
        ),
        (status = 408, description = "The body did not arrive in time"),
        (status = 409, description = "A request with this key is under way"),
        (status = 410, description = "The request with this key was stored, and removed since"),
        (status = 413, description = "The body has more than 64 KiB"),
        (status = 415, description = "The body is no plain JSON"),
        (status = 422, description = "The key came with another request before"),
    ),
)]
pub(super) async fn send(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[]).done()?;
    let key = request::idempotency::key(&request)?;
    let manual = manual::parse(&body::read(&request, payload).await?)?;
    let random = random();
    let sent = if let Some(key) = key {
        idempotency::send(&app, manual, random, key).await?
    } else {
        let work = move |pool: &Pool| pool.notification_send(manual, random, None);
        app.database.write(work).await?
    };
    match sent {
        Sent::Stored(stored) => Ok(created(&stored)),
        Sent::Replayed(stored) => {
            let mut response = created(&stored);
            let replay = HeaderValue::from_static("true");
            response.headers_mut().insert(IDEMPOTENCY_REPLAY, replay);
            Ok(response)
        }
        Sent::Removed(id) => Err(Problem::Refused(Refusal::Removed(id))),
        Sent::KeyOfAnother => Err(Problem::Refused(Refusal::KeyOfAnother)),
        Sent::KeyInUse => Err(Problem::Refused(Refusal::KeyInUse)),
        Sent::Unknown(id) => Err(Problem::OutcomeUnknown(id)),
    }
}

fn created(stored: &Notification) -> HttpResponse {
    let mut response = reply::small(StatusCode::CREATED, view::notification(stored));
    let location = format!("/notifications/{}", stored.notification_id);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Random bytes: those of a random UUID, without the two that say that it is one.
fn random() -> [u8; 10] {
    let uuid = Uuid::new_v4().into_bytes();
    let mut free = uuid
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !matches!(place, 6 | 8));
    std::array::from_fn(|_| free.next().map_or(0, |(_, byte)| byte))
}
