//! One notification, with all that is known of it.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use notif_core::store::notification;

use super::reply;
use crate::app::App;
use crate::problem::Problem;
use crate::request::parameters::Parameters;
use crate::request::path;
use crate::view;

/// `GET /notifications/{notificationId}`.
pub(super) async fn get(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path::notification_id(&request, 1)?;
    Parameters::of(&request, &[]).done()?;
    let found = notification::notification_get(id)
        .map(|read| read.and_then(|detail| Ok(view::detail(&detail))));
    reply::one(&app, app.database.read(found).await?)
}
