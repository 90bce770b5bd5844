//! Bytes that are allowed in the parts of a URL (RFC 3986).

use proxy_http::hex;

/// Whether a host name may contain `byte`. Brackets and colons are handled elsewhere.
pub(super) fn in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a path or query may contain `byte`. `%` is handled elsewhere.
fn in_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Percent-encodes bytes that a path or query may not contain, in `out` from `start` on. Existing percent-escapes stay,
/// except `%00`: no path may contain NUL in either form, so the byte is left out.
pub(super) fn escape(out: &mut Vec<u8>, start: usize) {
    escape_unless(out, start, |text| match text {
        [b'%', b'0', b'0', ..] => false,
        [b'%', a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        [b'%', ..] | [] => false,
        [byte, ..] => in_path(*byte),
    });
}

/// Percent-encodes a decoded value in `out` from `start` on: `%` and bytes that would end a path or separate a query's
/// parameters are encoded too.
pub(super) fn escape_decoded(out: &mut Vec<u8>, start: usize) {
    escape_unless(out, start, |text| {
        text.first().is_some_and(|byte| in_path(*byte) && !matches!(byte, b'%' | b'?' | b'&' | b'=' | b'+' | b';'))
    });
}

/// Percent-encodes the bytes of `out` from `start` on, except those for which `keep` returns true. `keep` gets the text
/// that begins with the byte.
fn escape_unless(out: &mut Vec<u8>, start: usize, keep: impl Fn(&[u8]) -> bool) {
    let end = out.len();
    if (start..end).all(|i| keep(&out[i..end])) {
        return;
    }
    for i in start..end {
        let byte = out[i];
        if keep(&out[i..end]) {
            out.push(byte);
        } else if byte != 0 {
            out.extend_from_slice(&hex::percent(byte));
        }
    }
    out.drain(start..end);
}

/// Whether the path in `target` has a `.` or `..` segment. Percent-encoded dots and dots between encoded separators
/// count too.
pub(super) fn has_dot_segments(target: &[u8]) -> bool {
    let path = target.split(|b| *b == b'?').next().unwrap_or_default();
    let mut rest = path;
    let mut dots = 0;
    let mut only_dots = false;
    loop {
        rest = match rest {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => {
                dots += 1;
                rest
            }
            // Servers that know parameters of segments see the dots before them.
            [b';', rest @ ..] | [b'%', b'3', b'b' | b'B', rest @ ..] => {
                if only_dots && (dots == 1 || dots == 2) {
                    return true;
                }
                only_dots = false;
                rest
            }
            [b'/' | b'\\', ..] | [b'%', b'2', b'f' | b'F', ..] | [b'%', b'5', b'c' | b'C', ..] | [] => {
                if only_dots && (dots == 1 || dots == 2) {
                    return true;
                }
                (only_dots, dots) = (true, 0);
                match rest {
                    [] => return false,
                    [b'%', _, _, rest @ ..] | [_, rest @ ..] => rest,
                }
            }
            [_, rest @ ..] => {
                only_dots = false;
                rest
            }
        };
    }
}
