//! Whether a stored response may answer a request (RFC 9111, section 4; RFC 5861).

use super::directives::RequestDirectives;
use super::freshness::Freshness;
use super::Millis;

/// How a stored response may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// As it is.
    Fresh,
    /// As it is, while it is validated in the background.
    Meanwhile,
    /// After the backend has agreed.
    Validate,
}

/// Decides about a stored response. `asked` is what the client demands, if that counts; `purged`: somebody has called
/// the response outdated.
pub(crate) fn judge(freshness: &Freshness, asked: Option<&RequestDirectives>, purged: bool, now: Millis) -> Reuse {
    let left = freshness.left(now);
    let longest = |time: u64| i64::try_from(time.saturating_mul(1000)).unwrap_or(i64::MAX);
    if freshness.always_validate {
        return Reuse::Validate;
    }
    if let Some(asked) = asked {
        let age = i64::try_from(freshness.age(now)).unwrap_or(i64::MAX);
        let too_old = asked.no_cache
            || asked.max_age.is_some_and(|most| age >= longest(most))
            || asked.min_fresh.is_some_and(|least| left < longest(least));
        if too_old {
            return Reuse::Validate;
        }
        let bears = asked.max_stale.is_some_and(|most| -left <= longest(most));
        if bears && left <= 0 && freshness.if_error > 0 && !purged {
            return Reuse::Fresh;
        }
    }
    let window = i64::try_from(freshness.while_revalidate).unwrap_or(i64::MAX);
    match (left > 0, purged) {
        (true, false) => Reuse::Fresh,
        // A purge makes a response as stale as if its time were just over.
        (true, true) if window > 0 => Reuse::Meanwhile,
        (false, _) if -left < window => Reuse::Meanwhile,
        _ => Reuse::Validate,
    }
}

/// Whether a stale response may be used in place of a failure.
pub(crate) fn serves_after_error(freshness: &Freshness, now: Millis) -> bool {
    let late = freshness.left(now).saturating_neg();
    !freshness.always_validate && (late <= 0 || late < i64::try_from(freshness.if_error).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Freshness = Freshness {
        received: 0,
        initial_age: 0,
        lifetime: 10_000,
        while_revalidate: 5000,
        if_error: 7000,
        always_validate: false,
    };

    #[test]
    fn a_response_is_fresh_then_usable_meanwhile_then_validated() {
        let at = |now| judge(&KEPT, None, false, now);
        assert_eq!(
            (at(9999), at(10_000), at(14_999), at(15_000)),
            (Reuse::Fresh, Reuse::Meanwhile, Reuse::Meanwhile, Reuse::Validate)
        );
        assert_eq!(judge(&KEPT, None, true, 5), Reuse::Meanwhile);
        assert_eq!(judge(&Freshness { while_revalidate: 0, ..KEPT }, None, true, 5), Reuse::Validate);
        assert_eq!(judge(&Freshness { always_validate: true, ..KEPT }, None, false, 5), Reuse::Validate);
    }

    #[test]
    fn failures_are_replaced_for_a_time() {
        assert!(serves_after_error(&KEPT, 16_999));
        assert!(!serves_after_error(&KEPT, 17_000));
        assert!(serves_after_error(&KEPT, 5), "a purged one");
        assert!(!serves_after_error(&Freshness { always_validate: true, ..KEPT }, 5));
    }

    #[test]
    fn clients_may_ask_for_more() {
        let asked = |asked: RequestDirectives, now| judge(&KEPT, Some(&asked), false, now);
        let none = RequestDirectives::default;
        assert_eq!(asked(none(), 5), Reuse::Fresh);
        assert_eq!(asked(RequestDirectives { no_cache: true, ..none() }, 5), Reuse::Validate);
        assert_eq!(asked(RequestDirectives { max_age: Some(3), ..none() }, 3000), Reuse::Validate);
        assert_eq!(asked(RequestDirectives { max_age: Some(3), ..none() }, 2999), Reuse::Fresh);
        assert_eq!(asked(RequestDirectives { min_fresh: Some(5), ..none() }, 6000), Reuse::Validate);
        assert_eq!(asked(RequestDirectives { max_stale: Some(90), ..none() }, 60_000), Reuse::Fresh);
        assert_eq!(asked(RequestDirectives { max_stale: Some(9), ..none() }, 60_000), Reuse::Validate);
    }
}
