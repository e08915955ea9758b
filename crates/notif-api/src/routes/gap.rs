//! What is known to be missing.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::ledger::{LIMIT_DEFAULT, Ledger, LedgerQuery};
use notif_core::store::ledger;

use super::reply;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::view;

/// `GET /gaps`: the ledger of losses, newest first.
#[utoipa::path(
    get,
    path = "/gaps",
    tag = "record",
    operation_id = "listGaps",
    summary = "What is known to be missing",
    description = "The ledger of losses, newest first, 50 where no `limit` is given.",
    params(parameter::LedgerPage),
    responses(
        (status = 200, description = "A page of it", body = Vec<schema::Gap>),
    ),
)]
pub(super) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request, &["limit", "cursor"]);
    let limit = parameters.limit().unwrap_or(LIMIT_DEFAULT);
    let before = parameters.ledger_cursor(Ledger::Gaps);
    parameters.done()?;
    let page = ledger::gap_page(LedgerQuery { limit, before });
    let page =
        page.map(|read| read.and_then(|page| Ok((view::ledger::gaps(&page.rows), page.next))));
    let (text, next) = app.database.read(page).await?;
    reply::page(&app, text, Some(limit), next)
}
