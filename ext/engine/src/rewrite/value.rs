//! Numbers and times as text, without allocating.

use std::time::Duration;

/// A number in decimal.
pub(crate) fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// `180us`, and from a millisecond on `12.345ms`.
pub(crate) fn response_time(out: &mut Vec<u8>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    if micros < 1_000 {
        number(out, micros);
        out.extend_from_slice(b"us");
    } else {
        millis(out, time);
        out.extend_from_slice(b"ms");
    }
}

/// Milliseconds with three decimals: `12.345`.
pub(crate) fn millis(out: &mut Vec<u8>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    number(out, micros / 1_000);
    out.push(b'.');
    for power in [100, 10, 1] {
        out.push(b'0' + (micros % 1_000 / power % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn numbers_have_no_leading_zeros() {
        for n in [0, 1, 9, 10, 200, 65_535, u64::MAX] {
            assert_eq!(text(|out| number(out, n)), n.to_string());
        }
    }

    #[test]
    fn response_times_change_their_unit_at_a_millisecond() {
        for (micros, written) in [
            (0, "0us"),
            (180, "180us"),
            (999, "999us"),
            (1_000, "1.000ms"),
            (12_345, "12.345ms"),
            (3_000_070, "3000.070ms"),
        ] {
            assert_eq!(text(|out| response_time(out, Duration::from_micros(micros))), written);
        }
    }
}
