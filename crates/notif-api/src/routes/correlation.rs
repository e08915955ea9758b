//! What happened in a saga or a request.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::query::{LIMIT_MAX, List};

use super::list;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::path;

/// `GET /correlation/{correlationId}`: its notifications, oldest first. Without `limit` the first
/// 500.
#[utoipa::path(
    get,
    path = "/correlation/{correlationId}",
    tag = "notifications",
    operation_id = "listCorrelation",
    summary = "What happened in a saga or a request",
    description = "Its notifications, oldest first. Without `limit` the first 500.",
    params(parameter::CorrelationId, parameter::Page),
    responses(
        (status = 200, description = "A page of them; empty where nothing has the id", body = Vec<schema::Notification>),
    ),
)]
pub(super) async fn story(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let correlation_id = path::id(&request, 1, "correlationId")?;
    list::story(
        &request,
        &app,
        List::of_correlation(correlation_id),
        LIMIT_MAX,
    )
    .await
}
