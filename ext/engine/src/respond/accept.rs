//! Content negotiation (RFC 9110, section 12.5.1).

use proxy_http::headers::quality::quality;

use super::BodyFormat;

/// Preference for a format. The order of the members decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    /// Quality, in thousandths.
    quality: u16,
    /// Precision of the range: 3 for `text/html`, 2 for `text/*`, 1 for `*/*`.
    precision: u8,
    /// Position in the list: ranges further to the left count more.
    earliness: usize,
}

/// The offered format that the values of the `Accept` lines prefer. `default` breaks ties, and is chosen if no offered
/// format is accepted. Malformed elements are ignored.
pub(super) fn choose<'v>(
    accept: impl IntoIterator<Item = &'v [u8]>,
    offered: [bool; 3],
    default: BodyFormat,
) -> BodyFormat {
    let mut wishes: [Option<Wish>; 3] = [None; 3];
    let mut earliness = usize::MAX;
    for element in accept.into_iter().flat_map(|line| Pieces { rest: Some(line), separator: b',' }) {
        let Some((range, quality)) = parse(element) else { continue };
        earliness -= 1;
        for (format, wish) in BodyFormat::ALL.into_iter().zip(&mut wishes) {
            let precision = range.precision_for(format);
            // The most precise range that matches decides for a format.
            if precision > wish.map_or(0, |wish| wish.precision) {
                *wish = Some(Wish { quality, precision, earliness });
            }
        }
    }
    BodyFormat::ALL
        .into_iter()
        .filter(|format| offered[*format as usize])
        .filter_map(|format| {
            Some((wishes[format as usize].filter(|wish| wish.quality > 0)?, format == default, format))
        })
        .max_by_key(|(wish, is_default, format)| (*wish, *is_default, std::cmp::Reverse(*format as u8)))
        .map_or(default, |(.., format)| format)
}

/// Whether the values of the `Accept` lines accept `main/sub`. Without a line, everything is accepted.
pub(crate) fn takes<'v>(accept: impl IntoIterator<Item = &'v [u8]>, main: &[u8], sub: &[u8]) -> bool {
    let mut lines = accept.into_iter().peekable();
    if lines.peek().is_none() {
        return true;
    }
    let elements = lines.flat_map(|line| Pieces { rest: Some(line), separator: b',' });
    let ranges = elements.filter_map(parse).map(|(range, quality)| (range.precision(main, sub), quality));
    // The most precise range decides; of several, the one with the highest quality.
    ranges.filter(|(precision, _)| *precision > 0).max().is_some_and(|(_, quality)| quality > 0)
}

/// `type/subtype`, either of which may be `*`.
struct Range<'v> {
    main: &'v [u8],
    sub: &'v [u8],
}

impl Range<'_> {
    /// Precision of the range for the format; 0 if it does not cover the format.
    fn precision_for(&self, format: BodyFormat) -> u8 {
        match format {
            BodyFormat::Plain => self.precision(b"text", b"plain"),
            BodyFormat::Json => self.precision(b"application", b"json"),
            BodyFormat::Html => self.precision(b"text", b"html"),
        }
    }

    /// Precision of the range for the media type; 0 if it does not cover the type.
    fn precision(&self, main: &[u8], sub: &[u8]) -> u8 {
        match (self.main, self.sub) {
            (b"*", b"*") => 1,
            (this, b"*") if this.eq_ignore_ascii_case(main) => 2,
            (this, that) if this.eq_ignore_ascii_case(main) && that.eq_ignore_ascii_case(sub) => 3,
            _ => 0,
        }
    }
}

/// One element of `Accept`: its range, and its quality in thousandths.
fn parse(element: &[u8]) -> Option<(Range<'_>, u16)> {
    let mut pieces = Pieces { rest: Some(element), separator: b';' };
    let range = pieces.next()?.trim_ascii();
    let slash = memchr::memchr(b'/', range)?;
    let range = Range { main: &range[..slash], sub: &range[slash + 1..] };
    if range.main.is_empty() || range.sub.is_empty() || (range.main == b"*" && range.sub != b"*") {
        return None;
    }
    for parameter in pieces {
        let equals = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
        let name = parameter[..equals].trim_ascii();
        if name.eq_ignore_ascii_case(b"q") {
            // The rest are extensions, of which none was ever defined.
            return Some((range, quality(parameter.get(equals + 1..)?.trim_ascii())?));
        }
        if !name.is_empty() && !name.eq_ignore_ascii_case(b"charset") {
            // A range with a parameter, such as `text/html;level=1`, is not what we offer.
            return None;
        }
    }
    Some((range, 1000))
}

/// The pieces of a list. A separator inside a quoted string does not count.
struct Pieces<'v> {
    rest: Option<&'v [u8]>,
    separator: u8,
}

impl<'v> Iterator for Pieces<'v> {
    type Item = &'v [u8];

    fn next(&mut self) -> Option<&'v [u8]> {
        let text = self.rest.take()?;
        let mut quoted = false;
        let mut i = 0;
        while i < text.len() {
            match text[i] {
                b'"' => quoted = !quoted,
                b'\\' if quoted => i += 1,
                byte if byte == self.separator && !quoted => {
                    self.rest = Some(&text[i + 1..]);
                    return Some(&text[..i]);
                }
                _ => {}
            }
            i += 1;
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use BodyFormat::{Html, Json, Plain};

    fn of(lines: &[&str], offered: [bool; 3], default: BodyFormat) -> BodyFormat {
        choose(lines.iter().map(|line| line.as_bytes()), offered, default)
    }

    #[test]
    fn the_most_wanted_format_is_chosen() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        for (accept, format) in [
            ("", Plain),
            ("*/*", Plain),
            (browser, Html),
            ("application/json", Json),
            ("APPLICATION/JSON", Json),
            ("application/json, text/plain, */*", Json),
            ("text/plain, application/json", Plain),
            ("text/html;q=0.5, application/json;q=0.8", Json),
            ("text/html;q=0.8, application/json;q=0.8", Html),
            ("text/html;q=0.8, application/json;q=0.80", Html),
            ("text/html;q=0.123, application/json;q=0.124", Json),
            ("text/*", Plain),
            ("text/*;q=0.3, text/plain;q=0", Html),
            ("text/*, text/html;q=0.9, application/json;q=0.95", Plain),
            ("*/*;q=0.1, application/*;q=0.2", Json),
            ("text/plain;q=0", Plain),
            ("text/plain;q=0, */*", Json),
            ("text/plain;q=0.0, application/json;q=0.000, */*;q=0.1", Html),
            ("image/png", Plain),
            ("application/problem+json", Plain),
            ("text/html;level=1, application/json;q=0.1", Json),
            ("text/html; charset=utf-8", Html),
            ("text/html ; Q=0.4 , application/json ; q = 0.3", Html),
            ("text/html;q=0.4;ext=1, application/json;q=0.3", Html),
            ("application/x;p=\"a,text/html\", application/json;q=0.1", Json),
            ("application/x;p=\"a\\\",text/html\", application/json;q=0.1", Json),
            ("text/html;q=2, application/json;q=0.1", Json),
            ("text/html;q=0.1234, application/json;q=0.1", Json),
            ("text/html;q=, application/json;q=0.1", Json),
            ("text/html;q=1.1, application/json;q=0.1", Json),
            ("html, */html, text/, /html, ,,;, application/json;q=0.1", Json),
        ] {
            assert_eq!(of(&[accept], [true; 3], Plain), format, "{accept}");
        }
    }

    #[test]
    fn a_type_is_taken_if_the_most_precise_range_says_so() {
        for (accept, taken) in [
            (None, true),
            (Some(""), false),
            (Some("*/*"), true),
            (Some("image/*"), true),
            (Some("image/png"), true),
            (Some("IMAGE/PNG;q=0.1"), true),
            (Some("image/png;q=0, */*"), false),
            (Some("image/*;q=0, image/png"), true),
            (Some("image/png;q=0, image/png;q=0.5"), true),
            (Some("text/html"), false),
        ] {
            let lines = accept.map(str::as_bytes);
            assert_eq!(takes(lines, b"image", b"png"), taken, "{accept:?}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(of(&["text/html;q=0.5", "application/json"], [true; 3], Plain), Json);
        assert_eq!(of(&[], [true; 3], Html), Html);
    }

    #[test]
    fn the_default_breaks_ties_and_serves_who_wants_nothing_that_there_is() {
        for (accept, offered, format) in [
            ("*/*", [true, true, true], Html),
            ("application/json", [true, false, true], Html),
            ("text/html;q=0, application/json", [true, false, true], Html),
            ("text/plain", [true, false, true], Plain),
            ("text/*", [true, false, true], Html),
        ] {
            assert_eq!(of(&[accept], offered, Html), format, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_choose_something_that_is_offered(
            lines in proptest::collection::vec(
                prop_oneof![proptest::collection::vec(any::<u8>(), 0..60), "[a-z*/;=,.q0-9\" \
                    \\\\]{0,60}".prop_map(String::into_bytes)],
                0..3,
            ),
            plain in any::<bool>(),
            json in any::<bool>(),
        ) {
            let offered = [plain, json, true];
            let chosen = choose(lines.iter().map(Vec::as_slice), offered, Html);
            prop_assert!(offered[chosen as usize]);
        }

        #[test]
        fn the_higher_quality_wins(html in 1..=1000u16, json in 1..=1000u16) {
            let q = |n: u16| format!("{}.{:03}", n / 1000, n % 1000);
            let accept = format!("text/html;q={}, application/json;q={}", q(html), q(json));
            let expected = if json > html { Json } else { Html };
            prop_assert_eq!(of(&[&accept], [true; 3], Plain), expected);
        }
    }
}
