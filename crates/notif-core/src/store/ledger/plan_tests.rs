//! No look at the ledgers reads the whole of one: each goes by an index, from its newest end, and stops.

use diesel::connection::SimpleConnection;
use notif_testbed::Postgres;

use super::*;
use crate::store::asked::plan;
use crate::store::pool::SESSION;

/// A month of polls every ten seconds, and more losses than anybody will have.
const LEDGERS: &str = "INSERT INTO poll_runs (started_at, deadline_at, ended_at, outcome, exit_code, \
     host, version) SELECT c, c + interval '50 s', c + interval '1 s', 'failed', 3, 'h', '0.1.0' FROM \
     (SELECT now() - n * interval '10 s' AS c FROM generate_series(259200, 1, -1) AS n) AS began; \
     INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, reason, \
     recorded_by) SELECT 'orders', 0, 0, n, n, 'retention', 'notif-poll' \
     FROM generate_series(1, 150000) AS n; \
     ANALYZE poll_runs; ANALYZE capture_gaps";

struct Ledgers {
    conn: PgConnection,
    _database: notif_testbed::TestDatabase,
}

impl Ledgers {
    fn new() -> Self {
        let database = Postgres::shared().create_database().unwrap();
        let mut conn = database.connect().unwrap();
        conn.batch_execute(LEDGERS).unwrap();
        conn.batch_execute(SESSION).unwrap();
        Self {
            conn,
            _database: database,
        }
    }

    /// How a read was done, by the API's sessions.
    fn plan<T: 'static>(
        &mut self,
        read: Result<Read<T>, StoreError>,
        types: &str,
        values: &str,
    ) -> String {
        plan::prepare(&mut self.conn, read, types);
        let explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE asked";
        let plan = plan::explained(&mut self.conn, &format!("{explain} {values}"));
        self.conn.batch_execute("DEALLOCATE asked").unwrap();
        plan
    }
}

/// The most rows that one step of a plan gave.
fn most_rows(plan: &str) -> u64 {
    let rows = plan.lines().filter_map(|line| {
        let (_, actual) = line.split_once("(actual rows=")?;
        actual.split(' ').next()?.parse::<u64>().ok()
    });
    rows.max().unwrap()
}

#[test]
fn a_page_reads_its_own_rows_however_long_the_ledger_is() {
    let mut ledgers = Ledgers::new();
    for before in [None, Some(100_000)] {
        let query = LedgerQuery { limit: 50, before };
        let values = format!("({}, 51)", before.unwrap_or(i64::MAX));
        let runs = ledgers.plan(run_page(query), "bigint, bigint", &values);
        assert!(runs.contains("using poll_runs_pkey on poll_runs"), "{runs}");
        let gaps = ledgers.plan(gap_page(query), "bigint, bigint", &values);
        assert!(
            gaps.contains("using capture_gaps_pkey on capture_gaps"),
            "{gaps}"
        );
        for plan in [runs, gaps] {
            assert!(!plan.contains("Sort") && most_rows(&plan) == 51, "{plan}");
        }
    }
    let vitals = ledgers.plan(vitals_get(), "smallint[]", "('{0,5,6}')");
    assert!(!vitals.contains("Seq Scan"), "{vitals}");
    assert!(
        vitals.contains("using poll_runs_started on poll_runs"),
        "{vitals}"
    );
    // the bound of each part: no run of the month ended well, all losses are of one kind
    assert_eq!(most_rows(&vitals), 100_000, "{vitals}");
}
