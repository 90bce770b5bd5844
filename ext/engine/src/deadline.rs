//! One timer per connection for all of its time limits.

use std::future::Future;
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};

use tokio::task::unconstrained;
use tokio::time::{sleep_until, Instant, Sleep};

/// A timer that costs nothing to move in the usual case.
///
/// A connection asks "is this deadline over?" with ever later deadlines, and hardly ever one is over. Moving a timer
/// each time costs as much as parsing a field or two. So the timer stays where it is while it fires before the
/// deadline; when it fires, it is set to the deadline of that moment. Until it fires it also knows whom to wake, and
/// need not be told again.
#[derive(Debug, Default)]
pub(crate) struct DeadlineTimer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom the timer wakes when it fires.
    waker: Option<Waker>,
}

impl DeadlineTimer {
    /// Ready once `deadline` is over; otherwise the task is woken by then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        } else if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        // Without this, a task that has used up tokio's budget (its peer never stops sending) would get "not yet" each
        // time.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if Instant::now() >= deadline {
                self.waker = None;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn goes_off_at_the_deadline_of_the_last_question() {
        let mut alarm = DeadlineTimer::default();
        let begun = Instant::now();
        let early = begun + Duration::from_millis(10);
        let late = begun + Duration::from_millis(40);
        let mut asked = 0;
        poll_fn(|cx| {
            asked += 1;
            alarm.poll(cx, if asked == 1 { early } else { late })
        })
        .await;
        assert!(begun.elapsed() >= Duration::from_millis(40));
        assert_eq!(asked, 3, "woken at the early deadline and at the late one");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_earlier_deadline_moves_it() {
        let mut alarm = DeadlineTimer::default();
        let begun = Instant::now();
        let mut asked = 0;
        poll_fn(|cx| {
            asked += 1;
            let millis = if asked == 1 { 60_000 } else { 10 };
            if asked == 1 {
                cx.waker().wake_by_ref();
            }
            alarm.poll(cx, begun + Duration::from_millis(millis))
        })
        .await;
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn goes_off_in_a_task_that_never_runs_out_of_work() {
        // A peer that always has more to send.
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        tokio::spawn(async move { while far.write_all(&[0; 4096]).await.is_ok() {} });
        let mut alarm = DeadlineTimer::default();
        let deadline = Instant::now() + Duration::from_millis(50);
        let busy = poll_fn(|cx| {
            let mut memory = [0; 16];
            while Pin::new(&mut near).poll_read(cx, &mut ReadBuf::new(&mut memory)).is_ready() {}
            alarm.poll(cx, deadline)
        });
        let limit = std::thread::spawn(|| std::thread::park_timeout(Duration::from_secs(20)));
        let mut busy = pin!(busy);
        poll_fn(|cx| {
            assert!(!limit.is_finished(), "the alarm never went off");
            busy.as_mut().poll(cx)
        })
        .await;
        limit.thread().unpark();
    }
}
