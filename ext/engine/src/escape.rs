//! Escaping of values inside a line and of text in HTML.

use std::fmt::{self, Write as _};

use proxy_http::hex;

const ELLIPSIS: &[u8] = "…".as_bytes();

/// Whether nobody would see a character, which could move the cursor of a terminal or show what follows in another
/// order: one of control or format (Unicode 16, categories Cc and Cf), or an end of a line.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || c >= '\u{ad}'
            && matches!(
                c,
                '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
                | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
                | '\u{e0020}'..='\u{e007f}'
            )
}

/// Escapes quotes, backslashes, control characters and everything beyond ASCII in `out` from `start` on, as `\"`, `\\`
/// and `\xHH`. An ellipsis, which stands for what is hidden, stays. So text from a client can end neither a line nor a
/// quoted value.
pub(crate) fn escape(out: &mut Vec<u8>, start: usize) {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if out[start..].iter().all(|byte| plain(*byte)) {
        return;
    }
    // The escaped text is put behind the original, which is then removed: this needs no second buffer.
    let end = out.len();
    let mut i = start;
    while i < end {
        if out[i..end].starts_with(ELLIPSIS) {
            out.extend_from_slice(ELLIPSIS);
            i += ELLIPSIS.len();
            continue;
        }
        match out[i] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte if plain(byte) => out.push(byte),
            byte => {
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(&hex::pair(byte, hex::LOWER));
            }
        }
        i += 1;
    }
    out.drain(start..end);
}

/// Appends the escaped `value`, or a `-` if it is empty.
pub(crate) fn push_or_dash(out: &mut Vec<u8>, value: &[u8]) {
    if value.is_empty() {
        out.push(b'-');
    } else {
        let start = out.len();
        out.extend_from_slice(value);
        escape(out, start);
    }
}

/// Appends `value` as a JSON string. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn push_json(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    if value.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(value);
    } else {
        for chunk in value.utf8_chunks() {
            for c in chunk.valid().chars() {
                push_json_char(out, c);
            }
            if !chunk.invalid().is_empty() {
                push_json_char(out, '\u{fffd}');
            }
        }
    }
    out.push(b'"');
}

fn push_json_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        c if is_unseen(c) => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                out.extend([12, 8, 4, 0].map(|shift| hex::LOWER[usize::from(*unit >> shift) & 15]));
            }
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Text of a page, which stands between tags or in an attribute with double quotes.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                // None of them has a meaning here; bidirectional ones could show a name as another.
                unseen if is_unseen(unseen) && !unseen.is_whitespace() => out.write_char('\u{fffd}')?,
                character => out.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_escaped_where_they_must_be() {
        for (value, escaped) in [
            ("plain text~", "plain text~"),
            ("a\"b\\c", "a\\\"b\\\\c"),
            ("a\r\nb\tc\u{7f}", "a\\x0d\\x0ab\\x09c\\x7f"),
            ("é", "\\xc3\\xa9"),
            ("é…\u{2027}…", "\\xc3\\xa9…\\xe2\\x80\\xa7…"),
            ("", ""),
        ] {
            let mut out = b"\n\"".to_vec();
            out.extend_from_slice(value.as_bytes());
            escape(&mut out, 2);
            assert_eq!(String::from_utf8_lossy(&out[2..]), escaped);
            assert_eq!(&out[..2], b"\n\"");
        }
    }

    #[test]
    fn what_nobody_sees_is_shown_or_replaced() {
        let mut out = Vec::new();
        push_json(&mut out, "a\u{202e}b\u{200f}c\u{e0041}d\u{e9}".as_bytes());
        assert_eq!(String::from_utf8_lossy(&out), "\"a\\u202eb\\u200fc\\udb40\\udc41d\u{e9}\"");
        assert_eq!(Escaped("<\u{200e}\u{2066}\u{9b}a\tb").to_string(), "&lt;\u{fffd}\u{fffd}\u{fffd}a\tb");
    }

    proptest! {
        #[test]
        fn a_json_value_is_read_back_as_it_was(value in ".{0,40}") {
            let mut out = Vec::new();
            push_json(&mut out, value.as_bytes());
            prop_assert!(!out.contains(&b'\n'));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), value);
        }

        #[test]
        fn any_bytes_become_json(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut out = Vec::new();
            push_json(&mut out, &value);
            let read = serde_json::from_slice::<String>(&out).expect("JSON");
            prop_assert_eq!(read, String::from_utf8_lossy(&value));
        }
    }
}
