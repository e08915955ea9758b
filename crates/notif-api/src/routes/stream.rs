//! The tail, as server-sent events.

use actix_web::body;
use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::http::{ConnectionType, StatusCode, Version};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use notif_core::filter::Filter;
use notif_core::tail::Place;

use super::{Route, not_allowed};
use crate::app::App;
use crate::openapi::parameter;
use crate::problem::Problem;
use crate::request::event_id;
use crate::request::parameters::Parameters;
use crate::stream::{self, Connection};

/// `GET /events/stream`: what is recorded from now on, or from where the client was. HEAD has a handler
/// of its own: the answer to GET never ends.
pub(super) fn service(path: &'static str) -> impl HttpServiceFactory {
    web::resource(path)
        .app_data(Route(path))
        .route(web::get().to(open))
        .route(web::head().to(head))
        .default_service(web::to(async || not_allowed("GET, HEAD")))
}

#[utoipa::path(
    get,
    path = "/events/stream",
    tag = "stream",
    operation_id = "streamEvents",
    summary = "What is recorded from now on",
    description = "Server-sent events, each a `notification` (the object that lists have) with an `id`, in the order in which they were recorded; none is skipped. A client that connects again sends the last id as `Last-Event-ID`. Where that is not known any more, or too long ago, a `reset` comes first, and it goes on from now.",
    params(parameter::Filters, parameter::Resume, parameter::ResumeHeader),
    responses((status = 200, description = "It does not end", content_type = "text/event-stream", body = String)),
)]
pub(super) async fn open(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let (filter, resume) = asked(&request)?;
    let connection = Connection::of(&request);
    let body = stream::open(&app, filter, resume, connection, app.access.pass(&request)).await?;
    let mut response = event_stream().body(body);
    if request.version() < Version::HTTP_11 {
        // no chunks there: the response ends with its connection
        response.head_mut().no_chunking(true);
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

async fn head(request: HttpRequest) -> Result<HttpResponse, Problem> {
    asked(&request)?;
    // its length is that of no answer
    Ok(event_stream().body(body::None::new()))
}

fn asked(request: &HttpRequest) -> Result<(Filter, Option<Place>), Problem> {
    let mut parameters = Parameters::with_filter(request, &[event_id::NAME]);
    let filter = parameters.filter();
    let resume = parameters.resume(request.headers())?;
    Ok((filter, resume))
}

fn event_stream() -> HttpResponseBuilder {
    let mut response = HttpResponse::build(StatusCode::OK);
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // nginx passes on what it gets at once
        .insert_header(("X-Accel-Buffering", "no"))
        // a compressor would keep an event until there is enough of them
        .insert_header((CONTENT_ENCODING, "identity"));
    response
}
