//! Weights of what a client accepts (RFC 9110, section 12.4.2).

/// The weight that is written so, in thousandths: `0`, `0.8`, `1.000`, with at most three decimals and at most 1.
pub fn quality(text: &[u8]) -> Option<u16> {
    let (whole, decimals) = match text {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut thousandths = u16::from(whole - b'0') * 1000;
    for (digit, weight) in decimals.iter().zip([100, 10, 1]) {
        thousandths += u16::from(digit.is_ascii_digit().then(|| digit - b'0')?) * weight;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::quality;

    #[test]
    fn only_what_the_grammar_allows_is_a_weight() {
        for (text, expected) in [("0", 0), ("1", 1000), ("0.", 0), ("0.8", 800), ("0.001", 1), ("1.000", 1000)] {
            assert_eq!(quality(text.as_bytes()), Some(expected), "{text}");
        }
        for text in ["", "2", "1.001", ".5", "0.1234", "-1", "0,5", " 0", "1e0", "00", "0.x"] {
            assert_eq!(quality(text.as_bytes()), None, "{text}");
        }
    }
}
