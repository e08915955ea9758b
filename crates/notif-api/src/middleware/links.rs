//! Links are made relative where they are made; here they become absolute, where an operator said
//! at which address clients come in.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, LINK};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::app::App;

/// Makes the reply's `Link` absolute.
pub(crate) async fn links<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let absolute = {
        let app = response.request().app_data::<Data<App>>();
        let public_url = app.and_then(|app| app.public_url.as_ref());
        public_url.and_then(|url| {
            let link = response.headers().get(LINK)?.to_str().ok()?;
            let absolute = url.absolute(response.request().uri().path(), link)?;
            HeaderValue::try_from(absolute).ok()
        })
    };
    if let Some(absolute) = absolute {
        response.headers_mut().insert(LINK, absolute);
    }
    Ok(response)
}
