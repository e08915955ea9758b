//! `notif-api token`: what it makes, what the file keeps, what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use insta::assert_snapshot;
use notif_testbed::process::Finished;
use serde_json::Value;

use crate::http;
use crate::process::{Running, database_with_an_order, ends};

/// Runs `notif-api token` on a file.
fn token(file: &Path, arguments: &[&str]) -> Finished {
    let variables = [("API_TOKENS_FILE", file.to_str().unwrap())];
    ends(&variables, &[&["token"], arguments].concat())
}

fn json(finished: &Finished) -> Value {
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"))
}

#[test]
fn a_token_is_shown_once_and_serves_until_it_is_revoked() {
    let database = database_with_an_order();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let made = token(&file, &["new", "--role", "read", "--note", " the  desk "]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let secret = made.stdout.trim_end();
    assert!(
        secret.starts_with("notif_") && secret.len() == 70,
        "{secret}"
    );
    assert!(!made.stderr.contains(secret), "{made:?}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        !text.contains(secret) && !text.contains(secret.trim_start_matches("notif_")),
        "{text}"
    );
    assert!(text.ends_with(" the  desk\n"), "{text}");
    let rights = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(rights & 0o777, 0o600);

    let url = database.url();
    let variables = [
        ("DATABASE_URL", &*url),
        ("API_TOKENS_FILE", file.to_str().unwrap()),
    ];
    let running = Running::start(&variables, &[]);
    let bearer = format!("Bearer {secret}");
    let status = || {
        let headers = [("authorization", bearer.as_str())];
        let answer = http::request(running.address, "GET", "/order/o-1", &headers, b"");
        answer.unwrap().status
    };
    assert_eq!(status(), 200);
    let id = text.split(' ').next().unwrap();
    let revoked = token(&file, &["revoke", id]);
    assert_eq!((revoked.status.code(), &*revoked.stdout), (Some(0), ""));
    let limit = std::time::Duration::from_secs(20);
    notif_testbed::wait_for("401", limit, || (status() == 401).then_some(())).unwrap();
    running.signal("TERM");
    running.end();
}

#[test]
fn what_is_made_is_listed_and_comments_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "# who may what\n\n").unwrap();
    let roles = [
        "--role",
        "write",
        "--role",
        "customer:a b,c",
        "--role",
        "write",
    ];
    let made = token(&file, &[&["new", "--output", "json"], &roles[..]].concat());
    let made = json(&made);
    let members: Vec<_> = made.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["createdAt", "id", "note", "roles", "token"]);
    assert_eq!(
        made["roles"],
        serde_json::json!(["write", "customer:a b,c"])
    );
    token(&file, &["new", "--role", "metrics", "--note", "Prometheus"]);

    let listed = json(&token(&file, &["list", "--output", "json"]));
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let mut expected = made.clone();
    expected.as_object_mut().unwrap().remove("token");
    assert_eq!(listed[0], expected);
    let table = token(&file, &["list"]);
    let lasting = |text: &str| {
        let listed = listed.as_array().unwrap().iter();
        listed.fold(text.to_owned(), |text, one| {
            let id = one["id"].as_str().unwrap();
            text.replace(id, "0123456789ab")
                .replace(one["createdAt"].as_str().unwrap(), "2026-01-05T10:00:00Z")
        })
    };
    assert_snapshot!(lasting(&table.stdout));
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .starts_with("# who may what\n\n")
    );

    let id = made["id"].as_str().unwrap();
    let revoked = json(&token(&file, &["revoke", id, "--output", "json"]));
    assert_eq!(revoked, serde_json::json!({ "revoked": id }));
    let again = token(&file, &["revoke", id]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert!(
        again.stderr.contains("hint: notif-api token list"),
        "{again:?}"
    );
    assert_eq!(
        json(&token(&file, &["list", "--output", "json"]))
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn several_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                json(&token(
                    &file,
                    &["new", "--role", "read", "--output", "json"],
                ))
            });
        }
    });
    let listed = json(&token(&file, &["list", "--output", "json"]));
    assert_eq!(listed.as_array().unwrap().len(), 8);
}

#[test]
fn help_says_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let told: Vec<String> = [
        &["--help"][..],
        &["new", "--help"],
        &["list", "--help"],
        &["revoke", "--help"],
    ]
    .iter()
    .map(|arguments| {
        let help = token(folder.path(), arguments);
        assert_eq!(help.status.code(), Some(0), "{help:?}");
        format!("$ notif-api token {}\n{}", arguments.join(" "), help.stdout)
    })
    .collect();
    assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_wrong_is_told_and_the_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    token(&good, &["new", "--role", "read"]);
    let before = fs::read_to_string(&good).unwrap();
    let bad = folder.path().join("bad");
    fs::write(&bad, "x s3cr3t read\n").unwrap();
    let missing = folder.path().join("missing");
    let nowhere = folder.path().join("nowhere/tokens");
    let long = "x".repeat(201);
    let cases: [(&Path, &[&str]); 14] = [
        (&good, &[]),
        (&good, &["new"]),
        (&good, &["new", "--role", "admin"]),
        (&good, &["new", "--role", "customer:"]),
        (&good, &["new", "--role", "read,write"]),
        (&good, &["new", "--role", "read", "--note", "two\nlines"]),
        (&good, &["new", "--role", "read", "--note", &long]),
        (&good, &["list", "--output", "xml"]),
        (&good, &["revoke"]),
        (&good, &["revoke", "unknown"]),
        (&bad, &["new", "--role", "read"]),
        (&bad, &["list"]),
        (&missing, &["list"]),
        (&nowhere, &["new", "--role", "read"]),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(file, arguments)| {
            let refused = token(file, arguments);
            assert_eq!(refused.status.code(), Some(2), "{arguments:?} {refused:?}");
            assert_eq!(refused.stdout, "", "{arguments:?}");
            assert!(!refused.stderr.contains("s3cr3t"), "{refused:?}");
            let folder = folder.path().to_str().unwrap();
            let typed = arguments.join(" ").replace(&long, "<long>");
            let told = refused
                .stderr
                .replace(folder, "<folder>")
                .replace(&long, "<long>");
            format!("$ notif-api token {typed}\n{told}")
        })
        .collect();
    assert_snapshot!(told.join("\n"));
    assert_eq!(fs::read_to_string(&good).unwrap(), before);
    assert!(!missing.exists());
    let unset = ends(&[], &["token", "list"]);
    assert_eq!(unset.status.code(), Some(2));
    assert!(
        unset.stderr.contains("API_TOKENS_FILE is not set"),
        "{unset:?}"
    );
}
