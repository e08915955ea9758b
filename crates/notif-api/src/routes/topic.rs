//! What is watched, and how far it is recorded.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::ledger::{TOPICS_DEFAULT, TopicQuery};
use notif_core::store::ledger;

use super::reply;
use crate::app::App;
use crate::openapi::{parameter, schema};
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::view;

/// `GET /topics`: what is watched, by the names of the topics, each with all its partitions.
#[utoipa::path(
    get,
    path = "/topics",
    tag = "record",
    operation_id = "listTopics",
    summary = "What is watched, and how far it is recorded",
    description = "The topics by name, each with all its partitions; 500 topics where no `limit` is given.",
    params(parameter::LedgerPage),
    responses(
        (status = 200, description = "A page of them", body = Vec<schema::Topic>),
    ),
)]
pub(super) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request, &["limit", "cursor"]);
    let limit = parameters.limit().unwrap_or(TOPICS_DEFAULT);
    let after = parameters.topic_cursor();
    parameters.done()?;
    let page = ledger::topic_page(TopicQuery { limit, after });
    let page = page
        .map(|read| read.and_then(|page| Ok((view::ledger::topics(&page.partitions), page.next))));
    let (text, next) = app.database.read(page).await?;
    reply::page(&app, text, Some(limit), next)
}
