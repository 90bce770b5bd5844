//! Which bytes may stand where in a URL (RFC 3986).

use proxy_http::hex;

/// Whether a host name may hold `byte`. Brackets and colons are another matter.
pub(super) fn in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether `byte` may stand in a path or query. `%` is another matter.
fn in_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Percent-encodes what may not stand in a path or query, in `out` from `start` on. Percent-escapes that stand there
/// already are left alone, but for the one of NUL: no path may say NUL in either way, so the byte itself is left out.
pub(super) fn escape(out: &mut Vec<u8>, start: usize) {
    escape_unless(out, start, |text| match text {
        [b'%', b'0', b'0', ..] => false,
        [b'%', a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        [b'%', ..] | [] => false,
        [byte, ..] => in_path(*byte),
    });
}

/// The same for a value that was decoded already: a `%` in it is one, and what would end a path or part a query does
/// not.
pub(super) fn escape_decoded(out: &mut Vec<u8>, start: usize) {
    escape_unless(out, start, |text| {
        text.first().is_some_and(|byte| in_path(*byte) && !matches!(byte, b'%' | b'?' | b'&' | b'=' | b'+' | b';'))
    });
}

/// Percent-encodes the bytes of `out` from `start` on, except where `keep` says so of what begins there.
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

/// Whether the path in `target` has a `.` or `..` segment, percent-encoded ones and those between encoded separators
/// included.
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
            // Parameters of a segment hide its dots from nobody who knows them.
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
