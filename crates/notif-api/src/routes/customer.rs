//! What a customer is shown.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::query::{FEED_LIMIT_DEFAULT, List, PageQuery};
use notif_core::store::notification;

use super::reply;
use crate::app::App;
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::request::path;
use crate::view;

/// `GET /customer/{customerId}/notifications`: the customer's notifications, newest first.
pub(super) async fn feed(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let list = List::of_customer(path::id(&request, 1, "customerId")?);
    let mut parameters = Parameters::of(&request, &["limit", "offset", "cursor"]);
    let limit = parameters.limit().unwrap_or(FEED_LIMIT_DEFAULT);
    let offset = parameters.offset().unwrap_or(0);
    let after = parameters.cursor(&list);
    parameters.done()?;
    let query = PageQuery {
        list,
        limit,
        offset,
        after,
    };
    let page = notification::notification_page(&query).map(|read| {
        read.and_then(move |page| {
            let next = page.next(&query.list);
            Ok((view::notifications(page.notifications), next))
        })
    });
    let (text, next) = app.database.read(page).await?;
    reply::page(&app, text, Some(limit), next)
}
