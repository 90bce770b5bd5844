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

/// Appends `number` in lower-case digits.
pub fn push(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 16];
    for (two, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        two.copy_from_slice(&pair(byte, LOWER));
    }
    let zeros = (number.leading_zeros() / 4).min(15) as usize;
    out.extend_from_slice(&digits[zeros..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_leading_zeros() {
        for number in [0, 1, 15, 16, 0x1a0, 65_535, u64::from(u32::MAX) + 1, u64::MAX] {
            let mut out = Vec::new();
            push(&mut out, number);
            assert_eq!(out, format!("{number:x}").as_bytes());
        }
    }

    #[test]
    fn bytes_have_two_digits() {
        assert_eq!((&pair(0x0f, LOWER), &pair(0xa0, UPPER), &percent(0x5c)), (b"0f", b"A0", b"%5C"));
    }
}
