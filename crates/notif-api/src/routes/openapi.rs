//! The API described for machines.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;

use crate::app::App;
use crate::problem::Problem;
use crate::unsent::Unsent;

/// `GET /openapi.json`. It takes any query: tools add one so as not to be given an old copy.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "about",
    operation_id = "getOpenApi",
    summary = "This document",
    description = "OpenAPI 3.1; a copy is `docs/openapi.json` in the repository.",
    responses((status = 200, description = "The document", body = serde_json::Value)),
)]
pub(super) async fn get(app: Data<App>) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "application/json"));
    let unsent = Unsent {
        reply: app.in_flight.reply(crate::openapi::text().into())?,
        is_recorded: false,
    };
    Ok(unsent.within(response))
}
