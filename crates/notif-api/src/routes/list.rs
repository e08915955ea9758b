//! What lists have in common: a page, and the link to the next one.

use actix_web::HttpResponse;
use actix_web::{HttpRequest, web::Data};
use notif_core::query::{FEED_LIMIT_DEFAULT, List, PageQuery};
use notif_core::store::notification;

use super::reply;
use crate::app::App;
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::view;

/// A story, oldest first: `whole` rows where no limit is given.
pub(super) async fn story(
    request: &HttpRequest,
    app: &Data<App>,
    list: List,
    whole: u32,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(request, &["limit", "cursor"]);
    let limit = parameters.limit();
    let after = parameters.cursor(list.hash());
    parameters.done()?;
    let query = PageQuery {
        list,
        limit: limit.unwrap_or(whole),
        offset: 0,
        after,
    };
    page(app, query, limit).await
}

/// A feed, newest first.
pub(super) async fn feed(
    request: &HttpRequest,
    app: &Data<App>,
    list: List,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(request, &["limit", "offset", "cursor"]);
    let limit = parameters.limit().unwrap_or(FEED_LIMIT_DEFAULT);
    let offset = parameters.offset().unwrap_or(0);
    let after = parameters.cursor(list.hash());
    parameters.done()?;
    let query = PageQuery {
        list,
        limit,
        offset,
        after,
    };
    page(app, query, Some(limit)).await
}

async fn page(
    app: &Data<App>,
    query: PageQuery,
    limit: Option<u32>,
) -> Result<HttpResponse, Problem> {
    let hash = query.list.hash();
    let page = notification::notification_page(&query).map(|read| {
        read.and_then(move |page| Ok((page.next(hash), view::notifications(page.notifications))))
    });
    let (next, text) = app.database.read(page).await?;
    reply::page(app, text, limit, next)
}
