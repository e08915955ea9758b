//! The story of an order across services.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::store::{Read, StoreError, timeline};

use super::reply;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::request::path;
use crate::view;

/// `GET /order/{orderId}/timeline`: the order's events and those linked to it by correlation id,
/// oldest first.
#[utoipa::path(
    get,
    path = "/order/{orderId}/timeline",
    tag = "orders",
    operation_id = "getTimeline",
    summary = "The story of an order across services",
    description = "The order's notifications, and those of other services that share a correlation id with them, oldest first, at most 2,000. A correlation id that leads to other orders too brings nothing, and is named.",
    params(parameter::OrderId),
    responses(
        (status = 200, description = "The story; without events where nothing names the order", body = schema::Timeline),
    ),
)]
pub(super) async fn get(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let order_id = path::id(&request, 1, "orderId")?;
    Parameters::of(&request, &[]).done()?;
    let story = app
        .database
        .read_story(small(&order_id), || whole(&order_id));
    reply::one(&app, story.await?)
}

/// The story, where it is small: a large one must not hold up what shares its connection.
fn small(order_id: &str) -> Result<Read<Option<Vec<u8>>>, StoreError> {
    let told = timeline::timeline_read_small(order_id)?;
    Ok(told.and_then(|told| Ok(told.map(view::timeline::timeline))))
}

fn whole(order_id: &str) -> Result<Read<Vec<u8>>, StoreError> {
    let told = timeline::timeline_read(order_id)?;
    Ok(told.and_then(|told| Ok(view::timeline::timeline(told))))
}
