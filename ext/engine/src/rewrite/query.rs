//! Queries as they are passed on.

/// Writes a query without one parameter, beginning with `?` if anything is left.
pub(crate) fn without_parameter(query: &[u8], name: &str, out: &mut Vec<u8>) {
    let parts = query.strip_prefix(b"?").unwrap_or(query).split(|b| *b == b'&');
    let is_it = |part: &&[u8]| form_urlencoded::parse(part).any(|(this, _)| this == name);
    for (i, part) in parts.filter(|part| !is_it(part) && !query.is_empty()).enumerate() {
        out.push(if i == 0 { b'?' } else { b'&' });
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_can_be_taken_out_of_a_query() {
        for (query, expected) in [
            ("?key=a", ""),
            ("?key=a&x=%20+1", "?x=%20+1"),
            ("?x=1&%6bey=a&y=2&key", "?x=1&y=2"),
            ("?x=1", "?x=1"),
            ("?key=a&", "?"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            without_parameter(query.as_bytes(), "key", &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{query}");
        }
    }
}
