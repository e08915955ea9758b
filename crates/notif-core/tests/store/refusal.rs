//! Which rows of a batch are refused, and whose fault that is; nothing is written by asking.

use notif_core::store::refusal::{Fault, Refusal};
use notif_testbed::TestDatabase;

use crate::fixture::{batch, begin, database, session, slice, watch};

fn refuse_offset(database: &TestDatabase, offset: i64, code: &str) {
    database
        .execute(&format!(
            "CREATE FUNCTION refuse_{offset}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               IF NEW.source_offset = {offset} THEN RAISE EXCEPTION 'not here' \
               USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER refuse_{offset} BEFORE INSERT ON notifications \
               FOR EACH ROW EXECUTE FUNCTION refuse_{offset}()"
        ))
        .unwrap();
}

fn seen(refusals: &[Refusal]) -> Vec<(i32, usize, i64, Fault)> {
    let seen = |refusal: &Refusal| {
        let partition = refusal.id.partition;
        (partition, refusal.row, refusal.offset, refusal.fault)
    };
    refusals.iter().map(seen).collect()
}

#[test]
fn each_refused_row_is_named_and_the_others_are_not() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0, 1]);
    let tried = batch([slice(0, 10..14), slice(1, 20..22)]);
    assert_eq!(session.batch_try(&tried, &|| true).unwrap(), Some(vec![]));

    refuse_offset(&database, 11, "22023");
    refuse_offset(&database, 13, "54000");
    refuse_offset(&database, 20, "P0001");
    database
        .execute("ALTER TABLE notifications ADD CONSTRAINT low CHECK (source_offset <> 21)")
        .unwrap();
    let refusals = session.batch_try(&tried, &|| true).unwrap().unwrap();
    assert_eq!(
        seen(&refusals),
        [
            (0, 1, 11, Fault::Record),
            (0, 3, 13, Fault::Record),
            (1, 0, 20, Fault::Addition),
            (1, 1, 21, Fault::Addition),
        ]
    );
    assert!(refusals[3].words.contains("constraint low"), "{refusals:?}");
    let stored = database.number("SELECT count(*) FROM notifications");
    assert_eq!(stored.unwrap(), 0);
}

#[test]
fn a_refusal_of_the_environment_says_nothing_about_the_rows() {
    let database = database();
    let session = session(&database);
    // out of disk space is of class 53
    refuse_offset(&database, 11, "53100");
    let tried = batch([slice(0, 10..14)]);
    let error = session.batch_try(&tried, &|| true).unwrap_err();
    assert!(error.to_string().contains("53100"), "{error}");
}

#[test]
fn a_position_that_is_recorded_is_nobodys_fault_and_named() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    let mut recorded = batch([slice(0, 0..2)]);
    session.batch_commit(run, &mut recorded).unwrap();
    let again = batch([slice(0, 1..4)]);
    let refusals = session.batch_try(&again, &|| true).unwrap().unwrap();
    assert_eq!(seen(&refusals), [(0, 0, 1, Fault::Recorded)]);
}

#[test]
fn it_ends_when_it_is_told_to() {
    let database = database();
    let session = session(&database);
    let tried = batch([slice(0, 10..14)]);
    assert_eq!(session.batch_try(&tried, &|| false).unwrap(), None);
}

#[test]
fn a_slice_that_is_cut_holds_what_stood_before() {
    let mut cut = slice(0, 10..14);
    cut.cut_before(2);
    let mut expected = slice(0, 10..12);
    // the fixture's witness has a time of its own, the row that of the record
    if let Some(witness) = &mut expected.witness {
        witness.timestamp_ms = Some(1_772_366_400_000);
    }
    // twelve bytes are what the fixture says each value has
    expected.value_bytes = cut.value_bytes;
    assert_eq!(cut.value_bytes, 2 * 12);
    assert_eq!(cut, expected);
    cut.cut_before(0);
    assert!(cut.rows.is_empty());
    assert!(!cut.moves());
    assert_eq!(cut.witness, None);
}
