//! `GET /docs`: a page that needs no other server and works behind a prefix.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::server::World;

/// What the page leads to: the values of `href` and `src`.
fn links(page: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for name in ["href=\"", "src=\""] {
        let values = page.split(name).skip(1);
        links.extend(values.map(|rest| rest.split('"').next().unwrap()));
    }
    links.retain(|link| !link.starts_with("data:"));
    links
}

#[test]
fn the_page_and_all_that_it_leads_to_are_served_from_here() {
    let world = World::new();
    let page = world.server.get("/docs");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let links = links(page.text());
    assert_eq!(links.len(), 4, "{links:?}");
    for link in links {
        // relative: it holds behind a prefix
        assert!(!link.starts_with('/') && !link.contains(':'), "{link}");
        let kind = match link.rsplit('.').next().unwrap() {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "application/json",
        };
        let answer = world.server.get(&format!("/{link}"));
        assert_eq!(answer.status, 200, "{link}");
        assert_eq!(answer.header("content-type"), Some(kind), "{link}");
        assert!(!answer.body.is_empty(), "{link}");
    }
    let start = world.server.get("/docs/start.js");
    assert!(start.text().contains(r#"url: "openapi.json""#), "{start}");
    assert!(start.text().contains(r#"validatorUrl: "none""#), "{start}");
}

#[test]
fn the_page_may_do_nothing_but_what_it_needs() {
    let world = World::new();
    let page = world.server.get("/docs");
    let policy = page.header("content-security-policy").unwrap();
    for part in policy.split("; ") {
        let (_, sources) = part.split_once(' ').unwrap();
        for source in sources.split(' ') {
            assert!(
                ["'none'", "'self'", "'unsafe-inline'", "data:"].contains(&source),
                "{part}"
            );
        }
    }
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    // a script within the page would not run
    assert_eq!(page.text().matches("<script src=").count(), 2);
    assert_eq!(page.text().matches("<script").count(), 2);
}

#[test]
fn files_come_compressed_to_who_takes_that_and_are_kept() {
    let world = World::new();
    for name in ["swagger-ui-5.35.0.js", "swagger-ui-5.35.0.css"] {
        let path = format!("/docs/{name}");
        let plain = world.server.get(&path);
        assert_eq!(plain.header("content-encoding"), None, "{name}");
        let gzip = [("accept-encoding", "gzip, deflate, br")];
        let compressed = world.server.request("GET", &path, &gzip, b"");
        assert_eq!(compressed.header("content-encoding"), Some("gzip"));
        assert!(compressed.body.len() * 3 < plain.body.len(), "{name}");
        let mut inflated = Vec::new();
        GzDecoder::new(&*compressed.body)
            .read_to_end(&mut inflated)
            .unwrap();
        assert!(inflated == plain.body, "{name}");
        for answer in [&plain, &compressed] {
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
            let kept = answer.header("cache-control").unwrap();
            assert_eq!(kept, "private, max-age=31536000, immutable");
        }
    }
}

#[test]
fn head_tells_the_same_without_the_body() {
    let world = World::new();
    for path in [
        "/docs",
        "/docs/start.js",
        "/docs/swagger-ui-5.35.0.css",
        "/openapi.json",
    ] {
        let get = world.server.get(path);
        let head = world.server.request("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.lasting_headers(), get.lasting_headers(), "{path}");
    }
}

#[test]
fn a_file_that_the_page_does_not_have_is_not_found() {
    let world = World::new();
    for path in [
        "/docs/",
        "/docs/x",
        "/docs/..%2Fopenapi.json",
        "/docs/swagger-ui.css",
    ] {
        let answer = world.server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["type"], "/problems/no-such-route", "{path}");
    }
}
