//! When what is done for a certificate: decided from its state and the time of day alone, so that it is the same in
//! every process, before and after a restart.

use std::time::{Duration, SystemTime};

use crate::certificates::record::CertificateState;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Pauses after failures in a row.
const PAUSES: [Duration; 10] =
    [MINUTE, MINUTE.saturating_mul(5), MINUTE.saturating_mul(15), HOUR, HOUR, HOUR, HOUR, HOUR, HOUR, HOUR];
/// Pause after more failures.
const LONGEST_PAUSE: Duration = HOUR.saturating_mul(6);
/// Life of a certificate below which it is renewed with half of it left, in place of a third.
const SHORT_LIFE: Duration = DAY.saturating_mul(10);
/// Part of a life, its last, in which a certificate is renewed whatever the authority suggests.
const LAST_PART: u32 = 20;
/// Part of a life after which the authority is asked again what it suggests, if it names a later moment.
const ASKED_PART: u32 = 24;
/// Shortest time between two such questions.
const SHORTEST_ASKED: Duration = Duration::from_secs(1);
/// So far a clock may be behind another one.
const CLOCK_SKEW: Duration = MINUTE;

/// When a certificate is renewed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RenewalTime {
    /// As the authority says, else with a third of the life left, or a half of a life under ten days.
    Suggested,
    /// With this fraction of the life left.
    Fraction(f64),
    /// So long before the end.
    Before(Duration),
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing before this moment.
    Wait(SystemTime),
    /// To ask the authority when the certificate should be renewed.
    AskWindow,
    /// To order a certificate.
    Order,
}

/// What is wanted of a certificate.
#[derive(Debug)]
pub(crate) struct WantedState<'a> {
    pub(crate) names: &'a [String],
    /// URLs of the authorities that may issue it.
    pub(crate) authorities: &'a [&'a str],
    pub(crate) renew: RenewalTime,
}

/// Time until the next attempt after so many failures in a row, give or take a tenth.
pub(crate) fn pause(failures: u32) -> Duration {
    let index = failures.saturating_sub(1) as usize;
    let pause = PAUSES.get(index).copied().unwrap_or(LONGEST_PAUSE);
    pause.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// The next step for a certificate in this state.
pub(crate) fn next_step(state: &CertificateState, wish: &WantedState<'_>, now: SystemTime) -> Step {
    let wanted_at = renewal(state, wish).unwrap_or(SystemTime::UNIX_EPOCH);
    let order_at = next_attempt(state, now).map_or(wanted_at, |next| next.max(wanted_at));
    if order_at <= now {
        return Step::Order;
    }
    if wish.renew != RenewalTime::Suggested || !is_of(state, wish) {
        return Step::Wait(order_at);
    }
    match state.window_until {
        Some(until) if now < until => Step::Wait(order_at.min(until)),
        _ => Step::AskWindow,
    }
}

/// Moment from which on an attempt may be made, whatever the last one came to.
pub(crate) fn next_attempt(state: &CertificateState, now: SystemTime) -> Option<SystemTime> {
    let next = state.next_attempt?;
    let attempted = state.attempted_at.unwrap_or(now);
    // A clock that was put back must not lengthen the pause.
    match attempted.duration_since(now) {
        Ok(ahead) if ahead > CLOCK_SKEW => Some(next.checked_sub(ahead).unwrap_or(now)),
        _ => Some(next),
    }
}

/// When the certificate is to be renewed. `None`: there is none that will do, so at once.
pub(crate) fn renewal(state: &CertificateState, wish: &WantedState<'_>) -> Option<SystemTime> {
    let (begin, end) = (state.not_before?, state.not_after?);
    let has_all = wish.names.iter().all(|name| state.names.contains(name));
    if !has_all || !is_of(state, wish) && state.authority.is_some() {
        return None;
    }
    let life = end.duration_since(begin).unwrap_or_default();
    let left = match wish.renew {
        RenewalTime::Suggested if state.chosen_at.is_some() => Duration::ZERO,
        RenewalTime::Suggested if life < SHORT_LIFE => life / 2,
        RenewalTime::Suggested => life / 3,
        RenewalTime::Fraction(fraction) => life.mul_f64(fraction),
        // So that it is not renewed again and again.
        RenewalTime::Before(time) => time.min(life.mul_f64(0.99)),
    };
    let at = state.chosen_at.filter(|_| wish.renew == RenewalTime::Suggested);
    Some(at.or_else(|| end.checked_sub(left)).unwrap_or(begin).min(latest(begin, end)))
}

/// Moment from which on a certificate of this validity is renewed whatever anybody wants.
pub(crate) fn latest(begin: SystemTime, end: SystemTime) -> SystemTime {
    let life = end.duration_since(begin).unwrap_or_default();
    end.checked_sub(life / LAST_PART).unwrap_or(begin)
}

/// Whether an authority of the configuration has issued the certificate.
fn is_of(state: &CertificateState, wish: &WantedState<'_>) -> bool {
    state.authority.as_deref().is_some_and(|own| wish.authorities.contains(&own))
}

/// Takes note of what the authority suggests, and how long the answer holds. A moment in the window is chosen once, by
/// chance, so that not all renew at the same time (RFC 9773, section 4.2). A window that is of no use counts as none.
pub(crate) fn suggest(
    state: &mut CertificateState,
    suggested: Option<((SystemTime, SystemTime), Duration)>,
    now: SystemTime,
) {
    let (begin, end) = (state.not_before.unwrap_or(now), state.not_after.unwrap_or(now));
    let life = end.duration_since(begin).unwrap_or_default();
    let window = suggested.map(|(window, _)| window).filter(|(from, to)| from < to && *to <= end);
    let holds = suggested.map_or(DAY, |(_, holds)| holds);
    state.window_until = Some(now + holds.min(life / ASKED_PART).max(SHORTEST_ASKED));
    if window != state.window || state.chosen_at.is_none() {
        state.chosen_at =
            window.map(|(from, to)| from + to.duration_since(from).unwrap_or_default().mul_f64(fastrand::f64()));
        state.window = window;
    }
}

#[cfg(test)]
mod tests;
