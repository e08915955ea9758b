//! What another build of notif-poll costs less: `bench cost --against FILE`, drain and idle poll of
//! both, in turns.
//!
//! For a change that must not slow the recorder down: build the commit before it, and give its
//! program here. Each build migrates its own databases.

use std::path::{Path, PathBuf};

use anyhow::Result;
use notif_testbed::TestDatabase;

use crate::figure::{Bar, Figure, Report, Sample};
use crate::stage::{DRAIN_LIMIT, Stage};
use crate::timed;
use crate::{heading, idle};

/// Issue 6: at most 15 % more.
const DRAIN_BAR: Bar = Bar::AtLeast(0.85);
const IDLE_BAR: Bar = Bar::Below(1.15);

/// Idle polls of each side in a round.
const IDLE_RUNS: u32 = 10;

/// One of the two builds.
struct Side {
    program: PathBuf,
    /// What it has recorded, for its idle polls.
    recorded: TestDatabase,
    drains: Sample,
    /// The median of each round.
    idles: Sample,
}

impl Side {
    fn begin(stage: &Stage, program: PathBuf) -> Result<Self> {
        let recorded = migrated(stage, &program)?;
        stage.drain_with(&program, &recorded)?;
        Ok(Self {
            program,
            recorded,
            drains: Sample::default(),
            idles: Sample::default(),
        })
    }

    fn drain(&mut self, stage: &Stage) -> Result<()> {
        let fresh = migrated(stage, &self.program)?;
        let timed = stage.drain_with(&self.program, &fresh)?;
        self.drains.push(stage.rows_per_second(&timed));
        Ok(())
    }

    fn idle(&self, stage: &Stage) -> Result<f64> {
        Ok(idle::poll(stage, &self.program, &self.recorded)?.0)
    }
}

pub(crate) fn measure(
    stage: &Stage,
    against: &Path,
    rounds: u32,
    report: &mut Report,
) -> Result<()> {
    heading("cost: this build beside another");
    let mut ours = Side::begin(stage, stage.poll_program())?;
    let mut theirs = Side::begin(stage, against.to_owned())?;
    for round in 0..rounds {
        // every second round backwards, as in `drain.rs`
        if round.is_multiple_of(2) {
            ours.drain(stage)?;
            theirs.drain(stage)?;
        } else {
            theirs.drain(stage)?;
            ours.drain(stage)?;
        }
        let (mut our_idles, mut their_idles) = (Sample::default(), Sample::default());
        for _ in 0..IDLE_RUNS {
            our_idles.push(ours.idle(stage)?);
            their_idles.push(theirs.idle(stage)?);
        }
        ours.idles.push(our_idles.median());
        theirs.idles.push(their_idles.median());
    }
    report.add(Figure::Ratio {
        area: "cost",
        unit: "rows/s",
        ours: ("drain".to_owned(), ours.drains),
        baseline: ("drain of the other build".to_owned(), theirs.drains),
        bar: Some(DRAIN_BAR),
    });
    report.add(Figure::Ratio {
        area: "cost",
        unit: "ms",
        ours: ("idle poll".to_owned(), ours.idles),
        baseline: ("idle poll of the other build".to_owned(), theirs.idles),
        bar: Some(IDLE_BAR),
    });
    Ok(())
}

/// An empty database, migrated by that build.
fn migrated(stage: &Stage, program: &Path) -> Result<TestDatabase> {
    let database = stage.postgres.empty_database()?;
    let mut migrate = stage.run(program, &database);
    timed::run(migrate.arg("migrate"), DRAIN_LIMIT)?;
    database.execute("CHECKPOINT")?;
    Ok(database)
}
