//! Is it alive, and can it serve? These take any query: probes are not ours to refuse.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;

use super::reply;
use crate::app::App;
use crate::openapi::schema;
use crate::problem::Problem;

/// `GET /health`: 200 where it can serve.
#[utoipa::path(
    get,
    path = "/health",
    tag = "probes",
    operation_id = "getHealth",
    summary = "Whether it can serve",
    description = "The database is asked. Any query is taken.",
    responses(
        (status = 200, description = "It can", body = schema::Health),
    ),
)]
pub(super) async fn health(app: Data<App>) -> Result<HttpResponse, Problem> {
    app.database.check().await?;
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(r#"{{"status":"ok","version":"{version}"}}"#);
    Ok(reply::small(StatusCode::OK, text))
}

/// `GET /livez`: 200 as long as the process can answer at all. A database that is gone is no reason
/// to restart this process.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "probes",
    operation_id = "getLivez",
    summary = "Whether the process is alive",
    description = "Without asking the database. Any query is taken.",
    responses(
        (status = 200, description = "It is", body = schema::Probe),
    ),
)]
pub(super) async fn livez() -> HttpResponse {
    reply::small(StatusCode::OK, r#"{"status":"alive"}"#)
}

/// `GET /readyz`: 200 where requests should be sent here.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "probes",
    operation_id = "getReadyz",
    summary = "Whether requests should be sent here",
    description = "Not while it is ending, nor without its database. Any query is taken.",
    responses(
        (status = 200, description = "They should", body = schema::Probe),
    ),
)]
pub(super) async fn readyz(app: Data<App>) -> Result<HttpResponse, Problem> {
    if app.is_draining() {
        return Err(Problem::Draining);
    }
    app.database.check().await?;
    Ok(reply::small(StatusCode::OK, r#"{"status":"ready"}"#))
}
