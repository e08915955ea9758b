//! What is watched, and how far it is recorded.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::store::ledger;

use super::reply;
use crate::app::App;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::view;

/// `GET /topics`: every watched partition, by topic.
#[utoipa::path(
    get,
    path = "/topics",
    tag = "record",
    operation_id = "listTopics",
    summary = "What is watched, and how far it is recorded",
    responses(
        (status = 200, description = "The topics, by name", body = Vec<schema::Topic>),
    ),
)]
pub(super) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[]).done()?;
    let topics = ledger::partition_list()
        .map(|read| read.and_then(|watched| Ok(view::ledger::topics(&watched))));
    reply::one(&app, app.database.read(topics).await?)
}
