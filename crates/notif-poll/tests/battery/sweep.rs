//! Killed at every step, one after the other: the next run makes it good.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use notif_testbed::postgres::TestDatabase;
use notif_testbed::proxy::Proxy;
use notif_testbed::wait::wait_until;

use crate::check::compare;
use crate::scene::Scene;
use crate::tell::tell;
use crate::world::Ended;

/// The named steps of a run that has something to read.
const STEPS: [&str; 7] = [
    "after-metadata",
    "after-claims",
    "before-batch",
    "before-commit",
    "before-mirror",
    "after-mirror",
    "before-run-end",
];

/// How many kills are tried side by side. Most of a poll is waiting.
const AT_ONCE: usize = 4;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_run_killed_at_any_step_is_made_good_by_the_next() {
    let started = Instant::now();
    let scene = Scene::prepare();
    let steps = STEPS.len();
    let named = AtomicUsize::new(0);
    sweep(|number| {
        let Some(step) = STEPS.get(number - 1) else {
            return false;
        };
        let killed = die_at(&scene, &format!("kill:{step}"));
        assert!(killed, "no run came to {step}");
        named.fetch_add(1, Ordering::SeqCst);
        true
    });
    let statements = sweep(|number| die_at(&scene, &format!("kill:after-statement:{number}")));
    let commits = sweep(|number| die_before_the_answer(&scene, number));
    assert_eq!(named.into_inner(), steps);
    assert!(statements > 30, "{statements} statements");
    // first rows, the new generation, at least two batches, the end of the run
    assert!(commits >= 5, "{commits} commits");
    let kills = steps + statements + commits;
    tell(&format!(
        "kill sweep: {kills} kills ({steps} named steps, {statements} statements, {commits} commits \
         without an answer), {} records compared, in {:.0} s",
        kills * scene.truth.len(),
        started.elapsed().as_secs_f64()
    ));
}

/// Tries 1, 2, 3, ... until one finds that there is no such step; how many there were.
fn sweep(attempt: impl Fn(usize) -> bool + Sync) -> usize {
    let next = AtomicUsize::new(1);
    let over = AtomicBool::new(false);
    let tried = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if attempt(next.fetch_add(1, Ordering::SeqCst)) {
                        tried.fetch_add(1, Ordering::SeqCst);
                    } else {
                        over.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    tried.into_inner()
}

/// A run that dies there; whether it did. What it left must be made good by the next.
fn die_at(scene: &Scene, fault: &str) -> bool {
    let database = scene.begun.copy().unwrap();
    let first = scene.world.poll_with(&database, fault);
    make_good(scene, &database, &first, fault);
    first.was_killed()
}

/// A run that is killed when PostgreSQL has done its `number`-th COMMIT, before the answer comes to
/// it; whether there were that many.
fn die_before_the_answer(scene: &Scene, number: usize) -> bool {
    let database = scene.begun.copy().unwrap();
    let port = database.server().port();
    let proxy = Proxy::to(port).unwrap();
    // a simple query ends with NUL
    proxy.hold_answers_after(b"COMMIT\0", number);
    let url = database.url();
    let through_proxy = url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
    assert_ne!(url, through_proxy);
    let mut poll = scene
        .world
        .command(&database)
        .env("DATABASE_URL", through_proxy)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("a held answer, or the end of the run", LIMIT, || {
        proxy.holds_answers() || poll.try_wait().unwrap().is_some()
    })
    .unwrap();
    if proxy.holds_answers() {
        wait_until("the commit", LIMIT, || is_idle(&database)).unwrap();
        poll.kill().unwrap();
    }
    let first = Ended::from_output(poll.wait_with_output().unwrap());
    drop(proxy);
    let what = format!("kill before the answer to COMMIT {number}");
    make_good(scene, &database, &first, &what);
    first.was_killed()
}

/// Is nobody in a transaction or a statement?
fn is_idle(database: &TestDatabase) -> bool {
    let busy = database.number(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'",
    );
    busy.unwrap() == 0
}

fn make_good(scene: &Scene, database: &TestDatabase, first: &Ended, what: &str) {
    let told = database.number(
        "SELECT count(*) FROM capture_gaps WHERE announced_run IS NOT NULL \
         AND reason <> 'before-first-poll'",
    );
    // what the dead run could not tell of is told by the next
    let code = if told.unwrap() == scene.truth.told() {
        0
    } else {
        6
    };
    let second = scene.world.poll(database);
    let proved = second
        .expect(code)
        .and_then(|_| compare(database, &scene.truth))
        .and_then(|_| scene.world.verify(database, &[]).expect(0).map(drop));
    if let Err(wrong) = proved {
        panic!("{what}: {wrong}\nthe first run: {first:?}\nreplay: NOTIF_FAULT={what}");
    }
}
