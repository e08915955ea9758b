//! Whether the API does what its description says: schemathesis sends what is described and what is
//! not, over rows that were hostile messages, and compares each answer.
//!
//! `SCHEMATHESIS_SEED` is its seed; what fails is printed with the line of curl that does it again.

mod beginning;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use notif_testbed::hostile::{TOPIC_SETTINGS, generated, messages};
use notif_testbed::kafka::{Kafka, RawMessage};
use notif_testbed::{process, unique};
use serde_json::{Map, Value, json};

use self::beginning::Beginnings;
use crate::api::Api;
use crate::message;
use crate::world::World;

const SEED: u64 = 20_261_126;
/// Generated messages beside those of the list.
const GENERATED: usize = 300;
/// How many requests of each kind an operation gets.
const EXAMPLES: &str = "30";
/// How many rows are asked for by name.
const ASKED: usize = 12;
/// On a machine that does nothing else it takes a fifth of this.
const LIMIT: Duration = Duration::from_secs(400);
/// What a schema cannot say, and so what is made from one cannot know: a cursor is only had from a
/// `Link`, the id of an event from a stream, and each new notification has a new key. What is meant to
/// be wrong is sent as it is.
const HOOKS: &str = "
import itertools
import schemathesis

keys = itertools.count()

@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for given in (case.query or {}, case.headers or {}):
        for name in ('cursor', 'lastEventId', 'Last-Event-ID'):
            given.pop(name, None)
    if 'Idempotency-Key' in (case.headers or {}):
        case.headers['Idempotency-Key'] = f'key-{next(keys)}'
";
/// Its answers do not end: it is asked for apart, and only the beginning of each is passed on.
const ENDLESS: &str = "/events/stream";

#[test]
fn every_answer_over_hostile_rows_is_as_described() {
    let seed = env::var("SCHEMATHESIS_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let world = hostile_world(seed);
    let api = Api::of(&world);
    let page = api.client().get("/openapi.json");
    let mut document: Value = serde_json::from_slice(&page.body).unwrap();
    ask_for_rows(&mut document, &world);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
    fs::write(folder.path().join("hooks.py"), HOOKS).unwrap();
    let run = Run {
        folder: folder.path(),
        seed,
    };
    // all of it: a description that nothing reads would pass too
    let all = ["Examples", "Coverage", "Fuzzing", "Stateful"];
    run.of(api.port(), ["--exclude-path", ENDLESS], &all);
    let beginnings = Beginnings::of(api.port());
    // nothing leads to a stream or on from one
    let alone = ["Coverage", "Fuzzing"];
    run.of(beginnings.port(), ["--include-path", ENDLESS], &alone);
    assert!(beginnings.cut() > 20, "{} streams", beginnings.cut());
}

/// A run of schemathesis.
struct Run<'a> {
    /// Where the description and the hooks are.
    folder: &'a Path,
    seed: u64,
}

impl Run<'_> {
    /// Sends what it makes of some of the paths; each of these phases must be done, and find nothing.
    fn of(&self, port: u16, paths: [&str; 2], phases: &[&str]) {
        let seed = self.seed;
        let mut st = Command::new("st");
        st.args(["run", "openapi.json"])
            .args(["--url", &format!("http://127.0.0.1:{port}")])
            .args(["--seed", &seed.to_string(), "--max-examples", EXAMPLES])
            .args(["--phases", &phases.join(",").to_lowercase()])
            // no text of PostgreSQL holds one: each is refused, which tests of ours show
            .args(["--generation-allow-x00", "false"])
            .args(["--generation-database", "none"])
            .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
            .args(["--suppress-health-check", "all"])
            // whether tokens are configured is up to the operator; here they are not
            .args(["--exclude-checks", "ignored_auth"])
            .args(paths)
            .env("NO_PROXY", "*")
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .env("PYTHONPATH", self.folder)
            .current_dir(self.folder);
        let finished = process::run(&mut st, LIMIT).unwrap_or_else(|error| {
            panic!("st: {error}; hint: `make tools` installs schemathesis, `make` has it on PATH")
        });
        assert!(
            finished.status.success(),
            "seed {seed} (SCHEMATHESIS_SEED={seed} runs it again)\n{}\n{}",
            finished.stdout,
            finished.stderr
        );
        println!("{}", finished.stdout);
        // one that was skipped is named there too
        let (_, summary) = finished.stdout.split_once("Test Phases:").unwrap();
        for phase in phases {
            assert!(summary.contains(&format!("✅ {phase}")), "{summary}");
        }
    }
}

/// A database that is full of rows which were hostile messages.
fn hostile_world(seed: u64) -> World {
    let mut world = World::with_topics(0);
    let topic = unique("schemathesis");
    let kafka = Kafka::shared();
    kafka.create_topic_with(&topic, 1, &TOPIC_SETTINGS).unwrap();
    world.topics = vec![topic.clone()];
    let listed = messages().into_iter().map(|one| one.message);
    let generated = generated(seed).take(GENERATED).map(|one| one.message);
    let hostile: Vec<RawMessage> = listed.chain(generated).collect();
    kafka.produce_raw(&topic, 0, &hostile).unwrap();
    message::drain(&world, i64::try_from(hostile.len()).unwrap());
    world
}

/// Names rows that are there as further examples of what is in a path: else nearly every answer
/// would be that there is nothing. Not those with a percent sign, which it takes for encoded already.
fn ask_for_rows(document: &mut Value, world: &World) {
    let values = |column: &str| {
        let rows = world.database.rows(&format!(
            "SELECT {column} AS value FROM notifications WHERE {column} IS NOT NULL \
             AND {column}::text NOT IN ('.', '..') AND strpos({column}::text, '%') = 0 GROUP BY 1 ORDER BY md5({column}::text) LIMIT {ASKED}"
        ));
        let rows = rows.unwrap();
        assert!(!rows.is_empty(), "{column}");
        rows.into_iter()
            .map(|mut row| row["value"].take())
            .collect::<Vec<_>>()
    };
    let known: BTreeMap<&str, Vec<Value>> = [
        ("orderId", "order_id"),
        ("customerId", "customer_id"),
        ("runnerId", "runner_id"),
        ("correlationId", "correlation_id"),
        ("notificationId", "notification_id"),
        ("topic", "source_topic"),
        ("offset", "source_offset"),
    ]
    .map(|(name, column)| (name, values(column)))
    .into();
    for operation in operations(document) {
        for parameter in parameters(operation) {
            let name = parameter["name"].as_str().unwrap();
            let Some(values) = known.get(name).filter(|_| parameter["in"] == "path") else {
                continue;
            };
            let examples: Map<String, Value> = values
                .iter()
                .enumerate()
                .map(|(place, value)| (place.to_string(), json!({ "value": value })))
                .collect();
            let parameter = parameter.as_object_mut().unwrap();
            parameter.remove("example");
            parameter.insert("examples".to_owned(), examples.into());
        }
    }
}

fn parameters(operation: &mut Value) -> impl Iterator<Item = &mut Value> {
    let parameters = operation.get_mut("parameters");
    parameters
        .into_iter()
        .flat_map(|all| all.as_array_mut().unwrap())
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().unwrap().values_mut();
    paths.flat_map(|methods| methods.as_object_mut().unwrap().values_mut())
}
