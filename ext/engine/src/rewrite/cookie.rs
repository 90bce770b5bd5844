//! Cookies of a request (RFC 6265, section 4.2).

use proxy_http::message::{Fields, Known};

/// The value of the first cookie called `name`. Names are case-sensitive; quotes around a value belong to it.
pub(crate) fn cookie<'f>(fields: &'f Fields, name: &'f [u8]) -> Option<&'f [u8]> {
    cookies(fields, name).next()
}

/// The values of all cookies called `name`, in order.
pub(crate) fn cookies<'f>(fields: &'f Fields, name: &'f [u8]) -> impl Iterator<Item = &'f [u8]> {
    fields.all(Known::Cookie).flat_map(|line| line.split(|b| *b == b';')).filter_map(move |pair| {
        let pair = pair.trim_ascii();
        pair.strip_prefix(name)?.trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii_start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut fields = Fields::default();
        fields.append("Cookie", b"a=1; session=x=y==; empty=; Session=other;bare");
        fields.append("cookie", b"b = 2");
        for (name, value) in [
            ("a", Some("1")),
            ("session", Some("x=y==")),
            ("Session", Some("other")),
            ("empty", Some("")),
            ("b", Some("2")),
            ("bare", None),
            ("sess", None),
            ("c", None),
        ] {
            assert_eq!(cookie(&fields, name.as_bytes()), value.map(str::as_bytes), "{name}");
        }
        assert_eq!(cookie(&Fields::default(), b"a"), None);
    }
}
