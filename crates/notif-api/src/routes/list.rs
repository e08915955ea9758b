//! What lists have in common: a page, and the link to the next one.

use actix_web::HttpResponse;
use actix_web::{HttpRequest, web::Data};
use notif_core::query::{Cursor, FEED_LIMIT_DEFAULT, List, ListHash, Page, PageQuery};
use notif_core::store::{Read, StoreError, notification};

use super::reply;
use crate::app::App;
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::view;

/// A page of more rows is not asked for as a small one.
const SMALL_ROWS: u32 = FEED_LIMIT_DEFAULT;

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
    let whole = || whole(&query);
    let (next, text) = if query.limit <= SMALL_ROWS && query.offset == 0 {
        app.database.read_page(small(&query), whole).await?
    } else {
        app.database.read(whole()).await?
    };
    reply::page(app, text, limit, next)
}

/// A page, and where the next one begins.
type Found = (Option<Cursor>, Vec<u8>);

/// The page, where it is small: a large one must not hold up what shares its connection.
fn small(query: &PageQuery) -> Result<Read<Option<Found>>, StoreError> {
    let hash = query.list.hash();
    let page = notification::notification_page_small(query)?;
    Ok(page.and_then(move |page| Ok(page.map(|page| told(page, hash)))))
}

fn whole(query: &PageQuery) -> Result<Read<Found>, StoreError> {
    let hash = query.list.hash();
    let page = notification::notification_page(query)?;
    Ok(page.and_then(move |page| Ok(told(page, hash))))
}

fn told(page: Page, list: ListHash) -> Found {
    (page.next(list), view::notifications(page.notifications))
}
