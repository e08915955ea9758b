//! The API over HTTP by wrk, beside pgbench with the statements that the API sends, over TCP.
//!
//! Both ask for random orders and customers of all that there are. pgbench can only make numbers, so
//! those of this database are numbered from 1 on; then both make up one without looking it up, and the
//! baseline pays for nothing that the API does not. `question.rs` is what is asked, `statement.rs` how
//! PostgreSQL's log becomes a script of pgbench, `load.rs` how the two programs are run and read,
//! `size.rs` whether a page costs more where there are more rows, `huge.rs` how much memory the largest
//! replies take, `streams.rs` what open streams cost the others.

mod huge;
pub(crate) mod load;
mod question;
mod size;
mod statement;
mod streams;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use notif_testbed::{Service, TestDatabase, free_port, http};

use self::load::{Found, Load};
use self::question::Question;
use crate::figure::{Bar, Figure, Report, Sample};
use crate::stage::{DRAIN_LIMIT, Format, Stage};
use crate::timed::{self, cpu_seconds, memory_mb};
use crate::{heading, tools};

/// How many connections ask at once.
const CLIENTS: [u32; 3] = [1, 16, 64];
/// Where 99 of 100 are compared with the median: both sides queue here.
const CLIENTS_OF_TAIL: u32 = 16;
/// How much more its slowest answers may stand out than those of pgbench.
const TAIL_BAR: Bar = Bar::Below(1.5);
const MEMORY_BAR: Bar = Bar::Below(100.0);

const SECONDS: u32 = 5;
const WARM_UP_SECONDS: u32 = 2;
const LIMIT: Duration = Duration::from_secs(30);

/// The whole area.
pub(crate) fn measure(stage: &Stage, rounds: u32, report: &mut Report) -> Result<()> {
    beside_pgbench(stage, rounds, report)?;
    size::measure(stage, rounds, report)?;
    huge::measure(stage, report)?;
    streams::measure(stage, rounds, report)
}

fn beside_pgbench(stage: &Stage, rounds: u32, report: &mut Report) -> Result<()> {
    let (database, numbered) = numbered_rows(stage)?;
    let questions = question::all(stage, &database, &numbered)?;
    let api = Api::start(stage, &database)?;
    for question in &questions {
        heading(&format!("api: {}", question.name));
        for clients in CLIENTS {
            let load = Load {
                stage,
                database: &database,
                port: api.port,
                clients,
            };
            load.wrk(&question.wrk_script, WARM_UP_SECONDS)?;
            load.pgbench(&question.baseline, WARM_UP_SECONDS)?;
            Sides::measure(&load, &api, question, rounds)?.add_to(report, question, clients);
        }
    }
    let mut memory = Sample::default();
    memory.push(memory_mb(api.process()?, "VmHWM")?);
    report.add(Figure::Value {
        area: "api",
        unit: "MB",
        what: "notif-api, peak memory of all of it".to_owned(),
        sample: memory,
        bar: Some(MEMORY_BAR),
    });
    api.stop()
}

/// What both sides found, round by round.
#[derive(Default)]
struct Sides {
    ours: Sample,
    theirs: Sample,
    tail_ours: Sample,
    tail_theirs: Sample,
    p99_ms: Sample,
    cpu_us: Sample,
}

impl Sides {
    fn measure(load: &Load<'_>, api: &Api, question: &Question, rounds: u32) -> Result<Self> {
        let mut sides = Self::default();
        for round in 0..rounds {
            if round.is_multiple_of(2) {
                sides.ask_ours(load, api, question)?;
                sides.ask_theirs(load, question)?;
            } else {
                sides.ask_theirs(load, question)?;
                sides.ask_ours(load, api, question)?;
            }
        }
        Ok(sides)
    }

    fn ask_ours(&mut self, load: &Load<'_>, api: &Api, question: &Question) -> Result<()> {
        let before = cpu_seconds(api.process()?)?;
        let found = load.wrk(&question.wrk_script, SECONDS)?;
        let used = cpu_seconds(api.process()?)? - before;
        self.cpu_us
            .push(used * 1e6 / (found.rate * f64::from(SECONDS)));
        self.p99_ms.push(found.p99_ms);
        self.tail_ours.push(found.tail());
        self.ours.push(found.rate);
        Ok(())
    }

    fn ask_theirs(&mut self, load: &Load<'_>, question: &Question) -> Result<()> {
        let found: Found = load.pgbench(&question.baseline, SECONDS)?;
        self.tail_theirs.push(found.tail());
        self.theirs.push(found.rate);
        Ok(())
    }

    fn add_to(self, report: &mut Report, question: &Question, clients: u32) {
        let ours = format!("{}, {clients} at once", question.name);
        report.add(Figure::Ratio {
            area: "api",
            unit: "/s",
            ours: (ours.clone(), self.ours),
            baseline: ("pgbench".to_owned(), self.theirs),
            bar: Some(Bar::AtLeast(question.bar)),
        });
        if clients != CLIENTS_OF_TAIL {
            return;
        }
        report.add(Figure::Ratio {
            area: "api",
            unit: "x",
            ours: (
                format!("{ours}: 99 % within this often the median"),
                self.tail_ours,
            ),
            baseline: ("pgbench".to_owned(), self.tail_theirs),
            bar: Some(TAIL_BAR),
        });
        report.add(Figure::Value {
            area: "api",
            unit: "ms",
            what: format!("{ours}: 99 % within"),
            sample: self.p99_ms,
            bar: None,
        });
        // of all figures here the one that a busy machine changes least
        report.add(Figure::Value {
            area: "api",
            unit: "us",
            what: format!("{ours}: processor time a request"),
            sample: self.cpu_us,
            bar: None,
        });
    }
}

/// How many orders and customers there are; their names are the numbers from 1 on.
struct Numbered {
    orders: i64,
    customers: i64,
}

/// The recorded rows in a database of their own, their orders and customers numbered.
fn numbered_rows(stage: &Stage) -> Result<(TestDatabase, Numbered)> {
    let database = stage.postgres.create_database()?;
    let copied = format!(
        "CREATE TEMPORARY TABLE staged (LIKE notifications);\n\
         \\copy staged FROM '{}' WITH (FORMAT binary)\n",
        stage.export_file(Format::Binary).display()
    );
    let numbered: String = ["order_id", "customer_id"].map(numbering).concat();
    let script = format!("{copied}{numbered}INSERT INTO notifications SELECT * FROM staged;\n");
    let file = tools::written(stage.folder(), "number.sql", &script)?;
    let mut psql = tools::psql(&stage.postgres, &database.url())?;
    let timed = timed::run(psql.arg("-f").arg(file), DRAIN_LIMIT)?;
    settle(&database)?;
    stage.check_rows(&database)?;
    let count = |column| {
        database.number(&format!(
            "SELECT count(DISTINCT {column}) FROM notifications"
        ))
    };
    let numbered = Numbered {
        orders: count("order_id")?,
        customers: count("customer_id")?,
    };
    ensure!(
        numbered.orders > 100 && numbered.customers > 100,
        "too small a campus\nhint: give it more --events"
    );
    stage.say(
        &format!(
            "rows of {} orders and {} customers stored",
            numbered.orders, numbered.customers
        ),
        timed.wall,
    );
    Ok((database, numbered))
}

/// Gives the staged rows' values of a column numbers as names.
fn numbering(column: &str) -> String {
    format!(
        "CREATE TEMPORARY TABLE of_{column} AS SELECT {column}, row_number() OVER (ORDER BY \
         {column}) AS number FROM (SELECT DISTINCT {column} FROM staged WHERE {column} IS NOT \
         NULL) AS names;\n\
         UPDATE staged SET {column} = number::text FROM of_{column} \
         WHERE staged.{column} = of_{column}.{column};\n"
    )
}

/// Nothing of what was written is left to do.
fn settle(database: &TestDatabase) -> Result<()> {
    database.execute("VACUUM (ANALYZE) notifications")?;
    database.execute("CHECKPOINT")?;
    Ok(())
}

/// A running notif-api.
struct Api {
    service: Service,
    port: u16,
}

impl Api {
    fn start(stage: &Stage, database: &TestDatabase) -> Result<Self> {
        let port = free_port()?;
        let mut command = stage.program("notif-api", database);
        command
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string());
        let service = Service::start(&command)?;
        service.wait_until_ready(LIMIT, || {
            http::get(port, "/readyz").is_ok_and(|answer| answer.status == 200)
        })?;
        Ok(Self { service, port })
    }

    fn process(&self) -> Result<u32> {
        self.service
            .process_id()
            .context("notif-api has no process")
    }

    fn stop(self) -> Result<()> {
        ensure!(
            self.service.stop()? == 0,
            "notif-api ended badly: {}",
            self.service.log()
        );
        Ok(())
    }
}
