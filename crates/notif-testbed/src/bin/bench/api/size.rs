//! Whether an answer costs more where there is more: pages of a customer with many rows, and the same
//! questions to a small and to a large table.

use std::path::Path;

use anyhow::{Context, Result};
use notif_testbed::{TestDatabase, http};

use super::load::Load;
use super::{Api, SECONDS, WARM_UP_SECONDS, question, settle};
use crate::figure::{Bar, Figure, Report, Sample};
use crate::heading;
use crate::stage::Stage;

/// How much more the dearest may cost.
const BAR: Bar = Bar::Below(1.3);
const SMALL: i64 = 10_000;
const LARGE: i64 = 1_000_000;
/// The rows of the customer whose pages are compared.
const ROWS_OF_ONE: i64 = 200_000;
/// Rows of any order.
const ROWS_OF_ORDER: i64 = 10;
/// How many of them are asked for.
const ASKED: i64 = 200;

pub(super) fn measure(stage: &Stage, rounds: u32, report: &mut Report) -> Result<()> {
    heading("api: pages of a customer with 200,000 rows; a million rows beside 10,000");
    let (small, large) = (filled(stage, SMALL)?, filled(stage, LARGE)?);
    let (small_api, large_api) = (Api::start(stage, &small)?, Api::start(stage, &large)?);
    pages(stage, &large, &large_api, rounds, report)?;
    for (name, around) in [
        ("order-latest", ["/order/", "/latest"]),
        ("customer-feed", ["/customer/", "/notifications?limit=50"]),
    ] {
        let script = |rows: i64| {
            let [front, back] = around;
            let step = usize::try_from(rows / ROWS_OF_ORDER / ASKED)?;
            let paths: Vec<String> = (1..rows / ROWS_OF_ORDER)
                .step_by(step)
                .map(|number| format!("{front}{number}{back}"))
                .collect();
            question::of_paths(stage, &format!("{name}-{rows}.lua"), &paths)
        };
        let (of_small, of_large) = (script(SMALL)?, script(LARGE)?);
        let (small, large) = (
            one_at_a_time(stage, &small, &small_api),
            one_at_a_time(stage, &large, &large_api),
        );
        let (mut fewer, mut more) = (Sample::default(), Sample::default());
        small.wrk(&of_small, WARM_UP_SECONDS)?;
        large.wrk(&of_large, WARM_UP_SECONDS)?;
        for _ in 0..rounds {
            fewer.push(small.wrk(&of_small, SECONDS)?.time_us());
            more.push(large.wrk(&of_large, SECONDS)?.time_us());
        }
        report.add(Figure::Ratio {
            area: "api",
            unit: "us",
            ours: (format!("{name}, {LARGE} rows"), more),
            baseline: (format!("{SMALL} rows"), fewer),
            bar: Some(BAR),
        });
    }
    small_api.stop()?;
    large_api.stop()
}

fn one_at_a_time<'s>(stage: &'s Stage, database: &'s TestDatabase, api: &Api) -> Load<'s> {
    Load {
        stage,
        database,
        port: api.port,
        clients: 1,
    }
}

/// First, deep and oldest page of the one customer.
fn pages(
    stage: &Stage,
    database: &TestDatabase,
    api: &Api,
    rounds: u32,
    report: &mut Report,
) -> Result<()> {
    let load = one_at_a_time(stage, database, api);
    let newest = "/customer/one/notifications?limit=50".to_owned();
    let [deep, oldest] = deep_pages(api)?;
    let names = ["newest", "deep", "oldest"];
    let mut scripts = Vec::new();
    for (name, path) in names.iter().zip([newest, deep, oldest]) {
        scripts.push(question::of_paths(
            stage,
            &format!("page-{name}.lua"),
            &[path],
        )?);
    }
    let mut found = [Sample::default(), Sample::default(), Sample::default()];
    let ask = |script: &Path, seconds| load.wrk(script, seconds);
    for script in &scripts {
        ask(script, WARM_UP_SECONDS)?;
    }
    for _ in 0..rounds {
        for (script, sample) in scripts.iter().zip(&mut found) {
            sample.push(ask(script, SECONDS)?.time_us());
        }
    }
    let [newest, deep, oldest] = found;
    for (name, sample) in [("deep", deep), ("oldest", oldest)] {
        report.add(Figure::Ratio {
            area: "api",
            unit: "us",
            ours: (format!("{name} page of {ROWS_OF_ONE} rows"), sample),
            baseline: ("newest page".to_owned(), newest.clone()),
            bar: Some(BAR),
        });
    }
    Ok(())
}

/// The addresses of pages of 50 in the middle and at the end, found by walking there as a client does.
fn deep_pages(api: &Api) -> Result<[String; 2]> {
    const STEP: i64 = 500;
    let address = "/customer/one/notifications";
    let mut query = format!("?limit={STEP}");
    let mut found = Vec::new();
    // the last step would have no page behind it
    for step in 1..ROWS_OF_ONE / STEP {
        let answer = http::get(api.port, &format!("{address}{query}"))?;
        let (_, link) = answer
            .head
            .split_once(": <")
            .with_context(|| format!("no page behind {query}: {}", answer.head))?;
        query = link.split('>').next().unwrap_or_default().to_owned();
        if step == ROWS_OF_ONE / STEP / 2 || step == ROWS_OF_ONE / STEP - 1 {
            let page = query.replace(&format!("limit={STEP}"), "limit=50");
            found.push(format!("{address}{page}"));
        }
    }
    found.try_into().ok().context("two pages")
}

/// A database with so many rows, of which every fifth is of the one customer. Orders have ten rows,
/// other customers eight, and both are numbered from 0 on.
fn filled(stage: &Stage, rows: i64) -> Result<TestDatabase> {
    let database = stage.postgres.create_database()?;
    let of_one = LARGE / ROWS_OF_ONE;
    database.execute(&format!(
        "INSERT INTO notifications (notification_id, customer_id, order_id, event, event_bytes, \
         source_topic, event_type, source_service, occurred_at, source_partition, source_offset, batch_id) \
         SELECT (lpad(to_hex(1767607200000 + n), 12, '0') || '80008000' || lpad(to_hex(n), 12, '0'))::uuid, \
           CASE n % {of_one} WHEN 0 THEN 'one' ELSE (n / {ROWS_OF_ORDER})::text END, \
           (n / {ROWS_OF_ORDER})::text, \
           jsonb_build_object('topic', 'order-events', 'event_type', 'order.created', \
             'payload', jsonb_build_object('order_id', n::text, 'note', repeat('x', 200))), 320, \
           'order-events', 'order.created', 'order-service', \
           timestamptz '2026-01-05T10:00:00Z' + n * interval '1 ms', 0, n, 7 \
         FROM generate_series(1, {rows}) AS n"
    ))?;
    settle(&database)?;
    Ok(database)
}
