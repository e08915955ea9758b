//! Where a stream is to go on: the header `Last-Event-ID`, which a browser sends by itself when it
//! connects again, or the parameter `lastEventId`, for who cannot set headers.

use actix_web::http::header::{HeaderMap, HeaderName};
use notif_core::tail::Place;

use super::parameters::Parameters;
use crate::problem::Problem;

/// The parameter.
pub(crate) const NAME: &str = "lastEventId";
const HEADER: HeaderName = HeaderName::from_static("last-event-id");
const HINT: &str = "hint: take it from an id: line as it stands";

impl Parameters {
    /// The place that the parameter names; none where it is not given, or empty: so it comes from
    /// programs that have seen no event yet.
    fn last_event_id(&mut self) -> Option<Place> {
        let text = self.value(NAME).filter(|text| !text.is_empty())?;
        match text.parse() {
            Ok(place) => Some(place),
            Err(error) => {
                self.refuse(NAME, format!("{error}; {HINT}"));
                None
            }
        }
    }

    /// The place that a request names. The header wins: the address of a stream stays the same for as
    /// long as it is connected again, and its parameter grows old.
    pub(crate) fn resume(mut self, headers: &HeaderMap) -> Result<Option<Place>, Problem> {
        let parameter = self.last_event_id();
        self.done()?;
        match headers.get(HEADER).filter(|value| !value.is_empty()) {
            None => Ok(parameter),
            Some(value) => match value.to_str().unwrap_or_default().parse() {
                Ok(place) => Ok(Some(place)),
                Err(error) => {
                    let msg = format!("{error}; {HINT}");
                    Err(Problem::field("header", "Last-Event-ID", msg))
                }
            },
        }
    }
}
