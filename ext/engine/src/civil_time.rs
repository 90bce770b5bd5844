//! Calendar time: year, month, day and time of day, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in UTC, to the millisecond, in the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CivilTime {
    /// Day of the week: 0 is Sunday.
    week_day: u32,
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    pub(crate) millis: u32,
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

const WEEK_DAYS: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];

impl CivilTime {
    /// Converts a moment. One before 1970 counts as 1970: a clock that is so wrong is no reason to fail.
    pub(crate) fn of(moment: SystemTime) -> Self {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second_of_day = (since.as_secs() % 86_400) as u32;
        // Years that begin in March have the leap day at their end, and every era of 400 years has an equal calendar.
        let days = since.as_secs() / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self {
            // The first of March of the year 0 was a Wednesday.
            week_day: ((days + 3) % 7) as u32,
            year: year as u32,
            month: month as u32,
            day: day as u32,
            hour: second_of_day / 3_600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            millis: since.subsec_millis(),
        }
    }

    /// Appends the time as `2026-01-31T12:00:00.123Z` (RFC 3339).
    pub(crate) fn write_rfc3339(&self, out: &mut Vec<u8>) {
        self.write_date(out);
        out.push(b'T');
        self.write_time(out);
        out.push(b'.');
        digits(out, self.millis, 3);
        out.push(b'Z');
    }

    /// Appends the time as `2026-01-31:12:00:00:123`, the `{start_time}` of string rewrites.
    pub(crate) fn write_start_time(&self, out: &mut Vec<u8>) {
        self.write_date(out);
        out.push(b':');
        self.write_time(out);
        out.push(b':');
        digits(out, self.millis, 3);
    }

    /// The time as `Sat, 31 Jan 2026 12:00:00 GMT` (RFC 9110, section 5.6.7), in the years up to 9999.
    pub(crate) fn http_date(&self) -> [u8; 29] {
        let mut text = *b"Day, 00 Mon 0000 00:00:00 GMT";
        text[..3].copy_from_slice(WEEK_DAYS[self.week_day as usize % 7]);
        text[8..11].copy_from_slice(MONTHS[self.month as usize - 1]);
        for (at, number) in [
            (5, self.day),
            (12, self.year / 100),
            (14, self.year % 100),
            (17, self.hour),
            (20, self.minute),
            (23, self.second),
        ] {
            text[at] = b'0' + (number / 10 % 10) as u8;
            text[at + 1] = b'0' + (number % 10) as u8;
        }
        text
    }

    /// Appends the time as `31/Jan/2026:12:00:00 +0000`, as in the common log format.
    pub(crate) fn write_common_log(&self, out: &mut Vec<u8>) {
        digits(out, self.day, 2);
        out.push(b'/');
        out.extend_from_slice(MONTHS[self.month as usize - 1]);
        out.push(b'/');
        digits(out, self.year, 4);
        out.push(b':');
        self.write_time(out);
        out.extend_from_slice(b" +0000");
    }

    fn write_date(&self, out: &mut Vec<u8>) {
        digits(out, self.year, 4);
        out.push(b'-');
        digits(out, self.month, 2);
        out.push(b'-');
        digits(out, self.day, 2);
    }

    fn write_time(&self, out: &mut Vec<u8>) {
        digits(out, self.hour, 2);
        out.push(b':');
        digits(out, self.minute, 2);
        out.push(b':');
        digits(out, self.second, 2);
    }
}

/// Appends a number with leading zeros.
fn digits(out: &mut Vec<u8>, number: u32, width: u32) {
    for power in (0..width).rev() {
        out.push(b'0' + (number / 10u32.pow(power) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn text(write: impl Fn(&CivilTime, &mut Vec<u8>), millis: u64) -> String {
        let mut out = Vec::new();
        write(&CivilTime::of(UNIX_EPOCH + Duration::from_millis(millis)), &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn moments_are_written_in_three_ways() {
        for (millis, rfc3339, start_time, common) in [
            (0, "1970-01-01T00:00:00.000Z", "1970-01-01:00:00:00:000", "01/Jan/1970:00:00:00 +0000"),
            (1_769_860_800_123, "2026-01-31T12:00:00.123Z", "2026-01-31:12:00:00:123", "31/Jan/2026:12:00:00 +0000"),
            (951_782_400_007, "2000-02-29T00:00:00.007Z", "2000-02-29:00:00:00:007", "29/Feb/2000:00:00:00 +0000"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z", "2100-02-28:23:59:59:999", "28/Feb/2100:23:59:59 +0000"),
        ] {
            assert_eq!(text(CivilTime::write_rfc3339, millis), rfc3339);
            assert_eq!(text(CivilTime::write_start_time, millis), start_time);
            assert_eq!(text(CivilTime::write_common_log, millis), common);
        }
    }

    #[test]
    fn every_day_up_to_2200_agrees_with_the_http_date() {
        for day in 0..84_000 {
            let moment = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_723);
            let expected = httpdate::fmt_http_date(moment);
            assert_eq!(CivilTime::of(moment).http_date(), expected.as_bytes(), "{expected}");
        }
    }
}
