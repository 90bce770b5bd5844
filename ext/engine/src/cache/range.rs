//! Ranges of a stored response (RFC 9110, section 14). A request for several ranges gets the whole.

use proxy_http::message::{Fields, Known};

/// What a client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// The bytes from the first to before the second.
    Bytes(u64, u64),
    /// None of its bytes are there: 416.
    Nothing,
}

/// Reads `Range` for a response of `length` bytes.
pub(crate) fn of(request: &Fields, length: u64) -> Part {
    let mut lines = request.all(Known::Range);
    let (Some(line), None) = (lines.next(), lines.next()) else { return Part::Whole };
    let (unit, range) = line.split_at(line.len().min(6));
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return Part::Whole;
    }
    let range = range.trim_ascii();
    let Some(dash) = memchr::memchr(b'-', range) else { return Part::Whole };
    let (first, last) = (number(&range[..dash]), number(&range[dash + 1..]));
    match (first, last) {
        (Digits::None, Digits::Number(0)) => Part::Nothing,
        (Digits::None, Digits::Number(_)) if length == 0 => Part::Nothing,
        (Digits::None, Digits::Number(last)) => Part::Bytes(length.saturating_sub(last), length),
        (Digits::Number(first), Digits::Number(last)) if last < first => Part::Whole,
        (Digits::Number(first), Digits::None | Digits::Number(_)) if first >= length => Part::Nothing,
        (Digits::Number(first), Digits::None) => Part::Bytes(first, length),
        (Digits::Number(first), Digits::Number(last)) => Part::Bytes(first, last.saturating_add(1).min(length)),
        _ => Part::Whole,
    }
}

enum Digits {
    None,
    Number(u64),
    Wrong,
}

fn number(text: &[u8]) -> Digits {
    match text {
        [] => Digits::None,
        digits if digits.iter().all(u8::is_ascii_digit) => {
            let digits = digits.iter().map(|digit| u64::from(digit - b'0'));
            Digits::Number(digits.fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(digit)))
        }
        _ => Digits::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_and_others_get_the_whole() {
        let part = |range: &str| {
            let mut fields = Fields::default();
            fields.append("Range", range.as_bytes());
            of(&fields, 10)
        };
        for (range, wanted) in [
            ("bytes=0-1", Part::Bytes(0, 2)),
            ("Bytes=3-", Part::Bytes(3, 10)),
            ("bytes=3-99999999999999999999999", Part::Bytes(3, 10)),
            ("bytes=-4", Part::Bytes(6, 10)),
            ("bytes=-40", Part::Bytes(0, 10)),
            ("bytes=10-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=5-3", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=-", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(range), wanted, "{range}");
        }
        assert_eq!(of(&Fields::default(), 10), Part::Whole);
    }
}
