//! The API described for people: Swagger UI over `/openapi.json`, all of it in this program.
//!
//! Every link is relative to the page, so that it works behind whatever prefix a client came through,
//! and nothing is asked of any other server.

use std::io::Read as _;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use flate2::read::GzDecoder;

use crate::app::App;
use crate::gzip;
use crate::openapi::parameter;
use crate::problem::Problem;

/// What the page may do: run and show what comes from here, and ask here. Swagger UI styles its
/// elements one by one, and its images are within its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CampusG notification service: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui-5.35.0.css">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. <a href="openapi.json">The document</a> does not.</noscript>
<script src="docs/swagger-ui-5.35.0.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// Without the validator, which is somebody else's server.
const START: &str = r##"SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: "none",
});
"##;

/// A file of Swagger UI, compressed. Its version is part of its name, so it never changes.
struct File {
    name: &'static str,
    kind: &'static str,
    compressed: &'static [u8],
}

const FILES: [File; 2] = [
    File {
        name: "swagger-ui-5.35.0.js",
        kind: "text/javascript; charset=utf-8",
        compressed: include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz"),
    },
    File {
        name: "swagger-ui-5.35.0.css",
        kind: "text/css; charset=utf-8",
        compressed: include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz"),
    },
];

/// `GET /docs`.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "about",
    operation_id = "getDocs",
    summary = "This document, for people",
    description = "A page that needs no other server.",
    responses((status = 200, description = "The page", content_type = "text/html", body = String)),
)]
pub(super) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(PAGE)
}

/// `GET /docs/{file}`: what the page is made of.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "about",
    operation_id = "getDocsFile",
    summary = "What the page is made of",
    params(parameter::DocsFile),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/javascript"),
            (String = "text/css"),
        )),
        (status = 404, description = "The page has no such file"),
    ),
)]
pub(super) async fn file(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("file").unwrap_or_default();
    if name == "start.js" {
        return Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8"))
            .body(START));
    }
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or(Problem::NoSuchRoute)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, file.kind))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((CACHE_CONTROL, "private, max-age=31536000, immutable"));
    if gzip::is_accepted(request.headers()) {
        response.insert_header((CONTENT_ENCODING, "gzip"));
        return Ok(response.body(Bytes::from_static(file.compressed)));
    }
    Ok(response.body(app.in_flight.reply(plain(file.compressed)?)?))
}

/// A file as it was. Hardly anybody asks for that: every browser takes it compressed.
fn plain(compressed: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut plain = Vec::new();
    GzDecoder::new(compressed)
        .read_to_end(&mut plain)
        .map_err(|error| Problem::Internal(format!("a file of the page is broken: {error}")))?;
    Ok(plain)
}
