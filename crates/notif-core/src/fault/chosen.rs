//! What a test has chosen: where this process is killed or held, and which defects it has.
//!
//! `NOTIF_FAULT` is `kill:STEP` or `pause:STEP`. A step is the name of a `fault_point!`, or
//! `after-statement:N`: the N-th statement of the process is over, counted at diesel's own door, so
//! that no statement is forgotten. A kill is SIGKILL, as from outside: nothing is flushed, closed or
//! dropped. A pause is SIGSTOP, once; whoever watches lets the process go on by SIGCONT.
//!
//! `NOTIF_MUTATION` names defects, separated by commas.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use signal_hook::consts::{SIGKILL, SIGSTOP};
use signal_hook::low_level::raise;

#[derive(Debug, Default)]
struct Chosen {
    /// The signal, and where the process sends it to itself.
    fault: Option<(i32, String)>,
    mutations: Vec<String>,
}

static CHOSEN: OnceLock<Chosen> = OnceLock::new();
static STATEMENTS: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

/// Reads the choice. Without one, nothing happens.
///
/// A fault that is not understood is said on the log and does nothing: the test that wants it finds
/// its process alive.
pub fn choose(environment: &dyn Fn(&str) -> Option<String>) {
    let fault = environment("NOTIF_FAULT").and_then(|text| {
        let fault = match text.split_once(':') {
            Some(("kill", step)) => Some((SIGKILL, step.to_owned())),
            Some(("pause", step)) => Some((SIGSTOP, step.to_owned())),
            _ => None,
        };
        if fault.is_none() {
            log::error!("NOTIF_FAULT={text}: neither kill:STEP nor pause:STEP");
        }
        fault
    });
    let mutations = environment("NOTIF_MUTATION").unwrap_or_default();
    let chosen = Chosen {
        fault,
        mutations: mutations.split(',').map(str::to_owned).collect(),
    };
    if CHOSEN.set(chosen).is_err() {
        log::error!("faults are chosen once");
    }
    if let Err(error) = set_default_instrumentation(|| Some(Box::new(CountStatements))) {
        log::error!("statements are not counted: {error}");
    }
}

/// Does what was chosen for this step, where anything was.
pub fn reached(step: &str) {
    let chosen = CHOSEN.get().and_then(|chosen| chosen.fault.as_ref());
    let Some((signal, _)) = chosen.filter(|(_, at)| at == step) else {
        return;
    };
    if DONE.swap(true, Ordering::SeqCst) {
        return;
    }
    log::warn!("signal {signal} at {step}");
    if let Err(error) = raise(*signal) {
        log::error!("no signal {signal} at {step}: {error}");
    }
}

/// Is this defect switched on?
pub fn is_mutated(name: &str) -> bool {
    let chosen = CHOSEN.get();
    chosen.is_some_and(|chosen| chosen.mutations.iter().any(|known| known == name))
}

/// Makes each end of a statement a step.
#[derive(Debug)]
struct CountStatements;

impl Instrumentation for CountStatements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery { query, .. } = event {
            let number = STATEMENTS.fetch_add(1, Ordering::SeqCst).saturating_add(1);
            log::debug!("statement {number}: {query}");
            reached(&format!("after-statement:{number}"));
        }
    }
}
