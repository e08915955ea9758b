//! How much memory replies of the largest size take: pages of 8 MiB for as many clients as may ask.

use std::process::Command;

use anyhow::{Result, ensure};
use notif_testbed::{TestDatabase, http};

use super::{Api, LIMIT, SECONDS, settle};
use crate::figure::{Bar, Figure, Report, Sample};
use crate::heading;
use crate::stage::Stage;
use crate::timed::{self, memory_mb};

/// What `deploy/kubernetes` gives the API, MB.
const BAR: Bar = Bar::Below(384.0);
const CLIENTS: u32 = 64;
/// Rows of 1 MiB each: seven make a page.
const ROWS: u32 = 64;
/// How many words of 32 characters an event has.
const WORDS: u32 = 32 * 1024;

pub(super) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    heading("api: pages of 8 MiB for 64 clients at once");
    let database = filled(stage)?;
    let api = Api::start(stage, &database)?;
    let path = "/customer/one/notifications?limit=50";
    let page = http::get(api.port, path)?;
    ensure!(
        page.status == 200 && page.body.len() > 7 << 20,
        "a page has {} bytes",
        page.body.len()
    );
    // some are told that too much is under way: that is the rule which is measured
    let mut wrk = Command::new("wrk");
    wrk.args([
        "-t1",
        &format!("-c{CLIENTS}"),
        &format!("-d{}s", 2 * SECONDS),
    ])
    .arg(format!("http://127.0.0.1:{}{path}", api.port));
    timed::run(&mut wrk, LIMIT)?;
    let mut memory = Sample::default();
    memory.push(memory_mb(api.process()?, "VmHWM")?);
    report.add(Figure::Value {
        area: "api",
        unit: "MB",
        what: format!("notif-api, peak memory while {CLIENTS} clients ask for pages of 8 MiB"),
        sample: memory,
        bar: Some(BAR),
    });
    api.stop()
}

fn filled(stage: &Stage) -> Result<TestDatabase> {
    let database = stage.postgres.create_database()?;
    database.execute(&format!(
        "INSERT INTO notifications (notification_id, customer_id, order_id, event, event_bytes, \
         source_topic, event_type, source_service, occurred_at, source_partition, source_offset, batch_id) \
         SELECT (lpad(to_hex(1767607200000 + n), 12, '0') || '80008000' || lpad(to_hex(n), 12, '0'))::uuid, \
           'one', 'one', \
           jsonb_build_object('payload', (SELECT string_agg(md5((n * 100000 + word)::text), '') \
             FROM generate_series(1, {WORDS}) AS word)), \
           {WORDS} * 32 + 32, 'order-events', 'order.created', 'order-service', \
           timestamptz '2026-01-05T10:00:00Z' + n * interval '1 ms', 0, n, 7 \
         FROM generate_series(1, {ROWS}) AS n"
    ))?;
    settle(&database)?;
    Ok(database)
}
