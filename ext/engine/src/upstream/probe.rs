//! Connection probes: while requests are held, they find out when a backend accepts connections again.
//!
//! A backend has at most one probe, however many requests wait, and none while nobody waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::backend::Backend;
use super::{connect, Upstream};
use crate::panics::enduring;

/// Pause before the first connection. It doubles with each further one, …
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// … up to this while connections fail, …
const CONNECT_PAUSE: Duration = Duration::from_millis(40);
/// … and up to this while they succeed and health checks fail.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// Time for a connection.
const LIMIT: Duration = Duration::from_secs(1);

impl Upstream {
    /// Starts a probe of every backend that needs one and has none.
    #[cold]
    pub(super) fn probe(&self) {
        // Requests may come here from the configuration before, a moment before this one is started.
        let Some((handle, log)) = self.group.background() else { return };
        for backend in self.live.load().iter().filter(|backend| backend.needs_probe()) {
            if backend.begin_probe() {
                let backend = Arc::clone(backend);
                let work = move || probe(Arc::clone(&backend));
                // Meanwhile it counts as running: no other takes its place.
                handle.spawn(enduring("the probe of a backend", Arc::clone(log), work));
            }
        }
    }
}

/// Connects again and again, until requests may be sent or nobody waits for them any more.
async fn probe(backend: Arc<Backend>) {
    let queue = backend.group().queue();
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(pause).await;
        let mut longest = CONNECT_PAUSE;
        if backend.needs_probe() && queue.is_waited_in() {
            match connect::accepts(&backend, LIMIT).await {
                Ok(true) => {
                    backend.accepts_connections();
                    longest = CHECK_PAUSE;
                }
                Ok(false) => backend.doubt_longer(),
                // It was not asked.
                Err(_) => {}
            }
        }
        if !(backend.needs_probe() && queue.is_waited_in()) {
            backend.end_probe();
            // Who came to wait before the end has started none.
            if !(queue.is_waited_in() && backend.needs_probe() && backend.begin_probe()) {
                return queue.wake();
            }
            pause = FIRST_PAUSE;
        } else {
            pause = (pause * 2).min(longest);
        }
    }
}
