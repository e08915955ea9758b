//! A notification by where it came from.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::store::notification;

use super::reply;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::request::path;
use crate::view;

/// `GET /records/{topic}/{partition}/{offset}`: what was recorded of this Kafka record, with all
/// that is known of it. Of a topic that was created again, `generation` names which of its lives is
/// meant, from 0; the newest where it is not given.
#[utoipa::path(
    get,
    path = "/records/{topic}/{partition}/{offset}",
    tag = "notifications",
    operation_id = "getRecord",
    summary = "What became of a Kafka record",
    description = "The notification that was made of it, with all that is known of it.",
    params(parameter::Position, parameter::Generation),
    responses(
        (status = 200, description = "The notification", body = schema::NotificationDetail),
        (status = 404, description = "It is not recorded"),
    ),
)]
pub(super) async fn get(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let topic = path::id(&request, 1, "topic")?;
    let partition = path::number(&request, 2, "partition", i32::MAX)?;
    let offset = path::number(&request, 3, "offset", i64::MAX)?;
    let mut parameters = Parameters::of(&request, &["generation"]);
    let generation = parameters.generation();
    parameters.done()?;
    let found = notification::record_get(&topic, partition, offset, generation)
        .map(|read| read.and_then(|detail| Ok(view::detail(&detail))));
    match app.database.read(found).await {
        Ok(text) => reply::one(&app, text),
        Err(Problem::NotFound(_)) => Err(Problem::NotFound(if generation.is_some() {
            "record at this position in this generation"
        } else {
            "record at this position in the newest generation"
        })),
        Err(other) => Err(other),
    }
}
