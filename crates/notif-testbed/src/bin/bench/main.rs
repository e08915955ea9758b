//! `make bench`: what the recorder is held to, each figure beside a baseline of the same run.
//!
//! Ratios count, absolute times do not: machines differ, and so does the load on one machine. So
//! the two sides of a ratio are measured in turns, several times, and what is printed is the median
//! of the ratios with the lowest and the highest.
//!
//! `drain.rs`, `idle.rs`, `verify.rs`, `api.rs` and `cost.rs` hold one benchmark each; `stage.rs` is the servers and the
//! recorded campus that they share, `figure.rs` what is printed, `timed.rs` how a process is
//! measured, `tools.rs` the programs of others. What the figures mean is in `docs/benchmarks.md`.
#![expect(clippy::print_stdout, reason = "the benchmarks are what they print")]

mod api;
mod cost;
mod drain;
mod figure;
mod idle;
mod metadata;
mod stage;
mod timed;
mod tools;
mod verify;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use self::figure::Report;
use self::stage::Stage;

/// Measures the recorder beside its baselines, on private servers.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    /// Which benchmark; all of them where none is named
    #[arg(value_enum)]
    area: Option<Area>,

    /// How many campus events are recorded
    #[arg(long, default_value_t = 200_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    events: u32,

    /// How often drain, verify, api and cost are measured, each side in turn
    #[arg(long, default_value_t = 3, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,

    /// Also write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Another build of notif-poll, for `cost` alone
    #[arg(long, value_name = "FILE", required_if_eq("area", "cost"))]
    against: Option<PathBuf>,

    /// The broker, for `kafka-metadata` alone
    #[arg(long, hide = true)]
    bootstrap: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Area {
    /// A backlog from Kafka into PostgreSQL, beside psql's \copy of the same rows
    Drain,
    /// A poll with nothing new, beside simple clients of both servers
    Idle,
    /// The proof of the whole record, from PostgreSQL alone and beside Kafka
    Verify,
    /// The API beside pgbench with the same statements, large tables, open streams
    Api,
    /// Drain and idle poll beside another build of notif-poll; only where it is named
    Cost,
    /// Not a benchmark: the process that `idle` runs as its baseline
    #[value(hide = true)]
    KafkaMetadata,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if cli.area == Some(Area::KafkaMetadata) {
        return metadata::ask(&cli.bootstrap.context("--bootstrap")?);
    }
    let runs = |area| cli.area.is_none_or(|only| only == area);
    // before minutes are spent, not after
    tools::check_platform()?;
    if runs(Area::Api) {
        tools::check_wrk()?;
    }
    // first: the load that it notes must be that of others
    let mut report = Report::new(cli.events, cli.rounds);
    let stage = Stage::set_up(cli.events)?;
    if runs(Area::Drain) {
        drain::measure(&stage, cli.rounds, &mut report)?;
    }
    if runs(Area::Idle) {
        idle::measure(&stage, &mut report)?;
    }
    // before `api`, which gives the rows other orders
    if runs(Area::Verify) {
        verify::measure(&stage, cli.rounds, &mut report)?;
    }
    if runs(Area::Api) {
        api::measure(&stage, cli.rounds, &mut report)?;
    }
    if let (Some(Area::Cost), Some(against)) = (cli.area, &cli.against) {
        cost::measure(&stage, against, cli.rounds, &mut report)?;
    }
    report.loads_end();
    heading("Results");
    print!("{report}");
    if let Some(file) = &cli.json {
        let text = serde_json::to_string_pretty(&report.to_json())?;
        fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
        println!("\nalso as JSON in {}", file.display());
    }
    Ok(())
}

fn heading(text: &str) {
    println!("\n== {text}");
}
