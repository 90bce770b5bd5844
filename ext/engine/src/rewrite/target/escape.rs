//! Which bytes may stand where in a URL (RFC 3986).

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
    let end = out.len();
    let keep = |out: &[u8], i: usize| match out[i] {
        b'%' => match &out[i + 1..end] {
            [b'0', b'0', ..] => false,
            [a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
            _ => false,
        },
        byte => in_path(byte),
    };
    if (start..end).all(|i| keep(out, i)) {
        return;
    }
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for i in start..end {
        let byte = out[i];
        if keep(out, i) {
            out.push(byte);
        } else if byte != 0 {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    out.drain(start..end);
}

/// Whether the path in `target` has a `.` or `..` segment, percent-encoded ones included.
pub(super) fn has_dot_segments(target: &[u8]) -> bool {
    let path = target.split(|b| *b == b'?').next().unwrap_or_default();
    path.split(|b| *b == b'/').any(|segment| {
        let mut rest = segment;
        let mut dots = 0;
        loop {
            rest = match rest {
                [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
                [] => return dots == 1 || dots == 2,
                _ => return false,
            };
            dots += 1;
        }
    })
}
