//! Dates of fields, in seconds since 1970.

use std::time::{SystemTime, UNIX_EPOCH};

/// Names of days as dates have them.
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Reads a date in one of the three forms of RFC 9110, section 5.6.7, in any letter case, even if another day of the
/// week stands before it than it is.
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
    let time = httpdate::parse_http_date(&plain).ok().or_else(|| of_another_day(&plain))?;
    Some(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

fn of_another_day(plain: &str) -> Option<SystemTime> {
    let (day, rest) = plain.split_at(plain.find([' ', ','])?);
    let short = |name: &'static str| if day.len() == 3 { &name[..3] } else { name };
    DAYS.iter().any(|name| short(name) == day).then_some(())?;
    DAYS.iter().find_map(|name| httpdate::parse_http_date(&format!("{}{rest}", short(name))).ok())
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
            "Mon Nov  6 08:49:37 1994",
            "Wed, 06 Nov 1994 08:49:37 GMT",
            "Friday, 06-Nov-94 08:49:37 GMT",
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
            "Day, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 2050 02:01:18 GMT",
            "",
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
