//! How long a response is fresh, and how old it is (RFC 9111, section 4.2).

use proxy_http::message::{Fields, Known};

use super::directives::ResponseDirectives;
use super::list::{members, seconds};
use super::record::{push_number, RecordReader};
use super::Millis;
use crate::content::date;

/// Largest lifetime that is guessed: a day, in seconds.
const LONGEST_GUESS: u64 = 86_400;
/// Part of the time since the last change that is guessed: a tenth.
const GUESSED_PART: u64 = 10;

/// When a response becomes stale, and for how long it may then still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Freshness {
    /// Time of day at which the response came.
    pub(crate) received: Millis,
    /// Age of the response when it came, in milliseconds.
    pub(crate) initial_age: Millis,
    /// Age up to which it is fresh, in milliseconds.
    pub(crate) lifetime: Millis,
    /// Time for which it may be used stale while it is validated in the background, in milliseconds.
    pub(crate) while_revalidate: Millis,
    /// Time for which it may be used stale after a failure, in milliseconds.
    pub(crate) if_error: Millis,
    /// Whether it has to be validated before each use.
    pub(crate) always_validate: bool,
}

/// What the configuration says for responses that say nothing themselves. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FreshnessDefaults {
    /// Lifetime of a response without one of its own. `None`: it is guessed from `Last-Modified`.
    pub(crate) ttl: Option<u64>,
    pub(crate) stale_while_revalidate: u64,
    pub(crate) stale_if_error: u64,
}

impl Freshness {
    /// Age at `now`, in milliseconds.
    pub(crate) fn age(&self, now: Millis) -> Millis {
        self.initial_age.saturating_add(now.saturating_sub(self.received))
    }

    /// Whether it is to be validated for each request.
    pub(crate) fn is_for_one(&self) -> bool {
        self.always_validate || self.lifetime <= self.initial_age
    }

    /// Writes it into a record.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        let Self { received, initial_age, lifetime, while_revalidate, if_error, always_validate } = *self;
        let always_validate = u64::from(always_validate);
        for number in [received, initial_age, lifetime, while_revalidate, if_error, always_validate] {
            push_number(out, number);
        }
    }

    /// Reads what [`Self::write_to`] wrote.
    pub(super) fn read(record: &mut RecordReader<'_>) -> Option<Self> {
        Some(Self {
            received: record.number()?,
            initial_age: record.number()?,
            lifetime: record.number()?,
            while_revalidate: record.number()?,
            if_error: record.number()?,
            always_validate: record.number()? != 0,
        })
    }

    /// Milliseconds for which it is still fresh at `now`; below 0: since when it is stale.
    pub(crate) fn left(&self, now: Millis) -> i64 {
        let signed = |time: Millis| i64::try_from(time).unwrap_or(i64::MAX);
        signed(self.lifetime).saturating_sub(signed(self.age(now)))
    }
}

/// Lifetime that the response states itself, in seconds.
pub(crate) fn stated_lifetime(directives: &ResponseDirectives, fields: &Fields, received: Millis) -> Option<u64> {
    if let Some(age) = directives.s_maxage.or(directives.max_age) {
        return Some(age);
    }
    if directives.targeted || !fields.has("Expires") {
        return None;
    }
    let mut lines = fields.all("Expires");
    let expires = lines.next().filter(|_| lines.next().is_none()).and_then(date::parse);
    let date = date_of(fields).unwrap_or(received / 1000);
    // A malformed one is in the past.
    Some(expires.map_or(0, |expires| expires.saturating_sub(date)))
}

/// Lifetime that is guessed from the last change, in seconds.
pub(crate) fn guessed_lifetime(fields: &Fields, received: Millis) -> Option<u64> {
    let changed = fields.get(Known::LastModified).and_then(date::parse)?;
    let date = date_of(fields).unwrap_or(received / 1000);
    Some((date.saturating_sub(changed) / GUESSED_PART).min(LONGEST_GUESS))
}

/// Age of a response that has come at `received`, whose request was sent at `sent`, in milliseconds.
pub(crate) fn initial_age(fields: &Fields, sent: Millis, received: Millis) -> Millis {
    let said = fields.get(Known::Age).and_then(|line| members(line).next()).and_then(seconds).unwrap_or(0);
    let apparent = date_of(fields).map_or(0, |date| (received / 1000).saturating_sub(date));
    let delay = received.saturating_sub(sent);
    (apparent * 1000).max(said * 1000 + delay)
}

fn date_of(fields: &Fields) -> Option<u64> {
    fields.get(Known::Date).and_then(date::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 784_111_777_000;
    const DATE: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
        fields
    }

    fn stated(lines: &[(&str, &str)]) -> Option<u64> {
        let fields = fields(lines);
        stated_lifetime(&ResponseDirectives::of(&fields), &fields, NOW)
    }

    #[test]
    fn a_shared_lifetime_is_stronger_than_others() {
        let expires = ("Expires", "Sun, 06 Nov 1994 09:49:37 GMT");
        assert_eq!(stated(&[DATE, expires]), Some(3600));
        assert_eq!(stated(&[expires]), Some(3600), "without a date the time of arrival counts");
        assert_eq!(stated(&[DATE, expires, ("Cache-Control", "max-age=5")]), Some(5));
        assert_eq!(stated(&[DATE, expires, ("Cache-Control", "max-age=5, s-maxage=9")]), Some(9));
        assert_eq!(stated(&[DATE, ("Expires", "0")]), Some(0));
        assert_eq!(stated(&[DATE, expires, expires]), Some(0), "two lines");
        assert_eq!(stated(&[DATE, expires, ("CDN-Cache-Control", "foo")]), None);
        assert_eq!(stated(&[DATE]), None);
    }

    #[test]
    fn a_tenth_of_the_time_since_the_last_change_is_guessed() {
        let changed = |date: &str| guessed_lifetime(&fields(&[DATE, ("Last-Modified", date)]), NOW);
        assert_eq!(changed("Sun, 06 Nov 1994 08:32:57 GMT"), Some(100));
        assert_eq!(changed("Tue, 06 Nov 1990 08:32:57 GMT"), Some(86_400));
        assert_eq!(changed("Mon, 06 Nov 1995 08:32:57 GMT"), Some(0));
        assert_eq!(changed("yesterday"), None);
    }

    #[test]
    fn age_is_the_larger_of_what_is_said_and_what_the_date_shows() {
        let age = |lines: &[(&str, &str)]| initial_age(&fields(lines), NOW - 2500, NOW);
        assert_eq!(age(&[DATE]), 2500);
        assert_eq!(age(&[DATE, ("Age", "30")]), 32_500);
        assert_eq!(age(&[("Date", "Sun, 06 Nov 1994 08:48:37 GMT")]), 60_000);
        for ignored in ["abc", "-7200", "7200.0"] {
            assert_eq!(age(&[DATE, ("Age", ignored)]), 2500, "{ignored}");
        }
        assert_eq!(age(&[("Age", "7200, 0")]), 7_202_500);
        assert_eq!(age(&[("Age", "0"), ("Age", "7200")]), 2500, "the first line");
    }

    #[test]
    fn a_response_is_stale_once_its_age_is_its_lifetime() {
        let freshness = Freshness { received: NOW, initial_age: 1000, lifetime: 3000, ..Freshness::default() };
        assert_eq!((freshness.left(NOW), freshness.left(NOW + 2000), freshness.left(NOW + 5000)), (2000, 0, -3000));
        assert_eq!(freshness.age(NOW - 5), 1000, "a clock that was set back");
    }
}
