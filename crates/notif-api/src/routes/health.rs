//! Is it alive, and can it serve? These take any query: probes are not ours to refuse.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;

use super::reply;
use crate::app::App;
use crate::problem::Problem;

/// `GET /health`: 200 where it can serve.
pub(super) async fn health(app: Data<App>) -> Result<HttpResponse, Problem> {
    app.database.check().await?;
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(r#"{{"status":"ok","version":"{version}"}}"#);
    Ok(reply::small(StatusCode::OK, text))
}

/// `GET /livez`: 200 as long as the process can answer at all. A database that is gone is no reason
/// to restart this process.
pub(super) async fn livez() -> HttpResponse {
    reply::small(StatusCode::OK, r#"{"status":"alive"}"#)
}

/// `GET /readyz`: 200 where requests should be sent here.
pub(super) async fn readyz(app: Data<App>) -> Result<HttpResponse, Problem> {
    if app.is_draining() {
        return Err(Problem::Draining);
    }
    app.database.check().await?;
    Ok(reply::small(StatusCode::OK, r#"{"status":"ready"}"#))
}
