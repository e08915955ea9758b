//! What Prometheus asks for. It takes any query: scrapers are not ours to refuse.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;

use crate::app::App;
use crate::metrics;
use crate::problem::Problem;
use crate::unsent::Unsent;

/// `GET /metrics`: 200 whatever is wrong. Where the database does not answer it tells the rest.
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
