//! Requests that share a connection to PostgreSQL: each gets its own answer, whoever else is about.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use notif_testbed::{process, wait_for};

use crate::rows::{Row, insert};
use crate::server::World;

const LIMIT: Duration = Duration::from_secs(20);

/// Sends a signal to a process.
fn signal(name: &str, pid: &str) {
    let sent = process::run(Command::new("kill").args(["-s", name, pid]), LIMIT).unwrap();
    sent.success().unwrap();
}

/// A server process that is stopped, until this is dropped.
struct Stopped(String);

impl Stopped {
    fn new(pid: String) -> Self {
        signal("STOP", &pid);
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

#[test]
fn a_server_process_that_stops_holds_nobody_up() {
    let world = World::with(|config| config.pool_size = 3);
    world.sql(&Row::new(1).text("order_id", "o-1").insert());
    let is_over = AtomicBool::new(false);
    // less than it takes to give a silent connection up
    let ask = || {
        let started = Instant::now();
        let answer = world.server.get("/order/o-1/latest");
        assert_eq!(answer.status, 200, "{answer}");
        let took = started.elapsed();
        assert!(took < Duration::from_secs(4), "{took:?}");
    };
    std::thread::scope(|scope| {
        // so that the line is never without a question for long, and keeps its connection
        let asking = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                ask();
            }
        });
        let serving = "SELECT pid FROM pg_stat_activity WHERE application_name = 'notif-api' \
                       AND datname = current_database() AND query LIKE '%event_bytes <= %' \
                       ORDER BY query_start DESC LIMIT 1";
        let pid = wait_for("a line", LIMIT, || {
            Some(world.sql(serving)).filter(|pid| !pid.is_empty())
        });
        let stopped = Stopped::new(pid.unwrap());
        let others: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..5).for_each(|_| ask())))
            .collect();
        let all_served = others.into_iter().all(|other| other.join().is_ok());
        drop(stopped);
        ask();
        is_over.store(true, Ordering::Relaxed);
        assert!(asking.join().is_ok() && all_served);
    });
}

#[test]
fn each_gets_its_own_answer_however_many_go_away() {
    let world = World::with(|config| config.pool_size = 6);
    let orders = 30;
    let rows: Vec<Row> = (0..orders)
        .map(|order| {
            let row = Row::new(order)
                .text("order_id", &format!("o-{order}"))
                .text("customer_id", &format!("c-{order}"));
            // some are too large for a connection that others wait for
            let large = match order % 10 {
                9 => 32_000 + 100 * order,
                8 => 65_450 + 5 * order,
                _ => return row,
            };
            row.event(format!(
                r#"'{{"payload": "' || repeat('x', {large}) || '"}}'"#
            ))
        })
        .collect();
    world.sql(&insert(&rows));
    let path = |order, is_page| {
        if is_page {
            format!("/customer/c-{order}/notifications")
        } else {
            format!("/order/o-{order}/latest")
        }
    };
    std::thread::scope(|scope| {
        for client in 0..6 {
            let world = &world;
            scope.spawn(move || {
                for round in 0..orders {
                    let order = (client * 7 + round) % orders;
                    let path = path(order, (client + round / 2) % 2 == 0);
                    if (client + round) % 3 == 0 {
                        let mut gone = TcpStream::connect(world.server.address()).unwrap();
                        let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
                        gone.write_all(head.as_bytes()).unwrap();
                        continue;
                    }
                    let answer = world.server.get(&path);
                    assert_eq!(answer.status, 200, "{answer}");
                    let json = answer.json();
                    let object = json.as_array().map_or(&json, |page| &page[0]);
                    assert_eq!(object["orderId"], format!("o-{order}"));
                    assert_eq!(object["sourceOffset"], order);
                }
            });
        }
    });
}
