//! One connection of the poller and of the operator's commands, with all that they ask of it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;

use super::claim::{partition_claim, partition_release};
use super::commit::batch_commit;
use super::gap::{UnannouncedGap, gap_announce_in_txn, gap_list_unannounced_in_txn};
use super::generation::{Recreated, generation_open, offset_rebuild};
use super::offset::{
    FirstOffset, Observation, OffsetRow, history_list, offset_insert_first, offset_list,
    offset_observe_in_txn,
};
use super::refusal::{Refusal, batch_try};
use super::run::{RunEnd, RunStart, cluster_fix, run_begin, run_end_in_txn};
use super::stop::partition_stop_in_txn;
use super::{DatabaseUrl, StoreError, batch, migrate};
use crate::batch::Batch;
use crate::offset::LastConsumed;
use crate::plan::History;
use crate::record::PartitionId;
use crate::stop::Stop;

/// Connects. libpq has no time-out of its own for a server that vanished, so every one that it
/// offers is set where the connection string does not: five seconds to connect, and a dead host
/// noticed within fifteen.
pub(super) fn connect(url: &DatabaseUrl, application: &str) -> Result<PgConnection, StoreError> {
    let url = with_limits(url, application);
    Ok(PgConnection::establish(url.as_str())?)
}

/// The connection string with all limits of [`connect`].
pub(super) fn with_limits(url: &DatabaseUrl, application: &str) -> DatabaseUrl {
    url.clone()
        .with_default("connect_timeout", "5")
        .with_default("keepalives_idle", "5")
        .with_default("keepalives_interval", "3")
        .with_default("keepalives_count", "3")
        .with_default("tcp_user_timeout", "15000")
        .with_default("application_name", application)
}

/// A connection.
pub struct Session(pub(super) PgConnection, DatabaseUrl);

impl Session {
    /// Connects, with every time limit that libpq has.
    pub fn connect(url: &DatabaseUrl, application: &str) -> Result<Self, StoreError> {
        Ok(Self(connect(url, application)?, url.clone()))
    }

    /// Brings the schema up to date; the migrations that ran. See [`migrate::migrate`].
    pub fn migrate(&mut self) -> Result<Vec<String>, StoreError> {
        migrate::migrate(&mut self.0)
    }

    /// Undoes all migrations: for the test that proves them.
    pub fn revert_all(&mut self) -> Result<(), StoreError> {
        migrate::revert_all(&mut self.0)
    }

    /// Does the schema fit a binary of version `ours`?
    pub fn schema_check(&mut self, ours: &str) -> Result<(), StoreError> {
        migrate::schema_check(&mut self.0, ours)
    }

    /// Begins a run. See [`super::run::run_begin`].
    pub fn run_begin(
        &mut self,
        deadline_seconds: f64,
        host: &str,
        version: &str,
    ) -> Result<RunStart, StoreError> {
        run_begin(&mut self.0, deadline_seconds, host, version)
    }

    /// Fixes the Kafka cluster that is recorded, on the first poll; which one it is.
    pub fn cluster_fix(&mut self, seen: Option<&str>) -> Result<Option<String>, StoreError> {
        cluster_fix(&mut self.0, seen)
    }

    /// Every row of the offset table.
    pub fn offset_list(&mut self) -> Result<BTreeMap<PartitionId, OffsetRow>, StoreError> {
        offset_list(&mut self.0)
    }

    /// What else is known of partitions without an offset row.
    pub fn history_list(
        &mut self,
        partitions: &[PartitionId],
        known_topics: &BTreeSet<&str>,
    ) -> Result<BTreeMap<PartitionId, History>, StoreError> {
        history_list(&mut self.0, partitions, known_topics)
    }

    /// Writes first offset rows. See [`offset_insert_first`].
    pub fn offset_insert_first(
        &mut self,
        run_id: i64,
        firsts: &[FirstOffset],
    ) -> Result<(), StoreError> {
        offset_insert_first(&mut self.0, run_id, firsts)
    }

    /// Opens the next generation of partitions whose topic was created anew. See
    /// [`super::generation`].
    pub fn generation_open(
        &mut self,
        run_id: i64,
        recreated: &[Recreated],
    ) -> Result<(), StoreError> {
        generation_open(&mut self.0, run_id, recreated)
    }

    /// Rebuilds a lost offset row; the offset that it has now, `None` where nothing is known. See [`super::generation`].
    pub fn offset_rebuild(&mut self, id: &PartitionId) -> Result<Option<LastConsumed>, StoreError> {
        offset_rebuild(&mut self.0, id)
    }

    /// Claims partitions for the life of this connection; those that it got. See [`super::claim`].
    pub fn partition_claim(
        &mut self,
        partitions: &[PartitionId],
    ) -> Result<BTreeSet<PartitionId>, StoreError> {
        partition_claim(&mut self.0, partitions)
    }

    /// Gives claims back before the connection ends.
    pub fn partition_release(&mut self, partitions: &[PartitionId]) -> Result<(), StoreError> {
        partition_release(&mut self.0, partitions)
    }

    /// Writes a batch. See [`batch_commit`].
    pub fn batch_commit(
        &mut self,
        run_id: i64,
        batch: &mut Batch,
    ) -> Result<Vec<PartitionId>, StoreError> {
        batch_commit(&mut self.0, run_id, batch)
    }

    /// Which rows of a batch PostgreSQL refuses; none where `goes_on` said to end. Writes nothing. See
    /// [`super::refusal`].
    pub fn batch_try(
        &self,
        batch: &Batch,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Refusal>>, StoreError> {
        batch_try(&self.1, batch, goes_on)
    }

    /// Ends a run, in one small transaction: what was seen of each partition, which are stopped, the
    /// losses that this run tells of, and how it ended, which `end` decides once it knows the losses.
    ///
    /// They count as told only where the exit code tells of them: a run that ends with the code of a
    /// broken broker leaves the telling to the next.
    pub fn run_end(
        &mut self,
        run_id: i64,
        seen: &[Observation],
        stops: &[Stop],
        end: impl FnOnce(&[UnannouncedGap]) -> (RunEnd, Telling),
    ) -> Result<(), StoreError> {
        batch::without_rows(&mut self.0, |conn| {
            offset_observe_in_txn(conn, seen)?;
            partition_stop_in_txn(conn, stops)?;
            let gaps = gap_list_unannounced_in_txn(conn)?;
            let (end, telling) = end(&gaps);
            if telling == Telling::ByExitCode {
                gap_announce_in_txn(conn, run_id, &gaps)?;
            }
            run_end_in_txn(conn, &end)
        })
    }
}

/// Does the run's exit code tell of the losses?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It does: they count as told.
    ByExitCode,
    /// Another code comes first: the next run tells.
    Later,
}
