//! Which responses may be stored (RFC 9111, section 3).

use proxy_http::message::{reason, Fields, Known};

use super::directives::ResponseDirectives;
use super::freshness::{guessed_lifetime, initial_age, stated_lifetime, Freshness, FreshnessDefaults};
use super::validation::{describes_body, has_too_many_tags};
use super::Millis;

/// What the configuration of a cache says about storing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoragePolicy {
    pub(crate) defaults: FreshnessDefaults,
    /// Whether a lifetime is guessed from `Last-Modified`.
    pub(crate) guess: bool,
    /// Whether responses with `Set-Cookie` are stored.
    pub(crate) set_cookie: bool,
}

/// What makes a request personal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asker {
    /// Whether it has an `Authorization` field.
    pub(crate) authorization: bool,
    /// Whether a filter of the configuration has asked who it is.
    pub(crate) known: bool,
}

/// Why a response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unstorable {
    /// Its status, or no lifetime and nothing to validate it with.
    Nature,
    /// `no-store` or `private`.
    Refused,
    /// It may be for one user only.
    Personal,
    /// Its `Vary` names what is not known of a request beforehand.
    Vary,
    /// It is too long, or nothing shows where it ends.
    Size,
    /// There is no room for it now.
    Room,
}

/// Decides about a response to a `GET` that was sent at `sent` and answered at `received`.
pub(crate) fn judge(
    status: u16,
    fields: &Fields,
    asker: Asker,
    policy: &StoragePolicy,
    (sent, received): (Millis, Millis),
) -> Result<Freshness, Unstorable> {
    let directives = ResponseDirectives::of(fields);
    if status < 200 || matches!(status, 206 | 304) {
        return Err(Unstorable::Nature);
    }
    // Its content is a file that it names.
    if fields.has(Known::XSendfile) || fields.has(Known::XAccelRedirect) {
        return Err(Unstorable::Nature);
    }
    if fields.get(Known::ContentType).is_some_and(is_endless) {
        return Err(Unstorable::Nature);
    }
    let understood = !reason(status).is_empty();
    if directives.must_understand && !understood || directives.no_store && !directives.must_understand {
        return Err(Unstorable::Refused);
    }
    // A purge by a tag that is not kept would miss it.
    if has_too_many_tags(fields) {
        return Err(Unstorable::Size);
    }
    if directives.private || directives.not_stored.iter().any(|name| describes_body(name)) {
        return Err(Unstorable::Refused);
    }
    let shared = directives.public || directives.s_maxage.is_some() || directives.must_revalidate;
    if asker.authorization && !shared || asker.known && !directives.public {
        return Err(Unstorable::Personal);
    }
    let keeps_cookies =
        policy.set_cookie || directives.not_stored.iter().any(|n| n.eq_ignore_ascii_case(b"set-cookie"));
    if fields.has(Known::SetCookie) && !keeps_cookies {
        return Err(Unstorable::Personal);
    }
    let ordinary = matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501);
    let lifetime = match stated_lifetime(&directives, fields, received) {
        Some(stated) => Some(stated),
        None if !ordinary && !directives.public => return Err(Unstorable::Nature),
        None => default_lifetime(status, policy, fields, received),
    };
    let initial_age = initial_age(fields, sent, received);
    let lifetime = lifetime.unwrap_or(0) * 1000;
    let validated = fields.has(Known::Etag) || fields.has(Known::LastModified);
    if (directives.no_cache || lifetime <= initial_age) && !validated && directives.stale_while_revalidate.is_none() {
        return Err(Unstorable::Nature);
    }
    let stale = |said: Option<u64>, default: u64| match (said, directives.s_maxage) {
        _ if directives.no_cache || directives.must_revalidate || directives.proxy_revalidate => 0,
        (Some(said), _) => said * 1000,
        (None, Some(_)) => 0,
        (None, None) => default * 1000,
    };
    Ok(Freshness {
        received,
        initial_age,
        lifetime,
        while_revalidate: stale(directives.stale_while_revalidate, policy.defaults.stale_while_revalidate),
        if_error: stale(directives.stale_if_error, policy.defaults.stale_if_error),
        always_validate: directives.no_cache,
    })
}

/// Whether the body of a response with this type goes on for as long as somebody reads it.
fn is_endless(media_type: &[u8]) -> bool {
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [&b"text/event-stream"[..], b"multipart/x-mixed-replace"].iter().any(|name| name.eq_ignore_ascii_case(essence))
}

/// Lifetime of a response that states none, in seconds. Failures get none from the configuration.
fn default_lifetime(status: u16, policy: &StoragePolicy, fields: &Fields, received: Millis) -> Option<u64> {
    match policy.defaults.ttl {
        Some(ttl) if status < 400 => Some(ttl),
        _ => policy.guess.then(|| guessed_lifetime(fields, received)).flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 784_111_777_000;
    const CHANGED: (&str, &str) = ("Last-Modified", "Sat, 05 Nov 1994 08:49:37 GMT");
    const GUESSING: StoragePolicy = StoragePolicy {
        defaults: FreshnessDefaults { ttl: None, stale_while_revalidate: 0, stale_if_error: 0 },
        guess: true,
        set_cookie: false,
    };

    fn judged(
        status: u16,
        lines: &[(&str, &str)],
        asker: Asker,
        policy: &StoragePolicy,
    ) -> Result<Freshness, Unstorable> {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
        judge(status, &fields, asker, policy, (NOW, NOW))
    }

    fn plain(status: u16, lines: &[(&str, &str)]) -> Result<u64, Unstorable> {
        judged(status, lines, Asker::default(), &GUESSING).map(|freshness| freshness.lifetime / 1000)
    }

    #[test]
    fn any_status_with_a_lifetime_is_stored_but_parts_are_not() {
        for status in [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599] {
            assert_eq!(plain(status, &[("Cache-Control", "max-age=60")]), Ok(60), "{status}");
        }
        for status in [100, 206, 304] {
            assert_eq!(plain(status, &[("Cache-Control", "max-age=60")]), Err(Unstorable::Nature), "{status}");
        }
    }

    #[test]
    fn a_lifetime_is_guessed_for_some_statuses_only() {
        for status in [200, 203, 204, 404, 405, 410, 414, 501] {
            assert_eq!(plain(status, &[CHANGED]), Ok(8640), "{status}");
        }
        for status in [201, 202, 403, 502, 503, 504, 599] {
            assert_eq!(plain(status, &[CHANGED]), Err(Unstorable::Nature), "{status}");
        }
        assert_eq!(plain(599, &[CHANGED, ("Cache-Control", "public")]), Ok(8640));
        assert_eq!(plain(200, &[]), Err(Unstorable::Nature));
        for endless in ["Text/Event-Stream ;charset=utf-8", "multipart/x-mixed-replace; boundary=a"] {
            let lines = [("Cache-Control", "max-age=60"), ("Content-Type", endless)];
            assert_eq!(plain(200, &lines), Err(Unstorable::Nature), "{endless}");
        }
        for name in ["X-Sendfile", "X-Accel-Redirect"] {
            assert_eq!(plain(200, &[("Cache-Control", "max-age=60"), (name, "/a")]), Err(Unstorable::Nature), "{name}");
        }
    }

    #[test]
    fn what_is_for_one_user_is_not_stored() {
        let fresh = ("Cache-Control", "max-age=60");
        assert_eq!(plain(200, &[("Cache-Control", "private, max-age=60")]), Err(Unstorable::Refused));
        assert_eq!(plain(200, &[fresh, ("Set-Cookie", "a=b")]), Err(Unstorable::Personal));
        assert_eq!(
            plain(200, &[("Cache-Control", "max-age=60, no-cache=\"Set-Cookie\""), ("Set-Cookie", "a=b")]),
            Ok(60)
        );
        let asking = StoragePolicy { set_cookie: true, ..GUESSING };
        assert!(judged(200, &[fresh, ("Set-Cookie", "a=b")], Asker::default(), &asking).is_ok());
        let field = Asker { authorization: true, known: false };
        let filter = Asker { authorization: false, known: true };
        for (written, by_field, by_filter) in [
            ("max-age=60", false, false),
            ("max-age=60, public", true, true),
            ("s-maxage=60", true, false),
            ("max-age=60, must-revalidate", true, false),
        ] {
            let lines = [("Cache-Control", written)];
            assert_eq!(judged(200, &lines, field, &GUESSING).is_ok(), by_field, "{written}");
            assert_eq!(judged(200, &lines, filter, &GUESSING).is_ok(), by_filter, "{written}");
        }
    }

    #[test]
    fn no_store_counts_unless_the_status_is_understood() {
        assert_eq!(plain(200, &[("Cache-Control", "max-age=60, No-Store")]), Err(Unstorable::Refused));
        let both = [("Cache-Control", "max-age=60, no-store, must-understand")];
        assert_eq!(plain(200, &both), Ok(60));
        assert_eq!(plain(599, &both), Err(Unstorable::Refused));
    }

    #[test]
    fn without_a_lifetime_a_validator_is_needed() {
        assert_eq!(plain(200, &[("Cache-Control", "no-cache")]), Err(Unstorable::Nature));
        let stored = judged(200, &[("Cache-Control", "no-cache"), ("ETag", "\"a\"")], Asker::default(), &GUESSING);
        assert!(stored.is_ok_and(|freshness| freshness.always_validate));
        assert_eq!(plain(200, &[("Cache-Control", "max-age=60"), ("Age", "70")]), Err(Unstorable::Nature));
        assert_eq!(plain(200, &[("Cache-Control", "max-age=0"), ("ETag", "\"a\"")]), Ok(0));
    }

    #[test]
    fn times_for_stale_responses_are_those_of_the_response_or_the_configuration() {
        let policy = StoragePolicy {
            defaults: FreshnessDefaults { ttl: Some(9), stale_while_revalidate: 5, stale_if_error: 7 },
            ..GUESSING
        };
        let times = |written: &str| {
            let lines = [("Cache-Control", written), ("ETag", "\"a\"")];
            let freshness = judged(200, &lines, Asker::default(), &policy).expect("stored");
            (freshness.lifetime / 1000, freshness.while_revalidate / 1000, freshness.if_error / 1000)
        };
        assert_eq!(times("public"), (9, 5, 7));
        assert_eq!(times("max-age=1, stale-while-revalidate=2, stale-if-error=3"), (1, 2, 3));
        assert_eq!(times("s-maxage=1"), (1, 0, 0));
        assert_eq!(times("s-maxage=1, stale-while-revalidate=2"), (1, 2, 0));
        assert_eq!(times("max-age=1, must-revalidate, stale-if-error=3"), (1, 0, 0));
        assert!(judged(404, &[], Asker::default(), &policy).is_err(), "a failure gets no lifetime");
    }
}
