//! Dictionaries of structured fields (RFC 9651, section 4.2.2), as far as `CDN-Cache-Control` needs them: the keys, and
//! of their values whether they are true, a number or text.

/// The value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    True,
    False,
    Integer(i64),
    /// A string with its escapes, a token, or bytes.
    Text(&'a [u8]),
    /// A value of another type.
    Other,
}

/// Reads a whole dictionary. `None` if it is malformed anywhere. A key that stands twice has its last value.
pub(crate) fn dictionary(text: &[u8]) -> Option<Vec<(&[u8], Item<'_>)>> {
    let mut parser = Parser { rest: text.trim_ascii() };
    let mut pairs: Vec<(&[u8], Item<'_>)> = Vec::new();
    while !parser.rest.is_empty() {
        let key = parser.key()?;
        let item = if parser.take(b'=') { parser.value()? } else { Item::True };
        parser.parameters()?;
        pairs.retain(|(known, _)| *known != key);
        pairs.push((key, item));
        parser.skip_white();
        if parser.rest.is_empty() {
            break;
        }
        if !parser.take(b',') {
            return None;
        }
        parser.skip_white();
        if parser.rest.is_empty() {
            return None;
        }
    }
    Some(pairs)
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn take(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn skip_white(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let first = *self.rest.first()?;
        if !first.is_ascii_lowercase() && first != b'*' {
            return None;
        }
        let belongs = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.' | b'*');
        Some(self.take_while(belongs))
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            while self.take(b' ') {}
            self.key()?;
            if self.take(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    fn value(&mut self) -> Option<Item<'a>> {
        if !self.take(b'(') {
            return self.item();
        }
        loop {
            while self.take(b' ') {}
            if self.take(b')') {
                return Some(Item::Other);
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.rest.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item<'a>> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b':' => {
                self.rest = &self.rest[1..];
                let bytes = self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
                self.take(b':').then_some(Item::Text(bytes))
            }
            b'?' => {
                self.rest = &self.rest[1..];
                match (self.take(b'1'), self.take(b'0')) {
                    (true, _) => Some(Item::True),
                    (_, true) => Some(Item::False),
                    _ => None,
                }
            }
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                let belongs = |b: u8| proxy_http::message::is_token_byte(b) || matches!(b, b':' | b'/');
                Some(Item::Text(self.take_while(belongs)))
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Item<'a>> {
        let minus = self.take(b'-');
        let digits = self.take_while(|b| b.is_ascii_digit());
        if digits.is_empty() || digits.len() > 15 {
            return None;
        }
        if self.take(b'.') {
            let places = self.take_while(|b| b.is_ascii_digit()).len();
            return (digits.len() <= 12 && (1..=3).contains(&places)).then_some(Item::Other);
        }
        let number = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(Item::Integer(if minus { -number } else { number }))
    }

    fn string(&mut self) -> Option<Item<'a>> {
        let text = &self.rest[1..];
        let mut at = 0;
        loop {
            match text.get(at)? {
                b'"' => break,
                b'\\' if matches!(text.get(at + 1), Some(b'"' | b'\\')) => at += 2,
                b' '..=b'[' | b']'..=b'~' => at += 1,
                _ => return None,
            }
        }
        self.rest = &text[at + 1..];
        Some(Item::Text(&text[..at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_read_whole_or_not_at_all() {
        let read = |text: &'static str| dictionary(text.as_bytes());
        assert_eq!(
            read("max-age=60, private"),
            Some(vec![(&b"max-age"[..], Item::Integer(60)), (b"private", Item::True)])
        );
        assert_eq!(read("a=1;q=\"x\\\"\";r, a=?0"), Some(vec![(&b"a"[..], Item::False)]));
        assert_eq!(
            read("a=(1 \"b\" c;d=1), b=:YQ==:, c=1.5, d=-3"),
            Some(vec![
                (&b"a"[..], Item::Other),
                (b"b", Item::Text(b"YQ==")),
                (b"c", Item::Other),
                (b"d", Item::Integer(-3)),
            ])
        );
        assert_eq!(
            read("a=\"x y\", b=tok/en:1"),
            Some(vec![(&b"a"[..], Item::Text(b"x y")), (b"b", Item::Text(b"tok/en:1"))])
        );
        assert_eq!(read(""), Some(vec![]));
        for wrong in [
            "max-age=10000, &&&&&",
            "max-age =1",
            "max-age= 1",
            "MaX-aGe=1",
            "a,",
            "a=",
            "a=\"x",
            "a=1 b",
            ",a",
            "a=1234567890123456",
            "a=(1",
            "a=1.",
            "a=?2",
            "a=:x",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
