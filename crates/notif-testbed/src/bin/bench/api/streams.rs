//! What 200 open streams cost the poller and those who read, beside the same without them.
//!
//! Each shows one customer, as the page of a customer does. For the poller a whole backlog is drained
//! under them; for the readers a thousand rows are recorded each second, of these customers in turn.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use diesel::connection::SimpleConnection as _;
use notif_testbed::TestDatabase;

use super::load::Load;
use super::{Api, SECONDS, WARM_UP_SECONDS, question};
use crate::figure::{Bar, Figure, Report, Sample};
use crate::heading;
use crate::stage::Stage;

/// Less than 15 of 100.
const BAR: Bar = Bar::AtLeast(0.85);
const STREAMS: i64 = 200;
/// How often the writer beside the readers records, and how many rows.
const WRITE_EVERY: Duration = Duration::from_millis(100);
const ROWS_A_WRITE: i64 = 100;
const READERS: u32 = 16;

pub(super) fn measure(stage: &Stage, rounds: u32, report: &mut Report) -> Result<()> {
    heading("api: what 200 open streams cost the others");
    let customers = names(&stage.recorded, "customer_id")?;
    let (mut with, mut without) = (Sample::default(), Sample::default());
    for round in 0..rounds {
        for is_first in [true, false] {
            let are_open = round.is_multiple_of(2) == is_first;
            let rate = drain(stage, &customers, are_open)?;
            if are_open { &mut with } else { &mut without }.push(rate);
        }
    }
    report.add(Figure::Ratio {
        area: "api",
        unit: "rows/s",
        ours: (format!("drain under {STREAMS} streams"), with),
        baseline: ("without them".to_owned(), without),
        bar: Some(BAR),
    });
    readers(stage, &customers, rounds, report)
}

/// Up to 200 orders or customers.
fn names(database: &TestDatabase, column: &str) -> Result<Vec<String>> {
    let rows = database.rows(&format!(
        "SELECT DISTINCT {column} AS name FROM notifications WHERE {column} IS NOT NULL \
         ORDER BY 1 LIMIT {STREAMS}"
    ))?;
    let name = |row: serde_json::Value| Some(row.get("name")?.as_str()?.to_owned());
    Ok(rows.into_iter().filter_map(name).collect())
}

/// A backlog, recorded while an API serves; rows a second.
fn drain(stage: &Stage, customers: &[String], are_open: bool) -> Result<f64> {
    let database = stage.fresh_database()?;
    let api = Api::start(stage, &database)?;
    let streams = Streams::open(&api, if are_open { customers } else { &[] })?;
    let timed = stage.drain(&database)?;
    streams.end(are_open)?;
    api.stop()?;
    Ok(stage.rows_per_second(&timed))
}

fn readers(stage: &Stage, customers: &[String], rounds: u32, report: &mut Report) -> Result<()> {
    let database = stage.fresh_database()?;
    stage.drain(&database)?;
    super::settle(&database)?;
    let api = Api::start(stage, &database)?;
    let paths: Vec<String> = names(&database, "order_id")?
        .into_iter()
        .map(|order| format!("/order/{order}/latest"))
        .collect();
    let script = question::of_paths(stage, "beside-streams.lua", &paths)?;
    let load = Load {
        stage,
        database: &database,
        port: api.port,
        clients: READERS,
    };
    load.wrk(&script, WARM_UP_SECONDS)?;
    let (mut with, mut without) = (Sample::default(), Sample::default());
    for round in 0..rounds {
        for is_first in [true, false] {
            let are_open = round.is_multiple_of(2) == is_first;
            let streams = Streams::open(&api, if are_open { customers } else { &[] })?;
            let writer = Writer::start(&database, customers)?;
            let rate = load.wrk(&script, SECONDS)?.rate;
            writer.end()?;
            streams.end(are_open)?;
            if are_open { &mut with } else { &mut without }.push(rate);
        }
    }
    report.add(Figure::Ratio {
        area: "api",
        unit: "/s",
        ours: (
            format!("GET /order/{{id}}/latest beside {STREAMS} streams, {READERS} at once"),
            with,
        ),
        baseline: ("without them".to_owned(), without),
        bar: Some(BAR),
    });
    api.stop()
}

/// Open streams, read by a thread each.
struct Streams {
    readers: Vec<(TcpStream, JoinHandle<()>)>,
    /// Events that came.
    events: Arc<AtomicU64>,
}

impl Streams {
    fn open(api: &Api, customers: &[String]) -> Result<Self> {
        let events = Arc::new(AtomicU64::new(0));
        let mut readers = Vec::new();
        for customer in customers {
            let mut socket = TcpStream::connect(("127.0.0.1", api.port))?;
            write!(
                socket,
                "GET /events/stream?customerId={customer} HTTP/1.1\r\nHost: bench\r\n\r\n"
            )?;
            let mut head = [0; 12];
            socket.read_exact(&mut head)?;
            ensure!(
                head.ends_with(b" 200"),
                "{}",
                String::from_utf8_lossy(&head)
            );
            let (reader, events) = (socket.try_clone()?, Arc::clone(&events));
            readers.push((socket, thread::spawn(move || read(reader, &events))));
        }
        Ok(Self { readers, events })
    }

    /// Ends them. Fails where they should have shown something and have not.
    fn end(self, had_to_show: bool) -> Result<()> {
        for (socket, reader) in self.readers {
            // one that the server has closed is as well
            drop(socket.shutdown(std::net::Shutdown::Both));
            ensure!(reader.join().is_ok(), "a reader of a stream panicked");
        }
        let events = self.events.load(Ordering::Relaxed);
        ensure!(events > 0 || !had_to_show, "the streams showed nothing");
        Ok(())
    }
}

fn read(mut socket: TcpStream, events: &AtomicU64) {
    const NAME: &[u8] = b"event: notification";
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        let read = buffer.get(..count).unwrap_or_default();
        // one that is split between two reads is not counted: it is about whether any came
        let found = read
            .windows(NAME.len())
            .filter(|part| *part == NAME)
            .count();
        events.fetch_add(u64::try_from(found).unwrap_or(0), Ordering::Relaxed);
    }
}

/// Records rows at an even pace, in a thread.
struct Writer {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Writer {
    fn start(database: &TestDatabase, customers: &[String]) -> Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let mut connection = database.connect()?;
        let statement = write_statement(customers);
        let until = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let started = Instant::now();
                connection.batch_execute(&statement)?;
                thread::sleep(WRITE_EVERY.saturating_sub(started.elapsed()));
            }
            Ok(())
        });
        Ok(Self { ends, thread })
    }

    fn end(self) -> Result<()> {
        self.ends.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(written) => written,
            Err(_) => anyhow::bail!("the writer panicked"),
        }
    }
}

/// A batch as the poller writes it.
fn write_statement(customers: &[String]) -> String {
    let customers = customers
        .iter()
        .map(|name| format!("'{}'", name.replace('\'', "''")))
        .collect::<Vec<_>>()
        .join(",");
    format!(
        "WITH batch AS MATERIALIZED (SELECT nextval('batches_batch_id_seq') AS id), \
         written AS (INSERT INTO notifications (notification_id, customer_id, order_id, event, event_bytes, \
           source_topic, event_type, occurred_at, source_partition, source_offset, batch_id) \
           SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || \
               substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid, \
             (ARRAY[{customers}])[1 + (id * {ROWS_A_WRITE} + n) % {STREAMS}], 'beside', \
             jsonb_build_object('topic', 'order-events', 'payload', repeat('x', 250)), 300, 'beside', \
             'order.created', clock_timestamp(), 0, id * {ROWS_A_WRITE} + n, id \
           FROM batch, generate_series(1, {ROWS_A_WRITE}) AS n), \
         counter AS (UPDATE recorder_state SET commit_seq = commit_seq + 1 RETURNING commit_seq) \
         INSERT INTO batches (batch_id, commit_seq, run_id, committed_at, rows) \
         SELECT id, commit_seq, NULL, clock_timestamp(), {ROWS_A_WRITE} FROM batch, counter"
    )
}
