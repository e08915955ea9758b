//! What Prometheus asks for. It takes any query: scrapers are not ours to refuse.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;

use crate::app::App;
use crate::metrics;
use crate::problem::Problem;
use crate::unsent::Unsent;

/// `GET /metrics`: 200 whatever is wrong. Where the database does not answer it tells the rest.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "probes",
    operation_id = "getMetrics",
    summary = "Metrics for Prometheus",
    description = "With tokens configured it needs one with the role `metrics`. Any query is taken.",
    responses(
        (status = 401, description = "Tokens are configured, and none that is known was sent"),
        (status = 403, description = "The token has not the role `metrics`"),
        (status = 200, description = "In Prometheus' text format", content_type = "text/plain", body = String),
    ),
)]
pub(super) async fn get(app: Data<App>) -> Result<HttpResponse, Problem> {
    let text = metrics::text(&app).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE));
    let unsent = Unsent {
        reply: app.in_flight.urgent_reply(text.into_bytes()),
        is_recorded: false,
    };
    Ok(unsent.within(response))
}
