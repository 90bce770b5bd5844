//! Panics: faults of the proxy itself. One in a request costs that request (`forward/catch_panic.rs`), one in a
//! background task a pause of that task.

use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, Instant};

use crate::log::Log;

/// Pause before a task begins anew. It doubles with each panic that follows soon, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// Longest pause; a task that ran for longer begins with the shortest again.
const LONGEST: Duration = Duration::from_secs(60);

/// Does the work of a background task to its end. After a panic, which is logged, it begins anew. `what` names the work
/// in the log.
pub(crate) async fn enduring<F: Future<Output = ()>>(what: &'static str, log: Arc<Log>, mut work: impl FnMut() -> F) {
    let mut pause = SHORTEST;
    loop {
        let begun = Instant::now();
        if survives(work()).await {
            return;
        }
        if begun.elapsed() > LONGEST {
            pause = SHORTEST;
        }
        log.error(format_args!(
            "{what} failed by a mistake in the proxy itself (a panic) and goes on in {} s",
            pause.as_secs()
        ));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// Whether the work came to its end without a panic.
async fn survives(work: impl Future<Output = ()>) -> bool {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(|()| true),
        Err(_) => Poll::Ready(false),
    })
    .await
}

/// Place of a panic in tests: one happens for a request to `/panic/PLACE`. Otherwise it does nothing.
#[inline(always)]
pub(crate) fn place(_place: &str, _path: &[u8]) {
    #[cfg(test)]
    if _path.strip_prefix(b"/panic/") == Some(_place.as_bytes()) {
        panic!("a panic in a {_place}, as a test asked for");
    }
}

#[cfg(test)]
mod tests;
