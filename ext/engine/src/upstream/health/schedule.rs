//! Schedule of the active checks of each backend, on the control thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{interval_at, sleep, Instant, MissedTickBehavior};

use super::ask::{ask, CheckFailure};
use crate::log::Level;
use crate::upstream::backend::Backend;

/// Latest time of the first check, even if the interval is longer: a backend that is down must be known soon.
const FIRST: Duration = Duration::from_secs(1);

/// Number of early checks, one a second, of a backend that no check has found healthy yet, if its interval is longer:
/// requests may wait for it.
const EARLY_CHECKS: u32 = 60;

/// [`follow`], as a group of backends is told of it.
pub(in crate::upstream) fn checker(backend: Weak<Backend>, number: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(follow(backend, phase(number)))
}

/// Checks a backend again and again, until it is gone from its upstream. `phase`, from 0 to 1, is its place within the
/// interval.
async fn follow(backend: Weak<Backend>, phase: f64) {
    let Some((interval, now)) = backend.upgrade().and_then(|backend| {
        let check = backend.group().rules().check.as_ref()?;
        Some((check.interval, Arc::clone(backend.check_now())))
    }) else {
        return;
    };
    let begun = Instant::now();
    let (first, second) = first_two(interval, phase);
    // A backend that gets no request before its first check is checked almost at once, so that the other backends do
    // not carry all the load for long.
    let awaited = backend.upgrade().is_some_and(|backend| backend.is_awaited());
    sleep_or(&now, if awaited { first / 10 } else { first }).await;
    let mut told = false;
    if !check(&backend, &mut told).await {
        return;
    }
    let mut begun = begun;
    for _ in 0..EARLY_CHECKS {
        if interval <= FIRST || !backend.upgrade().is_some_and(|backend| backend.is_awaited()) {
            break;
        }
        sleep_or(&now, FIRST).await;
        if !check(&backend, &mut told).await {
            return;
        }
        begun = Instant::now();
    }
    let mut ticks = interval_at(begun + second, interval);
    // A backend that answers more slowly than the interval is checked less often.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = now.notified() => {}
        }
        if !check(&backend, &mut told).await {
            return;
        }
    }
}

/// Waits for so long, or until a check is wanted at once.
async fn sleep_or(now: &Notify, pause: Duration) {
    tokio::select! {
        () = sleep(pause) => {}
        () = now.notified() => {}
    }
}

/// Times of the first two checks after the start. The second has the backend's place within the interval, but does not
/// follow the first at once.
fn first_two(interval: Duration, phase: f64) -> (Duration, Duration) {
    let first = interval.min(FIRST).mul_f64(phase);
    let place = interval.mul_f64(phase);
    let second = if place >= first + interval / 2 { place } else { place + interval };
    (first, second)
}

/// The place within the interval of the backend that was the `number`th to be added. The golden ratio puts each into
/// the largest gap that those before it have left, however many there will be.
fn phase(number: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    (number as f64 * GOLDEN).fract()
}

/// Runs one check. `false` if the backend is gone. Only a weak reference lives through the pauses. A check that could
/// not be made has no result; `told` says whether that was logged.
async fn check(backend: &Weak<Backend>, told: &mut bool) -> bool {
    let Some(backend) = backend.upgrade() else { return false };
    let group = backend.group();
    let Some(check) = &group.rules().check else { return false };
    if !group.has(&backend) {
        return false;
    }
    match ask(&backend, check).await {
        Ok(()) => backend.checked(Ok(())),
        Err(CheckFailure::Status(status)) => backend.checked(Err(format!("the answer is a {status}"))),
        Err(CheckFailure::Unwell(why)) => backend.checked(Err(why)),
        Err(CheckFailure::NotAsked(why)) => {
            if !std::mem::replace(told, true) {
                group.note(
                    Level::Warn,
                    &backend,
                    format_args!("is not checked at the moment, which is not its fault: {why}"),
                );
            }
            return true;
        }
    }
    *told = false;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_spread_over_the_interval() {
        for count in 2..50 {
            let mut phases: Vec<_> = (0..count).map(phase).collect();
            phases.sort_by(f64::total_cmp);
            let gaps = phases.windows(2).map(|pair| pair[1] - pair[0]);
            let least = gaps.fold(f64::MAX, f64::min);
            assert!(least > 0.38 / count as f64, "{count} backends: two are only {least} apart");
        }
    }

    #[test]
    fn the_first_check_comes_soon_and_the_second_half_an_interval_later_at_least() {
        for (interval, phase) in
            [0.05, 0.5, 1.0, 3.0, 10.0, 600.0].into_iter().flat_map(|i| (0..9).map(move |n| (i, phase(n))))
        {
            let interval = Duration::from_secs_f64(interval);
            let (first, second) = first_two(interval, phase);
            assert!(first < FIRST && first < interval, "{interval:?} {phase}");
            let pause = second - first;
            assert!(pause >= interval / 2 && pause <= interval * 3 / 2, "{interval:?} {phase}: {pause:?}");
        }
    }
}
