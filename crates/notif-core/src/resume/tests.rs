//! Each line of the table of `resume`.

use super::*;
use crate::offset::EndOffset;

const DIVERGED: &str = "diverged";

fn at(offset: i64) -> NextOffset {
    NextOffset::at(offset)
}

fn shown(next: i64, stopped: Option<&str>, retired: bool) -> Shown {
    Shown {
        last: at(next).last_consumed(),
        generation: 0,
        stopped: stopped.map(str::to_owned),
        retired,
    }
}

fn offsets(low: i64, end: i64) -> Watermarks {
    Watermarks {
        low: at(low),
        end: EndOffset::at(end),
        high: EndOffset::at(end),
    }
}

fn parted(same_through: Option<i64>, differs_at: Option<i64>, begins: i64) -> Parting {
    Parting {
        same_through,
        differs_at,
        begins: at(begins),
    }
}

/// The log `low..end`, compared or not.
fn same(low: i64, end: i64, parting: Option<Parting>) -> LogNow {
    LogNow::Same(offsets(low, end), parting)
}

fn gap(from: i64, to: i64, reason: GapReason) -> Gap {
    Gap {
        from: at(from),
        to: at(to),
        reason,
    }
}

fn new_generation(begins: i64, ends_as: Option<Ending>, skipped: Vec<Gap>) -> Resumption {
    Resumption::NewGeneration {
        begins: at(begins),
        ends_as,
        skipped,
    }
}

#[test]
fn what_goes_on_anyway_is_not_resumed() {
    let refused = resume(&shown(5, None, false), None, Some(same(0, 9, None)));
    assert_eq!(refused, Err(Refusal::NotStopped));
}

#[test]
fn a_stop_in_the_same_log_is_tried_again_or_skipped_forward_only() {
    for reason in ["conflict", "corrupt", "refused"] {
        let shown = shown(5, Some(reason), false);
        assert_eq!(resume(&shown, None, None), Ok(Resumption::Retry));
        assert_eq!(
            resume(&shown, Some(at(5)), Some(same(0, 9, None))),
            Ok(Resumption::Retry)
        );
        let forward = Resumption::Forward {
            to: at(7),
            skipped: vec![gap(5, 7, GapReason::Operator)],
        };
        assert_eq!(
            resume(&shown, Some(at(7)), Some(same(0, 9, None))),
            Ok(forward)
        );
        assert_eq!(
            resume(&shown, Some(at(4)), Some(same(0, 9, None))),
            Err(Refusal::Backward { at: 4, next: 5 })
        );
        assert_eq!(
            resume(&shown, Some(at(10)), Some(same(0, 9, None))),
            Err(Refusal::BehindEnd { at: 10, end: 9 })
        );
    }
}

#[test]
fn what_kafka_deleted_during_the_stop_is_a_loss_and_no_choice_of_the_operator() {
    let shown = shown(5, Some("corrupt"), false);
    let skipped = vec![
        gap(5, 7, GapReason::Retention),
        gap(7, 8, GapReason::Operator),
    ];
    assert_eq!(
        resume(&shown, Some(at(8)), Some(same(7, 9, None))),
        Ok(Resumption::Forward { to: at(8), skipped })
    );
    // the operator's offset is gone too: the next poll finds the rest of the loss
    let skipped = vec![gap(5, 6, GapReason::Retention)];
    assert_eq!(
        resume(&shown, Some(at(6)), Some(same(7, 9, None))),
        Ok(Resumption::Forward { to: at(6), skipped })
    );
}

#[test]
fn a_log_that_parted_goes_on_in_a_new_generation_from_there() {
    let shown = shown(9, Some(DIVERGED), false);
    let log = Some(same(0, 20, Some(parted(Some(3), Some(4), 4))));
    assert_eq!(
        resume(&shown, None, log),
        Ok(new_generation(4, Some(Ending::Diverged), vec![]))
    );
    assert_eq!(
        resume(&shown, Some(at(12)), log),
        Ok(new_generation(
            12,
            Some(Ending::Diverged),
            vec![gap(4, 12, GapReason::Operator)]
        ))
    );
    assert_eq!(
        resume(&shown, Some(at(3)), log),
        Err(Refusal::Backward { at: 3, next: 4 })
    );
    assert_eq!(
        resume(&shown, Some(at(21)), log),
        Err(Refusal::BehindEnd { at: 21, end: 20 })
    );
}

#[test]
fn a_stop_that_saw_another_record_holds_where_nothing_can_be_compared_any_more() {
    let shown = shown(9, Some(DIVERGED), false);
    let log = Some(same(15, 20, Some(parted(None, None, 15))));
    assert_eq!(
        resume(&shown, None, log),
        Ok(new_generation(15, Some(Ending::Diverged), vec![]))
    );
}

#[test]
fn a_log_that_is_whole_again_goes_on_in_its_generation() {
    let shown = shown(9, Some(DIVERGED), false);
    let log = Some(same(0, 20, Some(parted(Some(8), None, 9))));
    assert_eq!(resume(&shown, None, log), Ok(Resumption::Retry));
}

#[test]
fn a_topic_that_was_created_anew_is_left_to_the_next_poll() {
    let log = Some(LogNow::Recreated(offsets(0, 3)));
    for reason in [DIVERGED, "corrupt"] {
        let shown = shown(9, Some(reason), false);
        assert_eq!(resume(&shown, None, log), Ok(Resumption::Retry));
        assert_eq!(resume(&shown, Some(at(2)), log), Err(Refusal::Recreated));
    }
}

#[test]
fn a_retired_partition_is_watched_again_in_a_new_generation() {
    let retired = shown(9, None, true);
    let whole = |low, end| Some(same(low, end, Some(parted(Some(8), None, 9))));
    assert_eq!(
        resume(&retired, None, whole(0, 20)),
        Ok(new_generation(9, None, vec![]))
    );
    let nothing_left = Some(same(15, 20, Some(parted(None, None, 15))));
    assert_eq!(
        resume(&retired, None, nothing_left),
        Ok(new_generation(
            15,
            None,
            vec![gap(9, 15, GapReason::Retired)]
        ))
    );
    assert_eq!(
        resume(&retired, Some(at(17)), nothing_left),
        Ok(new_generation(
            17,
            None,
            vec![
                gap(9, 15, GapReason::Retired),
                gap(15, 17, GapReason::Operator)
            ]
        ))
    );
    let cut = Some(same(0, 4, Some(parted(Some(3), Some(4), 4))));
    assert_eq!(
        resume(&retired, None, cut),
        Ok(new_generation(4, None, vec![]))
    );
    let anew = Some(LogNow::Recreated(offsets(2, 4)));
    assert_eq!(
        resume(&retired, None, anew),
        Ok(new_generation(2, None, vec![gap(0, 2, GapReason::Retired)]))
    );
    assert_eq!(resume(&retired, None, None), Err(Refusal::Absent));
}

#[test]
fn a_retired_partition_that_had_stopped_goes_on_as_its_stop_says() {
    let both = shown(9, Some(DIVERGED), true);
    let log = Some(same(0, 20, Some(parted(Some(3), Some(4), 4))));
    assert_eq!(
        resume(&both, None, log),
        Ok(new_generation(4, None, vec![]))
    );
}

#[test]
fn a_mixed_partition_begins_with_the_new_log_or_where_the_operator_says_and_ends_the_old_one() {
    let shown = shown(5, Some("mixed"), false);
    let ends = Some(Ending::Recreated);
    let new_log = || Some(LogNow::Recreated(offsets(2, 9)));
    assert_eq!(
        resume(&shown, None, new_log()),
        Ok(new_generation(
            2,
            ends,
            vec![gap(0, 2, GapReason::Retention)]
        ))
    );
    assert_eq!(
        resume(&shown, Some(at(5)), new_log()),
        Ok(new_generation(
            5,
            ends,
            vec![
                gap(0, 2, GapReason::Retention),
                gap(2, 5, GapReason::Operator)
            ]
        ))
    );
    assert_eq!(
        resume(&shown, Some(at(10)), new_log()),
        Err(Refusal::BehindEnd { at: 10, end: 9 })
    );
    assert_eq!(resume(&shown, None, None), Err(Refusal::Absent));
    // the old topic came back: nothing of it was read wrongly since
    assert_eq!(
        resume(&shown, None, Some(same(0, 9, None))),
        Ok(Resumption::Retry)
    );
}
