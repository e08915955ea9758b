//! The runs of the poller.

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

/// `GET /runs`: the ledger of runs, newest first; the poller keeps them for 30 days.
#[utoipa::path(
    get,
    path = "/runs",
    tag = "record",
    operation_id = "listRuns",
    summary = "The runs of the poller",
    description = "Newest first, 50 where no `limit` is given; they are kept for 30 days.",
    params(parameter::LedgerPage),
    responses(
        (status = 200, description = "A page of them", body = Vec<schema::Run>),
    ),
)]
pub(super) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request, &["limit", "cursor"]);
    let limit = parameters.limit().unwrap_or(LIMIT_DEFAULT);
    let before = parameters.ledger_cursor(Ledger::Runs);
    parameters.done()?;
    let page = ledger::run_page(LedgerQuery { limit, before });
    let page =
        page.map(|read| read.and_then(|page| Ok((view::ledger::runs(&page.rows), page.next))));
    let (text, next) = app.database.read(page).await?;
    reply::page(&app, text, Some(limit), next)
}
