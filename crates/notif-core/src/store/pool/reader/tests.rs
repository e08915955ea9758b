//! Several questions under way on one connection: what happens to one is nothing to the others.

use std::time::Duration;

use notif_testbed::{Postgres, TestDatabase, wait_for};

use super::*;
use crate::store::DatabaseUrl;

const LIMIT: Duration = Duration::from_secs(20);

struct World {
    reader: Reader,
    database: TestDatabase,
}

impl World {
    fn new() -> Self {
        let database = Postgres::shared().create_database().unwrap();
        let options = PoolOptions {
            url: DatabaseUrl::parse(&database.url()).unwrap(),
            readers: 1,
            writers: 1,
            prepared_statements: true,
        };
        let reader = Readers::new(&options, Arc::default()).connect().unwrap();
        Self { reader, database }
    }

    fn ask(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.reader.ask(statement).unwrap();
        }
    }

    /// The next answer: its only value, or what went wrong.
    fn hear(&mut self) -> Result<String, StoreError> {
        let answered = wait_for("an answer", LIMIT, || match self.reader.advance() {
            Ok(Progress::Answered(answer)) => Some(Ok(answer)),
            Ok(Progress::Waiting(_)) => None,
            Err(error) => Some(Err(error)),
        });
        let value = |answer: Answer| answer.value(0, 0).unwrap_or_default().to_vec();
        answered
            .unwrap()
            .map(|answer| String::from_utf8(value(answer)).unwrap())
    }

    /// Every answer.
    fn hear_all(&mut self) -> Vec<Result<String, StoreError>> {
        let mut heard = Vec::new();
        while self.reader.asking() > 0 {
            heard.push(self.hear());
        }
        heard
    }

    /// Asks for one thing after the other has been answered.
    fn exchange(&mut self, statement: Statement) -> Result<String, StoreError> {
        self.ask(&[statement]);
        self.hear()
    }

    /// Calls one of the functions that send a signal to a server process.
    fn signal(&self, function: &str, pid: &str) {
        let sent = self
            .database
            .number(&format!("SELECT {function}({pid})::int"));
        assert_eq!(sent.unwrap(), 1);
    }
}

fn statement(sql: &str) -> Statement {
    with(sql, None)
}

/// A statement with one value, a number as text.
fn with(sql: &str, value: Option<&str>) -> Statement {
    const TEXT: u32 = 25;
    Statement {
        sql: sql.into(),
        types: value.iter().map(|_| TEXT).collect(),
        values: value.iter().map(|v| Some(v.as_bytes().to_vec())).collect(),
    }
}

fn text(value: &str) -> Statement {
    with("SELECT $1", Some(value))
}

/// Is it the word of a server that refuses this one thing?
fn is_refused(outcome: &Result<String, StoreError>, about: &str) -> bool {
    matches!(outcome, Err(StoreError::Refused(words)) if words.contains(about))
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let mut world = World::new();
    let values: Vec<String> = (0..100).map(|n| format!("{n} {}", "x".repeat(n))).collect();
    let questions: Vec<Statement> = values.iter().map(|value| text(value)).collect();
    world.ask(&questions);
    let heard: Vec<String> = world.hear_all().into_iter().map(Result::unwrap).collect();
    assert_eq!(heard, values);
    assert!(!world.reader.is_broken());
}

#[test]
fn what_is_refused_does_no_harm_to_what_comes_behind_it() {
    let mut world = World::new();
    let inverse = |of| with("SELECT (1 / $1::int)::text", Some(of));
    world.ask(&[
        text("a"),
        inverse("0"),
        text("b"),
        inverse("1"),
        inverse("0"),
    ]);
    let heard = world.hear_all();
    let [first, refused, second, third, again] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    assert_eq!(first.as_ref().unwrap(), "a");
    assert!(is_refused(refused, "division by zero"), "{refused:?}");
    assert_eq!(second.as_ref().unwrap(), "b");
    assert_eq!(third.as_ref().unwrap(), "1");
    assert!(is_refused(again, "division by zero"), "{again:?}");
    // one statement is prepared once, also where its first run failed: they would pile up
    assert_eq!(world.exchange(inverse("1")).unwrap(), "1");
    let prepared =
        "SELECT count(*)::text FROM pg_prepared_statements WHERE statement LIKE '%(1 /%'";
    // itself too
    assert_eq!(world.exchange(statement(prepared)).unwrap(), "2");
}

#[test]
fn what_is_asked_together_is_answered_one_by_one() {
    let mut world = World::new();
    let numbers: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let questions: Vec<Statement> = numbers.iter().map(|number| text(number)).collect();
    for together in [1, 2, 3, 10] {
        for questions in questions.chunks(together) {
            world.reader.ask_together(questions).unwrap();
        }
        let heard: Vec<String> = world.hear_all().into_iter().map(Result::unwrap).collect();
        assert_eq!(heard, numbers);
    }
    world.reader.ask_together([]).unwrap();
    assert_eq!(world.reader.asking(), 0);
    assert_eq!(world.exchange(text("a")).unwrap(), "a");
}

#[test]
fn what_is_asked_together_with_something_that_fails_is_skipped_behind_it_and_only_there() {
    let mut world = World::new();
    let bad = || with("SELECT (1 / $1::int)::text", Some("0"));
    // its statement is prepared by the one that is skipped, which then is not
    let other = || with("SELECT 'other ' || $1", Some("b"));
    world
        .reader
        .ask_together(&[text("a"), bad(), other(), text("c")])
        .unwrap();
    world.reader.ask_together(&[text("d"), other()]).unwrap();
    world.reader.ask_together(&[text("e")]).unwrap();
    let heard = world.hear_all();
    let [good, refused, skipped, skipped_too, next, void, last] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    assert_eq!(good.as_ref().unwrap(), "a");
    assert!(is_refused(refused, "division by zero"), "{refused:?}");
    for again in [skipped, skipped_too, void] {
        assert!(
            matches!(again, Err(StoreError::Unreachable(_))),
            "{again:?}"
        );
    }
    assert_eq!(next.as_ref().unwrap(), "d");
    assert_eq!(last.as_ref().unwrap(), "e");
    assert!(!world.reader.is_broken());
    assert_eq!(world.exchange(other()).unwrap(), "other b");
    // what is prepared of the others is still good
    let prepared = statement("SELECT count(*)::text FROM pg_prepared_statements");
    world.exchange(text("a")).unwrap();
    assert_eq!(world.exchange(prepared).unwrap(), "4");
}

#[test]
fn what_cannot_be_prepared_does_no_harm_to_what_comes_behind_it() {
    let mut world = World::new();
    let nothing = || statement("SELECT nothing_of_this_name::text");
    world.ask(&[nothing(), nothing(), text("a"), nothing()]);
    let heard = world.hear_all();
    let [refused, void, good, void_too] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    assert!(is_refused(refused, "nothing_of_this_name"), "{refused:?}");
    // they were to be run under the name that the first one had no success with: ask again
    for void in [void, void_too] {
        assert!(matches!(void, Err(StoreError::Unreachable(_))), "{void:?}");
    }
    assert_eq!(good.as_ref().unwrap(), "a");
    assert!(!world.reader.is_broken());
    let again = world.exchange(nothing());
    assert!(is_refused(&again, "nothing_of_this_name"), "{again:?}");
}

#[test]
fn each_question_has_the_time_of_a_statement_for_itself() {
    let mut world = World::new();
    // together longer than the limit of 2 s
    let naps = [(); 3].map(|()| statement("SELECT pg_sleep(0.8)::text"));
    world.ask(&naps);
    world.reader.ask_together(&naps).unwrap();
    for heard in world.hear_all() {
        heard.unwrap();
    }
}

#[test]
fn one_that_is_cancelled_is_the_only_one() {
    let mut world = World::new();
    let pid = world.exchange(statement("SELECT pg_backend_pid()::text"));
    let pid = pid.unwrap();
    let nap = || statement("SELECT pg_sleep(60)::text");
    world.ask(&[nap(), text("a")]);
    let napping = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'"
    );
    wait_for("the nap", LIMIT, || {
        (world.database.number(&napping).unwrap() == 1).then_some(())
    })
    .unwrap();
    world.signal("pg_cancel_backend", &pid);
    let cancelled = world.hear();
    assert!(is_refused(&cancelled, "user request"), "{cancelled:?}");
    assert_eq!(world.hear().unwrap(), "a");
}

#[test]
fn with_the_connection_all_that_was_asked_is_lost() {
    let mut world = World::new();
    let pid = world.exchange(statement("SELECT pg_backend_pid()::text"));
    world.ask(&[statement("SELECT pg_sleep(60)::text"), text("a"), text("b")]);
    world.signal("pg_terminate_backend", &pid.unwrap());
    let lost = world.hear();
    assert!(matches!(lost, Err(StoreError::Unreachable(_))), "{lost:?}");
    assert!(world.reader.is_broken());
    assert_eq!(world.reader.asking(), 0, "nobody may wait for an answer");
}
