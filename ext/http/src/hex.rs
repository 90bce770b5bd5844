//! Hexadecimal digits.

/// Lower-case digits, `0` to `9` and `a` to `f`.
pub const LOWER: &[u8; 16] = b"0123456789abcdef";
/// Upper-case digits, `0` to `9` and `A` to `F`, as in percent-escapes (RFC 3986, section 2.1).
pub const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// The two hexadecimal digits of a byte.
pub fn pair(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// The percent-escape of a byte: `%` and two digits.
pub fn percent(byte: u8) -> [u8; 3] {
    let [high, low] = pair(byte, UPPER);
    [b'%', high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_two_digits() {
        assert_eq!((&pair(0x0f, LOWER), &pair(0xa0, UPPER), &percent(0x5c)), (b"0f", b"A0", b"%5C"));
    }
}
