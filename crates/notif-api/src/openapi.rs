//! The API described for machines: `GET /openapi.json`.
//!
//! An operation is described beside its handler in `routes`, what they take and answer in `schema`
//! and `parameter`, and what holds for all of them, as the middleware makes it hold, in `finish`. The
//! list of operations is `routes::described`. `docs/openapi.json` is a copy, which a test compares.

mod finish;
pub(crate) mod parameter;
pub(crate) mod schema;

use std::sync::LazyLock;

use utoipa::OpenApi as _;

pub(crate) use finish::Finish;

use crate::routes::Described;

/// The document, as it is served.
pub(crate) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut document = Described::openapi();
        env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
        // it holds nothing that could not be written
        document.to_pretty_json().unwrap_or_default()
    });
    &TEXT
}
