//! Numbers and times as text, without allocation.

use std::time::Duration;

use proxy_http::decimal;

/// Appends a time as `180us`, or as `12.345ms` from one millisecond on.
pub(crate) fn response_time(out: &mut Vec<u8>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    if micros < 1_000 {
        decimal::push(out, micros);
        out.extend_from_slice(b"us");
    } else {
        millis(out, time);
        out.extend_from_slice(b"ms");
    }
}

/// Appends milliseconds with three decimals: `12.345`.
pub(crate) fn millis(out: &mut Vec<u8>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    decimal::push(out, micros / 1_000);
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
