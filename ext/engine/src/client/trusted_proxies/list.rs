//! Comma-separated lists, read from their end.

/// The members of a list from the last to the first, without surrounding white space. Empty members are skipped. A
/// comma within quotes does not separate members.
///
/// The last proxy has written the end of a list; the beginning may come from anybody. In a reader from the end, an
/// opened but never closed quote cannot swallow the members behind it. The cost is proportional to the part of the list
/// that is read.
pub(super) fn members_from_the_right(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    FromTheRight { rest: Some(list) }.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

struct FromTheRight<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for FromTheRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.rest.take()?;
        let mut quoted = false;
        for (at, byte) in list.iter().enumerate().rev() {
            match byte {
                b'"' if !is_escaped(&list[..at]) => quoted = !quoted,
                b',' if !quoted => {
                    self.rest = Some(&list[..at]);
                    return Some(&list[at + 1..]);
                }
                _ => {}
            }
        }
        Some(list)
    }
}

/// Whether the character behind `before` is escaped: `before` ends with an odd number of backslashes.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &str) -> Vec<String> {
        members_from_the_right(list.as_bytes()).map(|member| String::from_utf8_lossy(member).into_owned()).collect()
    }

    #[test]
    fn members_come_from_the_last_to_the_first() {
        assert_eq!(members("a, b ,c"), ["c", "b", "a"]);
        assert_eq!(members(" ,a,, b,"), ["b", "a"]);
        assert_eq!(members(""), [""; 0]);
    }

    #[test]
    fn a_comma_within_quotes_separates_nothing() {
        assert_eq!(members(r#"a, x="b,c""#), [r#"x="b,c""#, "a"]);
        assert_eq!(members(r#"a, x="b\",c", d"#), ["d", r#"x="b\",c""#, "a"]);
        assert_eq!(members(r#"a, x="b\\", c"#), ["c", r#"x="b\\""#, "a"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_swallows_nothing_behind_it() {
        assert_eq!(members(r#"for=", for=a, for=b"#)[..2], ["for=b", "for=a"]);
    }

    #[test]
    fn a_long_list_of_quotes_and_backslashes_costs_linear_time() {
        let begun = tokio::time::Instant::now();
        let list = r#"\\\""#.repeat(500_000);
        assert!(members_from_the_right(list.as_bytes()).count() <= 1);
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
