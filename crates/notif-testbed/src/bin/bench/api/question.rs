//! What is asked: for wrk as requests over HTTP, for pgbench as the statements that they lead to.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use notif_testbed::{TestDatabase, http};

use super::load::Baseline;
use super::statement::{self, Logged};
use super::{Api, Numbered};
use crate::stage::Stage;
use crate::tools;

/// A number that is no other parameter of any statement.
const KEY: i64 = 77;
/// What the next write transaction is numbered from: no other parameter either.
const BATCH_ID: i64 = 7_654_321;

/// Prints what `load::read_wrk` reads.
const DONE: &str = r#"
function request()
  return requests[math.random(#requests)]
end
function done(summary, latency, all)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("bench %d %d %d %d %d\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
"#;

/// An id like those of notifications sent by hand: the time in front, then what is random.
const NEW_ID: &str = "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') \
    || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid";

/// A question to both sides.
pub(super) struct Question {
    pub(super) name: String,
    /// What the API must reach of pgbench's rate.
    pub(super) bar: f64,
    pub(super) wrk_script: PathBuf,
    pub(super) baseline: Baseline,
}

/// One kind of read: the address around the number, and how many numbers there are.
struct Read {
    name: &'static str,
    around: [&'static str; 2],
    count: i64,
    bar: f64,
}

/// All questions, the one that writes last.
pub(super) fn all(
    stage: &Stage,
    database: &TestDatabase,
    numbered: &Numbered,
) -> Result<Vec<Question>> {
    let reads = [
        Read {
            name: "GET /order/{id}/latest",
            around: ["/order/", "/latest"],
            count: numbered.orders,
            bar: 0.6,
        },
        Read {
            name: "GET /customer/{id}/notifications?limit=50",
            around: ["/customer/", "/notifications?limit=50"],
            count: numbered.customers,
            bar: 0.6,
        },
        Read {
            name: "GET /order/{id}/timeline",
            around: ["/order/", "/timeline"],
            count: numbered.orders,
            bar: 0.7,
        },
    ];
    database.execute(&format!(
        "ALTER DATABASE \"{}\" SET log_statement = 'all'",
        database.name()
    ))?;
    database.execute(&format!(
        "ALTER SEQUENCE batches_batch_id_seq RESTART {BATCH_ID}"
    ))?;
    // its connections are logged; those of the measured one, which begins later, are not
    let api = Api::start(stage, database)?;
    let mut questions = Vec::new();
    for read in &reads {
        questions.push(read_question(stage, &api, read)?);
    }
    questions.push(write_question(stage, &api, numbered)?);
    api.stop()?;
    database.execute(&format!(
        "ALTER DATABASE \"{}\" RESET log_statement",
        database.name()
    ))?;
    Ok(questions)
}

/// What PostgreSQL logged while `ask` ran.
fn logged_while(stage: &Stage, ask: impl FnOnce() -> Result<()>) -> Result<Vec<Logged>> {
    let file = stage.postgres.folder().join("log");
    let before = fs::metadata(&file)?.len();
    ask()?;
    let log = fs::read(&file)?;
    let new = log.get(usize::try_from(before)?..).unwrap_or_default();
    Ok(statement::logged(&String::from_utf8_lossy(new)))
}

fn read_question(stage: &Stage, api: &Api, read: &Read) -> Result<Question> {
    let [front, back] = read.around;
    let path = format!("{front}{KEY}{back}");
    // once before it counts: connections, and what shares them, are made in the background
    http::get(api.port, &path)?;
    let log = logged_while(stage, || {
        let answer = http::get(api.port, &path)?;
        ensure!(
            answer.status == 200 && answer.body.contains(&format!("Id\":\"{KEY}\"")),
            "GET {path}: {} {}",
            answer.status,
            answer.body
        );
        Ok(())
    })?;
    let statements = statement::of_request(&log, &KEY.to_string())?;
    let requests = format!("wrk.format(\"GET\", \"{front}\" .. number .. \"{back}\")");
    question(
        stage,
        read.name,
        read.bar,
        &statements,
        &BTreeMap::new(),
        &requests,
        read.count,
    )
}

fn write_question(stage: &Stage, api: &Api, numbered: &Numbered) -> Result<Question> {
    let mut id = String::new();
    let log = logged_while(stage, || {
        let body = format!(
            r#"{{"customerId":"{KEY}","orderId":"{KEY}","event":"Your order is on its way"}}"#
        );
        let answer = http::post(api.port, "/send-notification", &body)?;
        ensure!(
            answer.status == 201,
            "POST: {} {}",
            answer.status,
            answer.body
        );
        let stored: serde_json::Value = serde_json::from_str(&answer.body)?;
        let text = stored
            .get("notificationId")
            .and_then(serde_json::Value::as_str);
        text.context("a notification has an id")?
            .clone_into(&mut id);
        Ok(())
    })?;
    let statements = statement::of_request(&log, &KEY.to_string())?;
    let made = BTreeMap::from([
        (id, NEW_ID.to_owned()),
        (BATCH_ID.to_string(), ":batch_id".to_owned()),
    ]);
    let requests = r#"wrk.format("POST", "/send-notification", {["Content-Type"] = "application/json"},
      string.format('{"customerId":"%d","orderId":"%d","event":"Your order is on its way"}', number, number))"#;
    let name = "POST /send-notification";
    question(
        stage,
        name,
        0.7,
        &statements,
        &made,
        requests,
        numbered.orders,
    )
}

fn question(
    stage: &Stage,
    name: &str,
    bar: f64,
    statements: &[Logged],
    made: &BTreeMap<String, String>,
    request: &str,
    count: i64,
) -> Result<Question> {
    let mut replaced = made.clone();
    replaced.insert(KEY.to_string(), ":key".to_owned());
    let (script, variables) = statement::script(statements, &replaced, &["batch_id"])?;
    let file: String = name
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '-'
            }
        })
        .collect();
    // the requests are made before the clock runs
    let wrk = format!(
        "requests = {{}}\nfunction init(arguments)\n  math.randomseed(2026)\n  for number = 1, {count} do\n    \
         requests[number] = {request}\n  end\nend\n{DONE}"
    );
    Ok(Question {
        name: name.to_owned(),
        bar,
        wrk_script: tools::written(stage.folder(), &format!("{file}.lua"), &wrk)?,
        baseline: Baseline {
            script: tools::written(
                stage.folder(),
                &format!("{file}.sql"),
                &format!("\\set key random(1, {count})\n{script}"),
            )?,
            variables,
        },
    })
}

/// A script for wrk that asks for these addresses, one after the other at random.
pub(super) fn of_paths(stage: &Stage, file: &str, paths: &[String]) -> Result<PathBuf> {
    let paths = paths.join("\", \"");
    let script = format!(
        "requests = {{}}\nfunction init(arguments)\n  for place, path in ipairs({{\"{paths}\"}}) do\n    \
         requests[place] = wrk.format(\"GET\", path)\n  end\nend\n{DONE}"
    );
    tools::written(stage.folder(), file, &script)
}
