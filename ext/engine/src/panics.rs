//! Panics: faults of the proxy itself. One in a request costs that request (`forward/catch_panic.rs`), one in a
//! background task a pause of that task.

use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::{pin, Pin};
use std::sync::Arc;
use std::task::{Context, Poll};
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
    let mut endurance = Endurance { what, log, pause: SHORTEST };
    while !endurance.ends(work()).await {}
}

/// Work on a state that outlives it.
pub(crate) type StatefulWork<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The same for work on a state that cannot be made anew. It goes on with the state as a panic leaves it, and returns
/// it in the end.
pub(crate) async fn enduring_with<S>(
    what: &'static str,
    log: Arc<Log>,
    mut state: S,
    work: impl for<'a> Fn(&'a mut S) -> StatefulWork<'a>,
) -> S {
    let mut endurance = Endurance { what, log, pause: SHORTEST };
    while !endurance.ends(work(&mut state)).await {}
    state
}

/// What is known of a task between its panics.
struct Endurance {
    what: &'static str,
    log: Arc<Log>,
    /// The next one.
    pause: Duration,
}

impl Endurance {
    /// Whether the work came to its end. After a panic it did not, and the pause is over.
    async fn ends(&mut self, work: impl Future<Output = ()>) -> bool {
        let begun = Instant::now();
        if self.survives(work).await {
            return true;
        }
        if begun.elapsed() > LONGEST {
            self.pause = SHORTEST;
        }
        self.log.error(format_args!(
            "{} failed by a mistake in the proxy itself (a panic) and goes on in {} s",
            self.what,
            self.pause.as_secs()
        ));
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        false
    }

    /// Whether the work came to its end without a panic.
    async fn survives(&self, work: impl Future<Output = ()>) -> bool {
        let mut work = pin!(work);
        let mut poll = |cx: &mut Context<'_>| {
            #[cfg(test)]
            planned::happens(self.what, &self.log);
            work.as_mut().poll(cx)
        };
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| poll(cx))) {
            Ok(poll) => poll.map(|()| true),
            Err(_) => Poll::Ready(false),
        })
        .await
    }
}

/// Place of a panic in tests: one happens for a request to `/panic/PLACE`. Otherwise it does nothing.
#[inline(always)]
pub(crate) fn place<'a>(_place: &str, _path: impl FnOnce() -> &'a [u8]) {
    #[cfg(test)]
    if _path().strip_prefix(b"/panic/") == Some(_place.as_bytes()) {
        panic!("a panic in a {_place}, as a test asked for");
    }
}

#[cfg(test)]
pub(crate) mod planned;
#[cfg(test)]
mod tests;
