//! What a runner is shown.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::query::List;

use super::list;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::path;

/// `GET /runner/{runnerId}/notifications`: the runner's notifications, newest first.
#[utoipa::path(
    get,
    path = "/runner/{runnerId}/notifications",
    tag = "people",
    operation_id = "listOfRunner",
    summary = "What a runner is shown",
    description = "Newest first.",
    params(parameter::RunnerId, parameter::FeedPage),
    responses(
        (status = 200, description = "A page of them; empty where nothing names the runner", body = Vec<schema::Notification>),
    ),
)]
pub(super) async fn feed(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let runner_id = path::id(&request, 1, "runnerId")?;
    list::feed(&request, &app, List::of_runner(runner_id)).await
}
