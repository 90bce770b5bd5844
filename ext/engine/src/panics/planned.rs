//! Panics that a test plans for background tasks.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::log::Log;

/// What is to panic, and the address of its log, by which each test has its own.
static PLANNED: Mutex<Vec<(usize, &'static str)>> = Mutex::new(Vec::new());

fn place(log: &Arc<Log>) -> usize {
    Arc::as_ptr(log) as usize
}

/// Makes the task panic as soon as it turns.
pub(crate) fn plan(what: &'static str, log: &Arc<Log>) {
    PLANNED.lock().push((place(log), what));
}

/// The planned panics that have not happened yet.
pub(crate) fn outstanding(log: &Arc<Log>) -> Vec<&'static str> {
    PLANNED.lock().iter().filter(|(of, _)| *of == place(log)).map(|(_, what)| *what).collect()
}

/// Panics if that is planned.
pub(super) fn happens(what: &str, log: &Arc<Log>) {
    let mut planned = PLANNED.lock();
    if let Some(index) = planned.iter().position(|(of, planned)| *of == place(log) && *planned == what) {
        planned.swap_remove(index);
        drop(planned);
        panic!("a panic in {what}, as a test asked for");
    }
}
