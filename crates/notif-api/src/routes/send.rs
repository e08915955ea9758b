//! A notification that somebody sends by hand.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use notif_core::store::notification::Sent;
use uuid::Uuid;

use super::reply;
use crate::app::App;
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::request::{body, manual};
use crate::view;

/// `POST /send-notification`: stores it, answers with what is stored.
pub(super) async fn send(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[]).done()?;
    let manual = manual::parse(&body::read(&request, payload).await?)?;
    let random = random();
    let sent = app.database.write(move |pool| {
        Ok(match pool.notification_send(manual, random)? {
            Sent::Stored(written) => Ok((written.notification_id, view::notification(&written))),
            Sent::Unknown(id) => Err(Problem::OutcomeUnknown(id)),
        })
    });
    let (id, text) = sent.await??;
    let mut response = reply::small(StatusCode::CREATED, text);
    if let Ok(location) = HeaderValue::try_from(format!("/notifications/{id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
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
