//! Clocks that are wrong: the poller's is never asked, and PostgreSQL's may be set back. No row is
//! lost, the order stays, and the record is never said to be fresher than it is.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use notif_testbed::postgres::{Postgres, PostgresOptions};
use notif_testbed::process;

use crate::truth::assert_recorded;
use crate::world::{Report, World};

const LIMIT: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;

/// Another time of day for programs that are started with it; see `clock/skew.c`.
struct Clock {
    folder: PathBuf,
    skew: File,
}

impl Clock {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(notif_testbed::unique("notif-clock"));
        fs::create_dir(&folder).unwrap();
        // the server runs as another user
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-Wall", "-Werror", "-x", "c", "-o"])
            .arg(folder.join("skew.so"))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/poll/clock/skew.c"
            ));
        process::run(&mut cc, LIMIT).unwrap().success().unwrap();
        let file = folder.join("skew");
        fs::write(&file, 0_i64.to_ne_bytes()).unwrap();
        let skew = File::options().write(true).open(&file).unwrap();
        Self { folder, skew }
    }

    /// Sets it to so many seconds off the true time.
    fn set(&self, seconds: i64) {
        self.skew.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    fn environment(&self) -> [(String, String); 2] {
        let path = |name: &str| self.folder.join(name).display().to_string();
        [
            ("LD_PRELOAD".to_owned(), path("skew.so")),
            ("NOTIF_SKEW_FILE".to_owned(), path("skew")),
        ]
    }

    /// The day that a program sees.
    fn day(&self) -> String {
        let mut date = Command::new("date");
        date.args(["-u", "+%F"]).envs(self.environment());
        let day = process::run(&mut date, LIMIT).unwrap().success().unwrap();
        day.trim().to_owned()
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        // the system's temporary folder is emptied by others too
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// What each row, batch, run and partition says of time, against PostgreSQL's clock now.
fn assert_times_are_postgresqls(world: &World) {
    let wrong = "SELECT (SELECT count(*) FROM notifications JOIN batches USING (batch_id) \
        WHERE created_at NOT BETWEEN committed_at - interval '1 min' AND committed_at \
           OR occurred_at <> to_timestamp(kafka_timestamp_ms / 1000.0)) \
        + (SELECT count(*) FROM poll_runs WHERE started_at > ended_at \
           OR ended_at NOT BETWEEN clock_timestamp() - interval '10 min' AND clock_timestamp()) \
        + (SELECT count(*) FROM kafka_offsets WHERE drained_through > clock_timestamp() \
           OR drained_through < clock_timestamp() - interval '10 min')";
    assert_eq!(world.number(wrong), 0);
}

/// Rows in the order of their ids stand in the order of their offsets.
fn assert_order_of_ids(world: &World) {
    let swapped = "SELECT count(*) FROM (SELECT source_offset, lag(source_offset) OVER \
        (PARTITION BY source_partition ORDER BY notification_id) AS before \
        FROM notifications) o WHERE before >= source_offset";
    assert_eq!(world.number(swapped), 0);
}

/// Rows in the order in which readers may see them stand in the order of their offsets.
fn assert_order_of_commits(world: &World) {
    let swapped = "SELECT count(*) FROM (SELECT source_offset, lag(source_offset) OVER \
        (PARTITION BY source_partition ORDER BY commit_seq, source_offset) AS before \
        FROM notifications JOIN batches USING (batch_id)) o WHERE before >= source_offset";
    assert_eq!(world.number(swapped), 0);
}

#[test]
fn a_poller_whose_clock_is_a_day_off_records_the_same_times_as_any_other() {
    let clock = Clock::new();
    let world = World::with_topics(1);
    let today = clock.day();
    for skew in [0, DAY, -DAY] {
        clock.set(skew);
        assert_eq!(clock.day() == today, skew == 0);
        world.produce_numbers(30);
        let report = Report::of(
            world
                .command()
                .envs(clock.environment())
                .env("RUST_LOG", "debug")
                .args(["-X", "debug=metadata"]),
        );
        report.expect("drained", 0, 30);
        // the client's log alone has the host's time: `%7|seconds.milliseconds|...`
        let seconds = report.stderr.split(['|', '.']).nth(1).unwrap();
        let off = seconds.parse::<i64>().unwrap()
            - world.number("SELECT extract(epoch FROM clock_timestamp())");
        assert!((off - skew).abs() < 600, "{off} instead of {skew}");
        let started = report.json["startedAt"].as_str().unwrap();
        assert!(started.starts_with(&today), "{started}");
    }
    assert_times_are_postgresqls(&world);
    assert_order_of_ids(&world);
    assert_recorded(&world, world.topic(), None);
}

/// Up to five minutes back the records' own times are believed as ever. Further back they lie in the
/// future, and the time of recording stands in for them: what was recorded stays whole and in the
/// order of commits.
#[test]
fn a_clock_of_postgresql_that_is_set_back_loses_nothing_and_makes_nothing_fresher_than_it_is() {
    let clock = Clock::new();
    let server = Postgres::start(&PostgresOptions {
        environment: clock.environment().to_vec(),
        ..PostgresOptions::default()
    })
    .unwrap();
    let world = World {
        database: server.create_database().unwrap(),
        ..World::with_topics(1)
    };
    let ahead = "SELECT count(*) FROM kafka_offsets \
        WHERE drained_through IS NULL OR drained_through > clock_timestamp()";
    for skew in [0, -120] {
        clock.set(skew);
        world.produce_numbers(30);
        world.poll().expect("drained", 0, 30);
        assert_eq!(world.number(ahead), 0, "{skew}");
        assert_order_of_ids(&world);
    }
    let behind_the_times = "SELECT count(*) FROM notifications \
        WHERE occurred_at <> to_timestamp(kafka_timestamp_ms / 1000.0)";
    assert_eq!(world.number(behind_the_times), 0);

    clock.set(-DAY);
    world.produce_numbers(30);
    world.poll().expect("drained", 0, 30);
    assert_eq!(world.number(ahead), 0);
    assert_eq!(world.number(behind_the_times), 30);
    world.poll().expect("nothing", 0, 0);
    assert_eq!(world.number(ahead), 0);

    clock.set(0);
    world.produce_numbers(30);
    world.poll().expect("drained", 0, 30);
    assert_eq!(world.number(ahead), 0);
    assert_order_of_commits(&world);
    assert_recorded(&world, world.topic(), None);
}
