//! Numbers in hexadecimal digits.

use proxy_http::hex;

/// The lower-case digits of `bytes`.
pub(super) fn digits<const BYTES: usize, const DIGITS: usize>(bytes: [u8; BYTES]) -> [u8; DIGITS] {
    let mut text = [0; DIGITS];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&hex::pair(byte, hex::LOWER));
    }
    text
}

/// The number that lower-case digits write; at most 32 of them. `None` if there is another character, or no digit.
pub(super) fn number(digits: &[u8]) -> Option<u128> {
    if digits.is_empty() || digits.len() > 32 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// The number that digits of any letter case write.
pub(super) fn any_case(digits: &[u8]) -> Option<u128> {
    let mut lower = [0; 32];
    let lower = lower.get_mut(..digits.len())?;
    lower.copy_from_slice(digits);
    lower.make_ascii_lowercase();
    number(lower)
}
