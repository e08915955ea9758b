//! Counts each request, and how long its answer took to make.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::app::App;
use crate::routes::Route;

/// Counts the request once the answer is made; sending it is not waited for.
pub(crate) async fn metrics<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let response = next.call(request).await?;
    let request = response.request();
    if let Some(app) = request.app_data::<Data<App>>() {
        // by its pattern: addresses that a client makes up must not make series
        let route = request
            .app_data::<Route>()
            .map_or("unknown", |route| route.0);
        let status = response.status().as_u16();
        let took = started.elapsed();
        app.metrics
            .requests
            .count(request.method(), route, status, took);
    }
    Ok(response)
}
