//! What happened to an order.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::query::{List, ORDER_ROWS_MAX, PageQuery};
use notif_core::store::{Read, StoreError, notification};

use super::reply;
use crate::app::App;
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::request::path;
use crate::view;

/// `GET /order/{orderId}`: its notifications, oldest first.
pub(super) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let list = List::of_order(path::id(&request, 1, "orderId")?);
    let mut parameters = Parameters::of(&request, &["limit", "cursor"]);
    let limit = parameters.limit();
    let after = parameters.cursor(&list);
    parameters.done()?;
    let query = PageQuery {
        list,
        limit: limit.unwrap_or(ORDER_ROWS_MAX),
        offset: 0,
        after,
    };
    let page = notification::notification_page(&query).map(|read| {
        read.and_then(move |page| {
            let next = page.next(&query.list);
            Ok((view::notifications(page.notifications), next))
        })
    });
    let (text, next) = app.database.read(page).await?;
    reply::page(&app, text, limit, next)
}

/// `GET /order/{orderId}/latest`: its newest notification.
pub(super) async fn latest(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let order_id = path::id(&request, 1, "orderId")?;
    Parameters::of(&request, &[]).done()?;
    let text = match app.database.read_small(small(&order_id)).await {
        Ok(None) => app.database.read(whole(&order_id)).await,
        Ok(Some(text)) => Ok(text),
        Err(problem) => Err(problem),
    };
    match text {
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
