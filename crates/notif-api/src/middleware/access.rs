//! Nobody gets further than here without being allowed to: before the path is looked up, the body
//! is read or the database is asked, so that a refusal is the same whatever exists.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _};

use crate::app::App;
use crate::problem::{Problem, Refusal};

/// Lets a request through, with who asks in its extensions, or answers it with 401 or 403.
pub(crate) async fn access<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let app = request.app_data::<Data<App>>();
    let checked = match app {
        Some(app) => app.access.check(request.request()),
        None => Err(Problem::Internal("the app is not there".to_owned())),
    };
    match checked {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(problem) => {
            let ask_for_one = matches!(problem, Problem::Refused(Refusal::NoToken));
            let mut response = request.error_response(problem);
            if ask_for_one {
                let scheme = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            Ok(response)
        }
    }
}
