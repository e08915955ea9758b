//! `make soak`: hours of random kills where `make test` has a minute, with servers of its own that
//! are killed as well. `SECONDS` says for how long, `SEED` replays.

use std::time::{Duration, Instant};

use notif_testbed::campus::Random;
use notif_testbed::kafka::{Kafka, KafkaOptions};
use notif_testbed::postgres::{Postgres, PostgresOptions};

use crate::storm::{Storm, Tally, seed};
use crate::tell::tell;

/// So many kills there must be in half an hour; in a shorter soak, that share of them.
const KILLS_IN_HALF_AN_HOUR: u64 = 1_000;

const HALF_AN_HOUR: u64 = 1_800;

/// A poll that meets a dead server ends with what it is: PostgreSQL (3), Kafka (4), time (5), or a
/// partition whose broker does not answer, or not yet all (9).
const CODES: [i32; 5] = [0, 3, 4, 5, 9];

/// How many rounds there are between two faults of each kind, about.
const ROUNDS: u32 = 12;

/// After this long everything is compared, and the next season begins with new topics: what is
/// wrong is found early, and memory is bounded.
const SEASON: Duration = Duration::from_secs(150);

const DEFAULT_SECONDS: u64 = 300;

#[test]
#[ignore = "long; `make soak` runs it"]
fn soak() {
    let seconds = std::env::var("SECONDS").map_or(DEFAULT_SECONDS, |text| {
        text.parse().expect("SECONDS is a number")
    });
    let over = Instant::now() + Duration::from_secs(seconds);
    let kafka = Box::leak(Box::new(Kafka::start(&KafkaOptions::default()).unwrap()));
    let postgres = Postgres::start(&PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    })
    .unwrap();
    let mut sum = Tally::default();
    let mut season_seed = seed();
    while Instant::now() < over {
        let storm = Storm::begin(kafka, postgres.create_database().unwrap(), season_seed);
        let end = over.min(Instant::now() + SEASON);
        let disturb = |random: &mut Random, tally: &mut Tally| {
            if random.below(ROUNDS) == 0 {
                tell("PostgreSQL is shut down at once");
                postgres.restart().unwrap();
                tally.faults += 1;
            }
            if random.below(ROUNDS) == 0 {
                tell("Kafka is killed");
                kafka.restart().unwrap();
                tally.faults += 1;
            }
        };
        let tally = storm.rage(&CODES, |_| Instant::now() >= end, disturb);
        tell(&format!("season {season_seed}: {tally}"));
        sum = sum.and(&tally);
        season_seed = season_seed.wrapping_add(1);
    }
    tell(&format!("soak: {sum}"));
    let due = KILLS_IN_HALF_AN_HOUR * seconds.min(HALF_AN_HOUR) / HALF_AN_HOUR;
    assert!(
        u64::try_from(sum.kills).unwrap() >= due,
        "{} kills of {due} that belong to {seconds} s",
        sum.kills
    );
}
