//! An indexed read over HTTP: `GET /order/{id}/latest` by wrk, beside pgbench with the statement that
//! the API sends, over TCP.
//!
//! Both ask for random orders of all that there are. pgbench can only make numbers, so the orders of
//! this database are numbered from 1 on; then both make up an order without looking one up, and the
//! baseline pays for nothing that the API does not. The statement is not written down here: it is
//! read from PostgreSQL's view of activity after a first request, so it cannot drift.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use notif_testbed::{Service, TestDatabase, free_port, http};

use crate::figure::{Bar, Figure, Report, Sample};
use crate::stage::{DRAIN_LIMIT, Format, Stage};
use crate::timed::{self, cpu_seconds, memory_mb};
use crate::{heading, tools};

/// Issue 5; later 0.5, then more.
const RATIO_BAR: Bar = Bar::AtLeast(0.4);

const CLIENTS: &str = "16";
const SECONDS: &str = "10";
const WARM_UP_SECONDS: &str = "2";
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn measure(stage: &Stage, rounds: u32, report: &mut Report) -> Result<()> {
    heading("api: GET /order/{id}/latest");
    let (database, orders) = numbered_orders(stage)?;
    let (api, port) = start_api(stage, &database)?;
    let statement = statement_of(&database, port)?;
    let bench = Bench {
        stage,
        database: &database,
        port,
        wrk_script: tools::written(stage.folder(), "latest.lua", &wrk_script(orders))?,
        pgbench_script: tools::written(
            stage.folder(),
            "latest.sql",
            &pgbench_script(&statement, orders)?,
        )?,
    };
    bench.wrk(WARM_UP_SECONDS)?;
    bench.pgbench(WARM_UP_SECONDS)?;
    let process = api.process_id().context("notif-api has no process")?;
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    let (mut latency, mut cpu) = (Sample::default(), Sample::default());
    for round in 0..rounds {
        if !round.is_multiple_of(2) {
            theirs.push(bench.pgbench(SECONDS)?);
        }
        let cpu_before = cpu_seconds(process)?;
        let found = bench.wrk(SECONDS)?;
        cpu.push((cpu_seconds(process)? - cpu_before) * 1e6 / found.requests);
        ours.push(found.rate);
        latency.push(found.p99_ms);
        if round.is_multiple_of(2) {
            theirs.push(bench.pgbench(SECONDS)?);
        }
    }
    let mut memory = Sample::default();
    memory.push(memory_mb(process, "VmHWM")?);
    ensure!(api.stop()? == 0, "notif-api ended badly: {}", api.log());
    report.add(Figure::Ratio {
        area: "api",
        unit: "/s",
        ours: ("notif-api, wrk -t1 -c16", ours),
        baseline: ("pgbench -M prepared -c16 -j2", theirs),
        bar: Some(RATIO_BAR),
    });
    report.add(Figure::Value {
        area: "api",
        unit: "ms",
        what: "notif-api, 99 % answered within",
        sample: latency,
        bar: None,
    });
    // of all figures here the one that a busy machine changes least
    report.add(Figure::Value {
        area: "api",
        unit: "us",
        what: "notif-api, processor time a request",
        sample: cpu,
        bar: None,
    });
    report.add(Figure::Value {
        area: "api",
        unit: "MB",
        what: "notif-api, peak memory",
        sample: memory,
        bar: None,
    });
    Ok(())
}

/// The recorded rows in a database of their own, their orders numbered; and how many orders.
fn numbered_orders(stage: &Stage) -> Result<(TestDatabase, i64)> {
    let database = stage.postgres.create_database()?;
    let script = format!(
        "CREATE TEMPORARY TABLE staged (LIKE notifications);\n\
         \\copy staged FROM '{}' WITH (FORMAT binary)\n\
         CREATE TEMPORARY TABLE numbered AS SELECT order_id, row_number() OVER (ORDER BY order_id) \
         AS number FROM (SELECT DISTINCT order_id FROM staged WHERE order_id IS NOT NULL) orders;\n\
         UPDATE staged SET order_id = number::text FROM numbered \
         WHERE staged.order_id = numbered.order_id;\n\
         INSERT INTO notifications SELECT * FROM staged;\n",
        stage.export_file(Format::Binary).display()
    );
    let file = tools::written(stage.folder(), "number.sql", &script)?;
    let mut psql = tools::psql(&stage.postgres, &database.url())?;
    let timed = timed::run(psql.arg("-f").arg(file), DRAIN_LIMIT)?;
    // not in the script, which is one transaction to nobody but must not be one to VACUUM
    database.execute("VACUUM (ANALYZE) notifications")?;
    database.execute("CHECKPOINT")?;
    stage.check_rows(&database)?;
    let orders = database.number("SELECT count(DISTINCT order_id) FROM notifications")?;
    ensure!(orders > 0, "no event of the campus names an order");
    stage.say(&format!("rows of {orders} orders stored"), timed.wall);
    Ok((database, orders))
}

fn start_api(stage: &Stage, database: &TestDatabase) -> Result<(Service, u16)> {
    let port = free_port()?;
    let mut command = stage.program("notif-api", database);
    command
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string());
    let api = Service::start(&command)?;
    api.wait_until_ready(LIMIT, || {
        http::get(port, "/readyz").is_ok_and(|answer| answer.status == 200)
    })?;
    Ok((api, port))
}

/// What the API sends to PostgreSQL for the request that is measured.
fn statement_of(database: &TestDatabase, port: u16) -> Result<String> {
    let path = "/order/1/latest";
    let answer = http::get(port, path)?;
    ensure!(
        answer.status == 200 && answer.body.contains("\"orderId\":\"1\""),
        "GET {path}: {} {}",
        answer.status,
        answer.body
    );
    let rows = database.rows(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND query LIKE '%\"order_id\" = $1%'",
    )?;
    let [row] = rows.as_slice() else {
        bail!("PostgreSQL shows {} statements for GET {path}", rows.len());
    };
    let statement = row.get("query").and_then(serde_json::Value::as_str);
    Ok(statement.context("a statement is text")?.to_owned())
}

/// The same statement for pgbench: the order a random number, the limit 1, both as parameters.
fn pgbench_script(statement: &str, orders: i64) -> Result<String> {
    let limit = "LIMIT $2";
    ensure!(
        statement.matches('$').count() == 2 && statement.contains(limit),
        "not the statement that pgbench knows how to ask: {statement}"
    );
    let statement = statement
        .replace("$1", ":order")
        .replace(limit, "LIMIT :rows");
    Ok(format!(
        "\\set order random(1, {orders})\n\\set rows 1\n{statement};\n"
    ))
}

/// The requests are made before the clock runs; `done` prints what `Bench::wrk` reads.
fn wrk_script(orders: i64) -> String {
    let mut script = String::new();
    let written = write!(
        script,
        r#"local requests = {{}}
function init(arguments)
  math.randomseed(2026)
  for order = 1, {orders} do
    requests[order] = wrk.format("GET", "/order/" .. order .. "/latest")
  end
end
function request()
  return requests[math.random({orders})]
end
function done(summary, latency, all)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("bench %d %d %d %d\n",
    summary.requests, summary.duration, failed, latency:percentile(99)))
end
"#
    );
    debug_assert!(written.is_ok(), "writing into memory does not fail");
    script
}

/// Everything that one measurement needs.
struct Bench<'s> {
    stage: &'s Stage,
    database: &'s TestDatabase,
    port: u16,
    wrk_script: PathBuf,
    pgbench_script: PathBuf,
}

impl Bench<'_> {
    /// Fails where a request does.
    fn wrk(&self, seconds: &str) -> Result<WrkFound> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", &format!("-c{CLIENTS}"), &format!("-d{seconds}s")])
            .arg("-s")
            .arg(&self.wrk_script)
            .arg(format!("http://127.0.0.1:{}", self.port));
        let timed = timed::run(&mut wrk, LIMIT)?;
        let found = read_wrk(&timed.stdout)
            .with_context(|| format!("wrk printed {}{}", timed.stdout, timed.stderr))?;
        ensure!(found.failed == 0.0, "requests failed: {}", timed.stdout);
        self.say("wrk", found.rate);
        Ok(found)
    }

    /// Statements a second.
    fn pgbench(&self, seconds: &str) -> Result<f64> {
        let postgres = &self.stage.postgres;
        let mut pgbench = tools::of_postgres(postgres, "pgbench", "postgresql")?;
        pgbench
            .args([
                "-n", "-M", "prepared", "-c", CLIENTS, "-j", "2", "-T", seconds,
            ])
            .args(["-h", "127.0.0.1", "-p", &postgres.port().to_string()])
            .args(["-U", "postgres", "-f"])
            .arg(&self.pgbench_script)
            .arg(self.database.name());
        let timed = timed::run(&mut pgbench, LIMIT)?;
        let rate = read_pgbench(&timed.stdout)
            .with_context(|| format!("pgbench printed {}{}", timed.stdout, timed.stderr))?;
        self.say("pgbench", rate);
        Ok(rate)
    }

    #[expect(clippy::print_stdout, reason = "the benchmarks are what they print")]
    #[expect(clippy::unused_self, reason = "a step of this measurement")]
    fn say(&self, who: &str, rate: f64) {
        println!("{who}: {rate:.0} a second");
    }
}

#[derive(Debug, PartialEq)]
struct WrkFound {
    requests: f64,
    /// Requests a second.
    rate: f64,
    failed: f64,
    /// Within which 99 of 100 were answered, milliseconds.
    p99_ms: f64,
}

fn read_wrk(stdout: &str) -> Option<WrkFound> {
    let line = stdout
        .lines()
        .find_map(|line| line.strip_prefix("bench "))?;
    let numbers: Vec<f64> = line
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [requests, micros, failed, p99_micros] = *numbers.as_slice() else {
        return None;
    };
    Some(WrkFound {
        requests,
        rate: requests / (micros / 1e6),
        failed,
        p99_ms: p99_micros / 1000.0,
    })
}

fn read_pgbench(stdout: &str) -> Option<f64> {
    let failed = stdout.lines().find_map(|line| {
        line.strip_prefix("number of failed transactions: ")?
            .split(' ')
            .next()
    });
    if failed.is_some_and(|failed| failed != "0") {
        return None;
    }
    let line = stdout
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{WrkFound, pgbench_script, read_pgbench, read_wrk};

    #[test]
    fn what_wrk_prints_is_read() {
        let printed = "Running 10s test\nbench 1000 2000000 3 4500\n";
        let found = WrkFound {
            requests: 1000.0,
            rate: 500.0,
            failed: 3.0,
            p99_ms: 4.5,
        };
        assert_eq!(read_wrk(printed), Some(found));
        assert_eq!(read_wrk("Running 10s test\n"), None);
    }

    #[test]
    fn what_pgbench_prints_is_read_and_failures_are_no_figure() {
        let good = "number of failed transactions: 0 (0.000%)\ntps = 31000.5 (without initial)\n";
        assert_eq!(
            read_pgbench(good).map(f64::to_bits),
            Some(31000.5_f64.to_bits())
        );
        assert_eq!(read_pgbench(&good.replace(": 0 (", ": 7 (")), None);
    }

    #[test]
    fn the_statement_keeps_its_parameters() {
        let sent = r#"SELECT "a" FROM "n" WHERE ("n"."order_id" = $1)  LIMIT $2"#;
        let script = pgbench_script(sent, 9).unwrap();
        assert!(script.starts_with("\\set order random(1, 9)\n"), "{script}");
        let asked = r#"WHERE ("n"."order_id" = :order)  LIMIT :rows;"#;
        assert!(script.contains(asked), "{script}");
        assert!(pgbench_script("SELECT $1, $2, $3", 9).is_err());
    }
}
