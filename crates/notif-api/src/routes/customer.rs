//! What a customer is shown.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::query::List;

use super::list;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::path;

/// `GET /customer/{customerId}/notifications`: the customer's notifications, newest first.
#[utoipa::path(
    get,
    path = "/customer/{customerId}/notifications",
    tag = "people",
    operation_id = "listOfCustomer",
    summary = "What a customer is shown",
    description = "Newest first.",
    params(parameter::CustomerId, parameter::FeedPage),
    responses(
        (status = 200, description = "A page of them; empty where nothing names the customer", body = Vec<schema::Notification>),
    ),
)]
pub(super) async fn feed(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let customer_id = path::id(&request, 1, "customerId")?;
    list::feed(&request, &app, List::of_customer(customer_id)).await
}
