//! What a runner is shown.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::query::List;

use super::list;
use crate::app::App;
use crate::problem::Problem;
use crate::request::path;

/// `GET /runner/{runnerId}/notifications`: the runner's notifications, newest first.
pub(super) async fn feed(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let runner_id = path::id(&request, 1, "runnerId")?;
    list::feed(&request, &app, List::of_runner(runner_id)).await
}
