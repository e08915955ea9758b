//! Makes a response of the text that a route left: its tag, nothing where the client has it already,
//! compressed where the client takes that and it pays; and how fresh it is.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, VARY,
};
use actix_web::middleware::Next;
use actix_web::web::{self, Data};
use actix_web::{Error, ResponseError as _};

use crate::app::App;
use crate::database::died;
use crate::etag::{ETag, Known};
use crate::freshness::RECORDED_THROUGH;
use crate::gzip;
use crate::in_flight::Reply;
use crate::problem::Problem;
use crate::unsent::Unsent;

/// When the next poll is to be expected, seconds: clients that ask more often learn nothing new.
const X_POLL_INTERVAL: HeaderName = HeaderName::from_static("x-poll-interval");

/// From these lengths on, bytes, the work is done on a thread of its own: the HTTP thread has others
/// to serve meanwhile. Below, the hand-over takes longer than the work.
const LONG_TO_HASH: usize = 64 * 1024;
const LONG_TO_COMPRESS: usize = 16 * 1024;

/// Finishes what a route left.
pub(crate) async fn finish<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // before the answer is made: what is learned meanwhile may speak of rows that it does not have
    let app = request.app_data::<Data<App>>();
    let through = app.and_then(|app| app.freshness.header());
    let mut response = next.call(request).await?.map_into_boxed_body();
    let unsent = response.response_mut().extensions_mut().remove::<Unsent>();
    let Some(unsent) = unsent else {
        if is_told_absent(&response) {
            tell_freshness(&mut response, through);
        }
        return Ok(response);
    };
    let is_recorded = unsent.is_recorded;
    let work = Work::new(unsent, response.request().headers());
    let finished = if work.is_long() {
        match web::block(move || work.finished()).await {
            Ok(finished) => finished,
            Err(_thread_died) => {
                return Ok(response.into_response(died().error_response()));
            }
        }
    } else {
        work.finished()
    };
    if is_recorded {
        tell_freshness(&mut response, through);
    }
    Ok(finished.within(response))
}

/// Does it say that something is not recorded, or not kept? When that was true belongs to it.
fn is_told_absent(response: &ServiceResponse<BoxBody>) -> bool {
    let extensions = response.response().extensions();
    matches!(
        extensions.get(),
        Some(Problem::NotFound(_) | Problem::RawNotKept(_))
    )
}

fn tell_freshness(response: &mut ServiceResponse<BoxBody>, through: Option<HeaderValue>) {
    let Some(app) = response.request().app_data::<Data<App>>() else {
        return;
    };
    let interval = app.poll_interval.clone();
    let headers = response.headers_mut();
    for (name, value) in [(RECORDED_THROUGH, through), (X_POLL_INTERVAL, interval)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

/// What is to be done to a text.
struct Work {
    reply: Reply,
    /// The tags that the client has, where this text gets one.
    known: Option<Known>,
    compress: bool,
}

impl Work {
    fn new(unsent: Unsent, headers: &HeaderMap) -> Self {
        let long_enough = unsent.reply.rest().len() >= gzip::BYTES_MIN;
        Self {
            reply: unsent.reply,
            known: unsent.is_recorded.then(|| Known::of(headers)),
            compress: long_enough && gzip::is_accepted(headers),
        }
    }

    fn is_long(&self) -> bool {
        let bytes = self.reply.rest().len();
        bytes > LONG_TO_HASH || (self.compress && bytes > LONG_TO_COMPRESS)
    }

    fn finished(self) -> Finished {
        let tag = self.known.as_ref().map(|_| ETag::of(self.reply.rest()));
        if let (Some(known), Some(tag)) = (&self.known, &tag)
            && known.has(tag)
        {
            return Finished {
                tag: Some(tag.to_header()),
                body: Body::Known,
            };
        }
        let compressed = self
            .compress
            .then(|| gzip::compress(self.reply.rest()))
            .flatten();
        Finished {
            tag: tag.map(|tag| tag.to_header()),
            body: match compressed {
                Some(compressed) => Body::Compressed(self.reply.shortened(compressed)),
                None => Body::Plain(self.reply),
            },
        }
    }
}

struct Finished {
    tag: Option<HeaderValue>,
    body: Body,
}

enum Body {
    /// The client has it.
    Known,
    Plain(Reply),
    Compressed(Reply),
}

impl Finished {
    /// The response with all of it.
    fn within(self, mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let headers = response.headers_mut();
        // also where it is not compressed: to another client it may be
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Some(tag) = self.tag {
            headers.insert(ETAG, tag);
        }
        let reply = match self.body {
            Body::Plain(reply) => reply,
            Body::Compressed(reply) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                reply
            }
            Body::Known => {
                headers.remove(CONTENT_TYPE);
                *response.response_mut().status_mut() = StatusCode::NOT_MODIFIED;
                return response;
            }
        };
        response.map_body(|_, _| BoxBody::new(reply))
    }
}
