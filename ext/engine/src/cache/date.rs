//! Dates of fields, in seconds since 1970.

use std::time::UNIX_EPOCH;

/// Reads a date in one of the three forms of RFC 9110, section 5.6.7, in any letter case.
pub(crate) fn parse(text: &[u8]) -> Option<u64> {
    let mut plain = String::with_capacity(text.len());
    let mut inside = false;
    for byte in text {
        if !matches!(byte, b' '..=b'~') {
            return None;
        }
        let letter = byte.is_ascii_alphabetic();
        plain.push(char::from(if inside { byte.to_ascii_lowercase() } else { byte.to_ascii_uppercase() }));
        inside = letter;
    }
    let plain = match plain.strip_suffix(" Gmt") {
        Some(rest) => format!("{rest} GMT"),
        None => plain,
    };
    let time = httpdate::parse_http_date(&plain).ok()?;
    Some(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_in_any_letter_case_are_dates() {
        for same in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "SUN, 06 nov 1994 08:49:37 gMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(same.as_bytes()), Some(784_111_777), "{same}");
        }
        for wrong in [
            "0",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "",
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
