//! The notifications that a filter shows.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::filter::{EVENT_TYPES_MAX, EventTypes};
use notif_core::query::{Cursor, EXAMINED_MAX, FEED_LIMIT_DEFAULT, FilteredQuery};
use notif_core::store::notification;

use super::reply;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::filter;
use crate::request::parameters::Parameters;
use crate::view;

/// `GET /notifications?orderId&customerId&runnerId&eventType&topic&service&correlationId&status&since&until`:
/// the notifications that fit all that is given, newest first. A page may be short, or empty, and
/// have a next one: it ends after looking at [`EXAMINED_MAX`] rows.
#[utoipa::path(
    get,
    path = "/notifications",
    tag = "notifications",
    operation_id = "listNotifications",
    summary = "What fits a filter",
    description = "Newest first, 50 where no `limit` is given. A page ends after looking at 100,000 rows: it may be short, or empty, and yet have a next one.",
    params(parameter::Filters, parameter::Page),
    responses(
        (status = 200, description = "A page of them", body = Vec<schema::Notification>),
    ),
)]
pub(super) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::with_filter(&request, &["limit", "cursor"]);
    let filter = parameters.filter();
    let hash = filter.list_hash();
    // which list a cursor is of can only be said of the filter that was meant
    let after = parameters
        .is_sound()
        .then(|| parameters.cursor(hash))
        .flatten();
    let limit = parameters.limit().unwrap_or(FEED_LIMIT_DEFAULT);
    parameters.done()?;
    let event_types = event_types(&app, &filter.event_types).await?;
    let link = filter::to_query(&filter);
    if event_types.as_ref().is_some_and(Vec::is_empty) {
        return reply::page_of(&app, b"[]".to_vec(), &link, Some(limit), None::<Cursor>);
    }
    let query = FilteredQuery {
        filter,
        event_types,
        limit,
        examined_max: EXAMINED_MAX,
        after,
    };
    let page = notification::notification_filtered(&query).map(|read| {
        read.and_then(move |page| Ok((page.next(hash), view::notifications(page.notifications))))
    });
    let (next, text) = app.database.read(page).await?;
    reply::page_of(&app, text, &link, Some(limit), next)
}

/// The event types that a filter comes to; none where it names none. A type that is recorded for
/// the first time between two pages is no loss: its rows are later than the first page.
async fn event_types(app: &App, asked: &EventTypes) -> Result<Option<Vec<String>>, Problem> {
    if asked.is_any() {
        return Ok(None);
    }
    let mut types: Vec<String> = asked.exact().map(str::to_owned).collect();
    let prefixes: Vec<&str> = asked.prefixes().collect();
    if !prefixes.is_empty() {
        let found = notification::event_types_like(&prefixes);
        types.append(&mut app.database.read(found).await?);
    }
    if types.len() > EVENT_TYPES_MAX {
        let msg = format!(
            "stands for more than {EVENT_TYPES_MAX} event types; hint: put more before the *"
        );
        return Err(Problem::field("query", "eventType", msg));
    }
    Ok(Some(types))
}
