//! Directives of `Cache-Control` (RFC 9111, section 5.2), of RFC 5861 (stale responses), and of `CDN-Cache-Control`
//! (RFC 9213).

use proxy_http::message::{Fields, Known};

use super::list::{directive, members, seconds};
use super::structured::{dictionary, Item};

/// The field that is meant for a cache between the application and its clients. It replaces `Cache-Control` and
/// `Expires` there.
const TARGETED: &str = "CDN-Cache-Control";

/// What a response says to a shared cache. Times are in seconds; a malformed one counts as 0.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseDirectives {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    /// Fields that `no-cache="…"` and `private="…"` name: they are not stored.
    pub(crate) not_stored: Vec<Box<[u8]>>,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    /// Whether they come from `CDN-Cache-Control`: `Expires` does not count then.
    pub(crate) targeted: bool,
}

/// What a client says. Times are in seconds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestDirectives {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    /// Time for which a stale response is accepted; the largest number without a limit.
    pub(crate) max_stale: Option<u64>,
}

impl ResponseDirectives {
    /// Reads the fields of a response.
    pub(crate) fn of(fields: &Fields) -> Self {
        Self::targeted(fields).unwrap_or_else(|| {
            let mut read = Self::default();
            for member in fields.all(Known::CacheControl).flat_map(members) {
                let (name, value) = directive(member);
                read.note(&name.to_ascii_lowercase(), value, value.map(|value| seconds(value).unwrap_or(0)));
            }
            read
        })
    }

    /// Reads `CDN-Cache-Control`. `None` if there is none, if it is empty, or if it is no proper dictionary.
    fn targeted(fields: &Fields) -> Option<Self> {
        let lines: Vec<&[u8]> = fields.all(TARGETED).collect();
        let text = lines.join(&b", "[..]);
        let pairs = dictionary(&text).filter(|pairs| !pairs.is_empty())?;
        let mut read = Self { targeted: true, ..Self::default() };
        for (name, item) in pairs {
            let is_time = read.time(name).is_some();
            match item {
                Item::Integer(number) if is_time => {
                    read.note(name, None, Some(number.clamp(0, 1 << 31).unsigned_abs()))
                }
                // A value of a wrong type makes the field as good as absent.
                _ if is_time => return None,
                Item::False => {}
                Item::Text(value) => read.note(name, Some(value), None),
                Item::True | Item::Integer(_) | Item::Other => read.note(name, None, None),
            }
        }
        Some(read)
    }

    fn time(&mut self, name: &[u8]) -> Option<&mut Option<u64>> {
        Some(match name {
            b"max-age" => &mut self.max_age,
            b"s-maxage" => &mut self.s_maxage,
            b"stale-while-revalidate" => &mut self.stale_while_revalidate,
            b"stale-if-error" => &mut self.stale_if_error,
            _ => return None,
        })
    }

    /// Notes one directive. Of a time that stands twice the first counts.
    fn note(&mut self, name: &[u8], value: Option<&[u8]>, time: Option<u64>) {
        if let Some(known) = self.time(name) {
            known.get_or_insert(time.unwrap_or(0));
            return;
        }
        let names = value.filter(|value| !value.is_empty());
        match (name, names) {
            (b"no-cache" | b"private", Some(names)) => self.not_stored.extend(members(names).map(Box::from)),
            (b"no-cache", None) => self.no_cache = true,
            (b"private", None) => self.private = true,
            (b"no-store", _) => self.no_store = true,
            (b"public", _) => self.public = true,
            (b"must-revalidate", _) => self.must_revalidate = true,
            (b"proxy-revalidate", _) => self.proxy_revalidate = true,
            (b"must-understand", _) => self.must_understand = true,
            _ => {}
        }
    }
}

impl RequestDirectives {
    /// Reads the fields of a request. `Pragma: no-cache` counts if there is no `Cache-Control`.
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut read = Self::default();
        for member in fields.all(Known::CacheControl).flat_map(members) {
            let (name, value) = directive(member);
            let time = value.and_then(seconds);
            match &*name.to_ascii_lowercase() {
                b"no-store" => read.no_store = true,
                b"no-cache" => read.no_cache = true,
                b"only-if-cached" => read.only_if_cached = true,
                b"max-age" => read.max_age = read.max_age.or(time),
                b"min-fresh" => read.min_fresh = read.min_fresh.or(time),
                b"max-stale" => read.max_stale = if value.is_none() { Some(u64::MAX) } else { time },
                _ => {}
            }
        }
        if !fields.has(Known::CacheControl) && fields.has(Known::Pragma) {
            read.no_cache = fields.all(Known::Pragma).flat_map(members).any(|m| m.eq_ignore_ascii_case(b"no-cache"));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(lines: &[(&str, &str)]) -> ResponseDirectives {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
        ResponseDirectives::of(&fields)
    }

    #[test]
    fn the_first_of_two_times_counts_and_a_malformed_one_is_zero() {
        let read =
            response(&[("Cache-Control", "max-age=1800, max-age=1"), ("cache-control", "MAX-AGE=7, S-MaxAge=5")]);
        assert_eq!((read.max_age, read.s_maxage), (Some(1800), Some(5)));
        for (written, time) in
            [("max-age=\"60\"", Some(60)), ("max-age='60'", Some(0)), ("max-age", Some(0)), ("max-age =60", None)]
        {
            assert_eq!(response(&[("Cache-Control", written)]).max_age, time, "{written}");
        }
        assert_eq!(response(&[("Cache-Control", "x=\"max-age=9, no-store\", max-age=1")]).max_age, Some(1));
        assert!(!response(&[("Cache-Control", "x=\"max-age=9, no-store\"")]).no_store);
    }

    #[test]
    fn names_in_quotes_are_fields_that_are_not_stored() {
        let read = response(&[("Cache-Control", "no-cache=\"a, B\", private=\"c\", public")]);
        let names: Vec<&[u8]> = read.not_stored.iter().map(|name| &**name).collect();
        assert_eq!(names, [&b"a"[..], b"B", b"c"]);
        assert!(read.public && !read.no_cache && !read.private);
        assert!(response(&[("Cache-Control", "No-Cache, PRIVATE")]).private);
    }

    #[test]
    fn a_targeted_field_replaces_the_general_one() {
        let general = ("Cache-Control", "no-store");
        let read = response(&[general, ("CDN-Cache-Control", "max-age=99999999999, foo")]);
        assert!(read.targeted && !read.no_store);
        assert_eq!(read.max_age, Some(1 << 31));
        for wrong in ["max-age=10000, &&&&&", "max-age=\"10000\"", "max-age =100", ""] {
            let read = response(&[general, ("CDN-Cache-Control", wrong)]);
            assert!(!read.targeted && read.no_store, "{wrong}");
        }
        assert!(response(&[("Cache-Control", "max-age=9"), ("CDN-Cache-Control", "private")]).private);
    }

    #[test]
    fn clients_say_what_they_accept() {
        let read = |name: &str, value: &str| {
            let mut fields = Fields::default();
            fields.append(name, value.as_bytes());
            RequestDirectives::of(&fields)
        };
        assert_eq!(read("Cache-Control", "max-age=0, min-fresh=5, max-stale").max_stale, Some(u64::MAX));
        assert_eq!(read("Cache-Control", "max-stale=5").max_stale, Some(5));
        assert!(read("Cache-Control", "only-if-cached").only_if_cached);
        assert!(read("Pragma", "no-cache").no_cache);
        assert!(!read("Pragma", "foo").no_cache);
    }
}
