//! Reads, asked by tests: run, and explained as the API's sessions plan them. Plans as text are in
//! `asked/plan.rs`.

pub(super) mod plan;

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use notif_testbed::TestDatabase;
use serde_json::Value;

use super::libpq::Connection;
use super::pool::SESSION;
use super::read::Statement;
use super::{Read, StoreError};

/// A session as the API has it.
pub(super) struct Asker {
    connection: Connection,
    explaining: PgConnection,
}

/// What PostgreSQL did for a read.
pub(super) struct Explained {
    /// The tree, as it prints it.
    pub(super) tree: Value,
    /// Milliseconds.
    pub(super) millis: f64,
}

#[derive(QueryableByName)]
struct Plan {
    /// It is JSON, whose bytes are those of its text.
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    json: String,
}

impl Asker {
    pub(super) fn of(database: &TestDatabase) -> Self {
        // a busy machine is no failure of a read
        let session = format!("{SESSION}; SET statement_timeout = 0");
        let mut connection = Connection::open(&database.url()).unwrap();
        connection.run_script(&session).unwrap();
        let mut explaining = database.connect().unwrap();
        explaining.batch_execute(&session).unwrap();
        Self {
            connection,
            explaining,
        }
    }

    /// Runs a read.
    pub(super) fn ask<T: 'static>(&mut self, read: Result<Read<T>, StoreError>) -> T {
        let (statement, understand) = read.unwrap().split();
        let Statement { sql, types, values } = &statement;
        self.connection.send_statement(sql, types, values).unwrap();
        while !self.connection.flush().unwrap() {}
        let answer = self.connection.take().unwrap();
        while self.connection.take().is_some() {}
        assert!(answer.is_good(), "{}: {sql}", answer.message());
        understand(&answer).unwrap()
    }

    /// Runs a read as a prepared statement, and tells how.
    pub(super) fn explain<T: 'static>(&mut self, read: Result<Read<T>, StoreError>) -> Explained {
        let statement = read.unwrap().split().0;
        let names: Vec<&str> = statement.types.iter().map(|oid| type_name(*oid)).collect();
        let literals: Vec<String> = names
            .iter()
            .zip(&statement.values)
            .map(|(name, value)| self.literal(name, value.clone()))
            .collect();
        self.explaining
            .batch_execute(&format!(
                "PREPARE asked ({}) AS {}",
                names.join(", "),
                statement.sql
            ))
            .unwrap();
        let explain = format!(
            "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE asked ({})",
            literals.join(", ")
        );
        let plan: Plan = diesel::sql_query(explain)
            .get_result(&mut self.explaining)
            .unwrap();
        let plan: Value = serde_json::from_str(&plan.json).unwrap();
        self.explaining.batch_execute("DEALLOCATE asked").unwrap();
        Explained {
            millis: plan[0]["Execution Time"].as_f64().unwrap(),
            tree: plan[0]["Plan"].clone(),
        }
    }

    /// A bound value as SQL text: PostgreSQL reads its bytes.
    fn literal(&mut self, type_name: &str, value: Option<Vec<u8>>) -> String {
        let sql = format!("SELECT quote_nullable(CAST($1 AS {type_name}))");
        let answer = self.connection.run(&sql, &vec![value]).unwrap();
        String::from_utf8(answer.value(0, 0).unwrap().to_vec()).unwrap()
    }
}

fn type_name(oid: u32) -> &'static str {
    match oid {
        20 => "bigint",
        23 => "int",
        25 => "text",
        1009 => "text[]",
        2950 => "uuid",
        other => panic!("a test binds a value of type {other}"),
    }
}

impl Explained {
    /// The nodes that read `notifications`: the index of each, its condition, and how many rows it
    /// looked at.
    pub(super) fn scans(&self) -> Vec<Scan> {
        let mut scans = Vec::new();
        collect(&self.tree, &mut scans);
        scans
    }

    /// How many rows of the table were looked at.
    pub(super) fn examined(&self) -> u64 {
        self.scans().iter().map(|scan| scan.examined).sum()
    }

    /// The names of all nodes.
    pub(super) fn nodes(&self) -> Vec<String> {
        let mut nodes = Vec::new();
        walk(&self.tree, &mut |node| {
            nodes.push(node["Node Type"].as_str().unwrap().to_owned());
        });
        nodes
    }
}

/// A node that reads `notifications`.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) index: String,
    pub(super) condition: String,
    pub(super) examined: u64,
}

fn collect(plan: &Value, scans: &mut Vec<Scan>) {
    walk(plan, &mut |node| {
        if node["Relation Name"] != "notifications" {
            return;
        }
        let number = |key: &str| node[key].as_f64().unwrap_or(0.0);
        let rows = number("Actual Rows") + number("Rows Removed by Filter");
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of rows"
        )]
        let examined = (rows * number("Actual Loops")).round() as u64;
        scans.push(Scan {
            index: node["Index Name"].as_str().unwrap_or("none").to_owned(),
            condition: node["Index Cond"].as_str().unwrap_or_default().to_owned(),
            examined,
        });
    });
}

fn walk(node: &Value, see: &mut impl FnMut(&Value)) {
    see(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, see);
    }
}
