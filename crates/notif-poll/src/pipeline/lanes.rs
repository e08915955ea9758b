//! The reader's view of the lanes: which partition goes where, and what is on its way there.

use std::collections::HashMap;
use std::sync::mpsc::SyncSender;

use notif_core::record::{PartitionId, Record};
use notif_core::store::StoreError;

use super::lane::Item;
use super::{Shared, Task};

/// The lanes, with the records that are collected for each.
pub(super) struct Lanes<'s> {
    senders: Vec<SyncSender<Item>>,
    route: HashMap<PartitionId, usize>,
    chunks: Vec<Vec<Record>>,
    shared: &'s Shared,
}

impl<'s> Lanes<'s> {
    pub(super) fn new(
        senders: Vec<SyncSender<Item>>,
        lanes: &[Vec<Task>],
        shared: &'s Shared,
    ) -> Self {
        let route = lanes
            .iter()
            .enumerate()
            .flat_map(|(lane, tasks)| tasks.iter().map(move |task| (task.id.clone(), lane)))
            .collect();
        let chunks = senders.iter().map(|_| Vec::new()).collect();
        Self {
            senders,
            route,
            chunks,
            shared,
        }
    }

    /// Collects a record for its lane.
    pub(super) fn collect(&mut self, record: Record) {
        let lane = self.route.get(&record.partition);
        if let Some(chunk) = lane.and_then(|lane| self.chunks.get_mut(*lane)) {
            chunk.push(record);
        }
    }

    /// Hands over what is collected.
    pub(super) fn hand_over(&mut self) {
        for (chunk, sender) in self.chunks.iter_mut().zip(&self.senders) {
            if !chunk.is_empty() {
                send(self.shared, sender, Item::Records(std::mem::take(chunk)));
            }
        }
    }

    /// Tells a lane something about a partition, behind all that is collected.
    pub(super) fn tell(&mut self, id: &PartitionId, item: Item) {
        self.hand_over();
        let lane = self.route.get(id);
        if let Some(sender) = lane.and_then(|lane| self.senders.get(*lane)) {
            send(self.shared, sender, item);
        }
    }
}

/// A lane ends before its sender does only where its thread panicked.
fn send(shared: &Shared, sender: &SyncSender<Item>, item: Item) {
    if sender.send(item).is_err() {
        shared.fail(StoreError::Internal(
            "a lane of the pipeline ended unexpectedly".to_owned(),
        ));
    }
}
