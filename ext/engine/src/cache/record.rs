//! Records: values in a row of bytes, as files keep them. Numbers have 8 bytes, the lowest first; texts have their
//! length before them.

/// Appends a number.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a text.
pub(super) fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    push_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// What is left to read of a record. Each value is `None` if it is not whole.
#[derive(Debug)]
pub(super) struct RecordReader<'a>(pub(super) &'a [u8]);

impl<'a> RecordReader<'a> {
    /// The next number.
    pub(super) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    /// The next number, if it is below `end`.
    pub(super) fn number_below(&mut self, end: u64) -> Option<u64> {
        self.number().filter(|number| *number < end)
    }

    /// The next text.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    /// The next text, as characters.
    pub(super) fn chars(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.text()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_and_never_in_part() {
        let mut bytes = Vec::new();
        push_text(&mut bytes, b"text");
        push_number(&mut bytes, 7);
        let mut reader = RecordReader(&bytes);
        assert_eq!((reader.chars(), reader.number_below(8), reader.number()), (Some("text"), Some(7), None));
        for length in 0..bytes.len() {
            let mut reader = RecordReader(&bytes[..length]);
            assert!(reader.text().and_then(|_| reader.number()).is_none());
        }
        let long = u64::MAX.to_le_bytes();
        assert_eq!(RecordReader(&long).text(), None);
    }
}
