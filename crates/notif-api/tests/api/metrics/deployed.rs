//! The alert rules and the dashboard ask for metrics that there are, in a language that Prometheus
//! understands. Whether the rules fire when they should is tested beside them, by `promtool` alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use notif_testbed::process::run;
use serde_json::{Value, json};

use super::{eventful, scrape};

fn deployed(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `promtool` on a file with this text; what it says.
fn promtool(arguments: &[&str], name: &str, text: &str) -> String {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, text).unwrap();
    let mut promtool = Command::new("promtool");
    promtool.args(arguments);
    if arguments.ends_with(&["metrics"]) {
        promtool.stdin(Stdio::from(std::fs::File::open(&file).unwrap()));
    } else {
        promtool.arg(&file);
    }
    let finished = run(&mut promtool, Duration::from_secs(60)).unwrap_or_else(|error| {
        panic!("promtool: {error}; hint: `make tools` fetches it, `make` has it on PATH")
    });
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(finished.status.success(), "{said}");
    said
}

/// The queries of all panels.
fn queries() -> Vec<String> {
    let dashboard: Value =
        serde_json::from_str(&deployed("grafana/notification-service.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let of_panel = |panel: &Value| panel["targets"].as_array().unwrap().clone();
    let targets = panels.iter().flat_map(of_panel);
    let queries: Vec<_> = targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect();
    assert!(queries.len() >= panels.len());
    queries
}

/// The names of metrics in a text. What ends in `*` or is a word of another kind is none of ours.
fn names(text: &str) -> BTreeSet<&str> {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !of_a_name(c))
        .filter(|word| word.starts_with("notif_"))
        .collect()
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are() {
    let world = eventful();
    world.server.get("/order/o-1");
    let scrape = scrape(&world.server);
    let said = promtool(&["check", "metrics"], "scrape.txt", scrape.text());
    assert_eq!(said, "", "what Prometheus does not like in a scrape");
    let there = scrape.names();
    let queries = queries().join("\n");
    let rules = deployed("prometheus/rules.yaml");
    let tests = deployed("prometheus/rules_test.yaml");
    for (asking, text) in [
        ("dashboard", &queries),
        ("rules", &rules),
        ("rules_test", &tests),
    ] {
        let asked = names(text);
        assert!(asked.len() >= 7, "{asking}: {asked:?}");
        let absent: Vec<_> = asked.difference(&there).collect();
        assert!(absent.is_empty(), "{asking} asks for {absent:?}");
    }
}

#[test]
fn each_query_of_the_dashboard_is_one() {
    let rules: Vec<_> = queries()
        .iter()
        .enumerate()
        .map(|(number, query)| {
            let query = query.replace("$__rate_interval", "5m");
            assert!(!query.contains('$'), "{query}");
            json!({"record": format!("panel:{number}"), "expr": query})
        })
        .collect();
    // JSON is YAML
    let file = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let said = promtool(&["check", "rules"], "dashboard.yaml", &file.to_string());
    assert!(
        said.contains(&format!("{} rules found", rules.len())),
        "{said}"
    );
}
