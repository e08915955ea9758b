//! Killed at random: one, two, four and eight polls at once, while a producer goes on producing, and
//! in the soak (`soak.rs`) while the servers are killed too.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use notif_testbed::campus::Random;
use notif_testbed::kafka::Kafka;
use notif_testbed::postgres::{Postgres, TestDatabase};
use notif_testbed::unique;
use notif_testbed::wait::wait_until;

use crate::check::{Truth, compare};
use crate::mutation::HARMLESS;
use crate::scene::{self, Events};
use crate::tell::tell;
use crate::world::{Ended, World};

/// Kills in `make test`.
const KILLS: usize = 200;

const PARTITIONS: u32 = 3;

/// How many polls there are at once, in turns.
const POLLS: [usize; 4] = [1, 2, 4, 8];

/// A guess: from then on it grows a little with each kill, and shrinks twice as much with each poll
/// that ended first. So a third of the polls end, and kills reach all of a poll, on any machine.
const FIRST_LONGEST_MS: u32 = 500;

/// So many of a hundred polls are killed after a statement, not after a time. Most of a poll is
/// waiting, and most of what a kill can hit there is alike.
const STATEMENT_PERCENT: u32 = 50;

/// So many of a hundred polls do without claims: they meet at the fence, where claims would keep them
/// apart.
const WITHOUT_CLAIMS_PERCENT: u32 = 50;

/// The last of them is among the statements that end a run.
const STATEMENTS: u32 = 36;

const LIMIT: Duration = Duration::from_secs(120);

/// When a poll is killed that is to be killed after a statement. It ends before by its own deadline.
const NO_KILL: Duration = Duration::from_secs(100_000);

#[test]
fn two_hundred_random_kills_lose_and_double_nothing() {
    let storm = Storm::begin(
        Kafka::shared(),
        Postgres::shared().create_database().unwrap(),
        seed(),
    );
    let tally = storm.rage(&[0], |tally| tally.kills >= KILLS, |_, _| {});
    assert!(tally.wrote > 0, "no poll was killed after it had written");
    tell(&format!("random kills: {tally}"));
}

/// `SEED`, else another for each run.
pub(crate) fn seed() -> u64 {
    match std::env::var("SEED") {
        Ok(seed) => seed.parse().expect("SEED is a number"),
        Err(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
    }
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: usize,
    /// Of the killed, those that had committed a batch.
    pub(crate) wrote: i64,
    /// Numbers of write transactions that came to nothing: killed within, or left to another run. A
    /// shutdown of PostgreSQL skips some as well.
    pub(crate) undone: i64,
    /// Polls that came to their end before they could be killed.
    pub(crate) ended: usize,
    /// What else was done to the servers.
    pub(crate) faults: usize,
    pub(crate) records: usize,
    time: Duration,
}

impl Tally {
    /// The sum of both.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            kills: self.kills + other.kills,
            wrote: self.wrote + other.wrote,
            undone: self.undone + other.undone,
            ended: self.ended + other.ended,
            faults: self.faults + other.faults,
            records: self.records + other.records,
            time: self.time + other.time,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} kills ({} of polls that had written, {} write transactions undone), {} polls that \
             ended first, {} faults of servers, {} records compared, in {:.0} s",
            self.kills,
            self.wrote,
            self.undone,
            self.ended,
            self.faults,
            self.records,
            self.time.as_secs_f64()
        )
    }
}

/// Polls to be killed, and what they are about.
pub(crate) struct Storm {
    world: World,
    database: TestDatabase,
    seed: u64,
    random: Random,
    /// The longest time after which a poll is killed, in milliseconds, by the number of polls at once.
    longest: BTreeMap<usize, u32>,
}

impl Storm {
    pub(crate) fn begin(kafka: &'static Kafka, database: TestDatabase, seed: u64) -> Self {
        tell(&format!("seed {seed}; to replay, set SEED={seed}"));
        let [one, two] = ["storm_a", "storm_b"].map(unique);
        for topic in [&one, &two] {
            kafka
                .create_topic(topic, i32::try_from(PARTITIONS).unwrap())
                .unwrap();
        }
        let world = World::new(kafka, &[&one, &two]);
        Self {
            world,
            database,
            seed,
            random: Random::new(seed),
            longest: POLLS.map(|polls| (polls, FIRST_LONGEST_MS)).into(),
        }
    }

    /// Kills polls until it is enough, with something done to the servers in between; then one poll
    /// is let live, and everything is compared. `codes` are those that a poll may end with meanwhile.
    pub(crate) fn rage(
        mut self,
        codes: &[i32],
        is_enough: impl Fn(&Tally) -> bool,
        mut disturb: impl FnMut(&mut Random, &mut Tally),
    ) -> Tally {
        let started = Instant::now();
        let mut tally = Tally::default();
        let is_over = AtomicBool::new(false);
        let world = self.world.clone();
        let committed = thread::scope(|scope| {
            let (seed, over) = (self.seed, &is_over);
            let producing = scope.spawn(move || produce(&world, seed, over));
            let end = EndOnDrop(over);
            for polls in POLLS.into_iter().cycle() {
                if is_enough(&tally) {
                    break;
                }
                let spawned = self.spawn(polls);
                disturb(&mut self.random, &mut tally);
                self.kill(spawned, codes, &mut tally);
            }
            drop(end);
            producing.join().unwrap()
        });
        self.settle(codes, &mut tally, &committed);
        tally.time = started.elapsed();
        tally
    }

    /// Starts polls, each with the time at which it is to be killed.
    fn spawn(&mut self, polls: usize) -> Vec<(Instant, Child)> {
        let longest = self.longest[&polls];
        let mut spawned: Vec<(Instant, Child)> = (0..polls)
            .map(|_| {
                let mut command = self.world.command(&self.database);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                if self.random.chance(WITHOUT_CLAIMS_PERCENT) {
                    command.env("NOTIF_MUTATION", HARMLESS);
                }
                let mut delay = Duration::from_millis(u64::from(self.random.below(longest)));
                if self.random.chance(STATEMENT_PERCENT) {
                    let number = self.random.between(1, STATEMENTS);
                    command.env("NOTIF_FAULT", format!("kill:after-statement:{number}"));
                    delay = NO_KILL;
                }
                (Instant::now() + delay, command.spawn().unwrap())
            })
            .collect();
        spawned.sort_by_key(|(due, _)| *due);
        spawned
    }

    fn kill(&mut self, spawned: Vec<(Instant, Child)>, codes: &[i32], tally: &mut Tally) {
        let polls = spawned.len();
        let mut longest = self.longest[&polls];
        for (due, mut poll) in spawned {
            let left = due.saturating_duration_since(Instant::now());
            let is_timed = left < LIMIT;
            if is_timed {
                thread::sleep(left);
                poll.kill().unwrap();
            }
            let ended = Ended::from_output(poll.wait_with_output().unwrap());
            let (more, less) = (longest.div_ceil(50), longest / 25);
            if ended.was_killed() {
                tally.kills += 1;
                longest += if is_timed { more } else { 0 };
                continue;
            }
            tally.ended += 1;
            longest -= if is_timed { less } else { 0 };
            self.assert_allowed(&ended, codes);
        }
        self.longest.insert(polls, longest);
    }

    /// What the dead left is made good by one poll, and compared with what Kafka has.
    fn settle(&self, codes: &[i32], tally: &mut Tally, committed: &Committed) {
        wait_until("the connections of the dead to be gone", LIMIT, || {
            let others = self.database.number(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
            );
            others.unwrap() == 0
        })
        .unwrap();
        // one is enough, but for a server that is just coming back
        wait_until("a poll that comes to the ends", LIMIT, || {
            let poll = self.world.poll(&self.database);
            self.assert_allowed(&poll, codes);
            poll.code() == Some(0) && self.is_at_the_ends(&poll)
        })
        .unwrap();
        let mut truth = Truth::default();
        for (topic, count) in self.world.topics.iter().zip(committed) {
            scene::read(
                &mut truth,
                self.world.kafka,
                topic,
                0,
                self.most(topic, *count),
            );
        }
        let proved = compare(&self.database, &truth).and_then(|records| {
            self.world.verify(&self.database, &["--deep"]).expect(0)?;
            Ok(records)
        });
        tally.records = proved.unwrap_or_else(|wrong| panic!("SEED={}: {wrong}", self.seed));
        let number = |sql: &str| self.database.number(sql).unwrap();
        tally.wrote = number(
            "SELECT count(DISTINCT run_id) FROM batches JOIN poll_runs USING (run_id) \
             WHERE ended_at IS NULL",
        );
        tally.undone =
            number("SELECT last_value - (SELECT count(*) FROM batches) FROM batches_batch_id_seq");
    }

    /// The most records that a topic may hold: as many as were produced. Where more are stored, a
    /// broker that was killed has doubled some, or we have: the reader must see all there is.
    fn most(&self, topic: &str, produced: i64) -> i64 {
        let sql = format!("SELECT count(*) FROM notifications WHERE source_topic = '{topic}'");
        if self.database.number(&sql).unwrap() <= produced {
            return produced;
        }
        tell(&format!("{topic} holds more than was produced"));
        let offsets = |partition| {
            let partition = i32::try_from(partition).unwrap();
            self.world.kafka.watermarks(topic, partition).unwrap().1
        };
        (0..PARTITIONS).map(offsets).sum()
    }

    /// Nothing is open any more, so the high watermarks are the ends.
    fn is_at_the_ends(&self, poll: &Ended) -> bool {
        let partitions = poll.report["partitions"].as_array().unwrap();
        partitions.iter().all(|partition| {
            let topic = partition["topic"].as_str().unwrap();
            let number = i32::try_from(partition["partition"].as_i64().unwrap()).unwrap();
            let (_, high) = self.world.kafka.watermarks(topic, number).unwrap();
            partition["to"] == high
        })
    }

    fn assert_allowed(&self, poll: &Ended, codes: &[i32]) {
        let is_allowed = poll.code().is_some_and(|code| codes.contains(&code));
        assert!(is_allowed, "SEED={}: {poll:?}", self.seed);
    }
}

/// The producer must end also where the test fails meanwhile: the scope waits for it.
struct EndOnDrop<'o>(&'o AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// How many records each topic holds; at least as many as there are, where the broker did not say.
type Committed = [i64; 2];

/// Produces until it is over.
fn produce(world: &World, seed: u64, is_over: &AtomicBool) -> Committed {
    let mut random = Random::new(!seed);
    let mut committed = [0; 2];
    // a broker that was down may break a client for good: the next one begins anew, and ends the
    // transaction that the last one left open
    while let Err(error) = produce_by(world, &mut random, is_over, &mut committed) {
        tell(&format!("producing begins anew: {error:#}"));
    }
    committed
}

/// Produces small bursts of plain and transactional records, by one client, with pauses: it is to go
/// on for as long as the kills do, not to fill the topics.
fn produce_by(
    world: &World,
    random: &mut Random,
    is_over: &AtomicBool,
    committed: &mut Committed,
) -> Result<()> {
    let mut events = Events::new(world.kafka, world.topic(), random.next())?;
    while !is_over.load(Ordering::SeqCst) {
        let which = usize::try_from(random.below(2)).unwrap();
        let topic = &world.topics[which];
        let partition = i32::try_from(random.below(PARTITIONS)).unwrap();
        let count = random.between(1, 100);
        let size = usize::try_from(count).unwrap();
        // counted before: what failed may be there all the same
        match random.below(10) {
            0 => events.transaction(topic, partition, size, false)?,
            1 => {
                committed[which] += i64::from(count);
                events.transaction(topic, partition, size, true)?;
            }
            _ => {
                committed[which] += i64::from(count);
                events.produce(topic, partition, size)?;
            }
        }
        thread::sleep(Duration::from_millis(u64::from(random.between(20, 100))));
    }
    Ok(())
}
