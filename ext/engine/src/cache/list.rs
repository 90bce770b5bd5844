//! Members of a list field (RFC 9110, section 5.6.1) whose values may be quoted.

/// Splits a field value at its commas, except those in quoted strings. Empty members are left out.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || loop {
        if rest.is_empty() {
            return None;
        }
        let end = end_of_member(rest);
        let member = rest[..end].trim_ascii();
        rest = rest.get(end + 1..).unwrap_or_default();
        if !member.is_empty() {
            return Some(member);
        }
    })
}

fn end_of_member(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// A directive of a list: its name, and its value without quotes if it has one. White space around `=` belongs to the
/// name or the value, so that neither is then known.
pub(crate) fn directive(member: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'=', member) {
        Some(at) => (&member[..at], Some(unquoted(&member[at + 1..]))),
        None => (member, None),
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// A number of seconds in decimal digits; one too large for 31 bits counts as 2³¹ (RFC 9111, section 1.2.2).
pub(crate) fn seconds(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = text.iter().map(|digit| u64::from(digit - b'0'));
    Some(digits.fold(0, |sum: u64, digit| (sum * 10 + digit).min(1 << 31)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_commas_do_not_split() {
        let split =
            |text: &'static str| members(text.as_bytes()).map(|m| m.escape_ascii().to_string()).collect::<Vec<_>>();
        assert_eq!(split("a, b=\"c, d\" ,, e"), ["a", "b=\\\"c, d\\\"", "e"]);
        assert_eq!(split("x=\"a\\\", b\", y"), ["x=\\\"a\\\\\\\", b\\\"", "y"]);
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(split(" , "), Vec::<String>::new());
    }

    #[test]
    fn directives_have_values_without_quotes() {
        assert_eq!(directive(b"max-age=\"5\""), (&b"max-age"[..], Some(&b"5"[..])));
        assert_eq!(directive(b"max-age =5"), (&b"max-age "[..], Some(&b"5"[..])));
        assert_eq!(directive(b"public"), (&b"public"[..], None));
    }

    #[test]
    fn numbers_saturate_and_have_only_digits() {
        assert_eq!(seconds(b"003600"), Some(3600));
        assert_eq!(seconds(b"99999999999999999999999999"), Some(1 << 31));
        for wrong in ["", "-1", "1.5", "a1", "1a", " 1", "'1'"] {
            assert_eq!(seconds(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
