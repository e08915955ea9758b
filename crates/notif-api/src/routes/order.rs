//! What happened to an order.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::query::{List, ORDER_ROWS_MAX};
use notif_core::store::{Read, StoreError, notification};

use super::{list, reply};
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::request::path;
use crate::view;

/// `GET /order/{orderId}`: its notifications, oldest first.
#[utoipa::path(
    get,
    path = "/order/{orderId}",
    tag = "orders",
    operation_id = "listOrder",
    summary = "What happened to an order",
    description = "Its notifications, oldest first. Without `limit` all of them, at most 10,000.",
    params(parameter::OrderId, parameter::Page),
    responses(
        (status = 200, description = "A page of them; empty where nothing names the order", body = Vec<schema::Notification>),
    ),
)]
pub(super) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let order_id = path::id(&request, 1, "orderId")?;
    list::story(&request, &app, List::of_order(order_id), ORDER_ROWS_MAX).await
}

/// `GET /order/{orderId}/latest`: its newest notification.
#[utoipa::path(
    get,
    path = "/order/{orderId}/latest",
    tag = "orders",
    operation_id = "getLatestOfOrder",
    summary = "The latest of an order",
    description = "Its newest notification.",
    params(parameter::OrderId),
    responses(
        (status = 200, description = "The newest", body = schema::Notification),
        (status = 404, description = "Nothing names the order"),
    ),
)]
pub(super) async fn latest(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let order_id = path::id(&request, 1, "orderId")?;
    Parameters::of(&request, &[]).done()?;
    let newest = app.database.read_row(small(&order_id), || whole(&order_id));
    match newest.await {
        Ok(text) => reply::one(&app, text),
        Err(Problem::NotFound(_)) => Err(Problem::NotFound("notification of this order")),
        Err(other) => Err(other),
    }
}

/// The newest notification where it is small: a large one must not hold up what shares its connection.
fn small(order_id: &str) -> Result<Read<Option<Vec<u8>>>, StoreError> {
    let newest = notification::order_latest_small(order_id)?;
    Ok(newest.and_then(|newest| Ok(newest.as_ref().map(view::notification))))
}

fn whole(order_id: &str) -> Result<Read<Vec<u8>>, StoreError> {
    let newest = notification::order_latest(order_id)?;
    Ok(newest.and_then(|newest| Ok(view::notification(&newest))))
}
