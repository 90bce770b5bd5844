//! Regular expressions in Ruby's syntax, translated for an engine that runs in linear time.

use regex::bytes::{Regex, RegexBuilder};

use crate::config;

/// Compiles an expression. Matched text has no lines: `^` and `$` are the ends of the text, and a dot also matches a
/// line break, so that a `%0A` cannot bypass `/admin/.*`. The error says what to write instead.
pub(super) fn compile(regexp: &config::Regexp) -> Result<Regex, String> {
    let written = written(regexp);
    let translated = translate(&regexp.source, regexp.extended).map_err(|why| format!("{written} {why}"))?;
    build(&translated, regexp)
        .map_err(|why| format!("{written} is not a Regexp that can be matched here: {why}: write one without it"))
}

/// The expression as `/source/mix`, for messages.
pub(super) fn written(regexp: &config::Regexp) -> String {
    let flags = [(regexp.multiline, "m"), (regexp.ignore_case, "i"), (regexp.extended, "x")];
    let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
    format!("/{}/{flags}", regexp.source)
}

fn build(translated: &str, regexp: &config::Regexp) -> Result<Regex, String> {
    RegexBuilder::new(translated)
        .unicode(needs_unicode(translated))
        .case_insensitive(regexp.ignore_case)
        .dot_matches_new_line(true)
        .ignore_whitespace(regexp.extended)
        .build()
        .map_err(|error| last_line(&error))
}

/// Whether an expression contains characters beyond ASCII. Otherwise it matches bytes, so that a dot also matches bytes
/// that are not UTF-8.
pub(super) fn needs_unicode(translated: &str) -> bool {
    !translated.is_ascii() || ["\\p", "\\P", "\\u"].iter().any(|escape| translated.contains(escape))
}

/// The message of an error, without the drawing of its position.
pub(super) fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

const LOOK: &str = "which is not supported: leave it out, and write a location before this one for what it ruled out";

/// Translates Ruby's syntax into the engine's. The error names what is not supported, and says what to write.
pub(super) fn translate(source: &str, extended: bool) -> Result<String, String> {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut quantified = false;
    while let Some(c) = rest.chars().next() {
        let was_quantified = std::mem::take(&mut quantified);
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(rest, &mut out)?,
            '[' => rest = class(rest, &mut out)?,
            '(' if rest.starts_with('?') => rest = group(rest, &mut out)?,
            '#' if extended => rest = rest.find('\n').map_or("", |end| &rest[end..]),
            '+' if was_quantified => {
                return Err(
                    "has a possessive quantifier, which is not needed where time is linear: leave out its second +"
                        .into(),
                )
            }
            _ => {
                quantified = matches!(c, '*' | '+' | '?');
                out.push(c);
            }
        }
    }
    Ok(out)
}

/// Translates the text behind a backslash, outside of a class.
fn escape<'s>(rest: &'s str, out: &mut String) -> Result<&'s str, String> {
    let Some(c) = rest.chars().next() else { return Err("ends with a backslash: leave it out".into()) };
    match c {
        '1'..='9' | 'k' => return Err(format!("has a back-reference, {LOOK}")),
        'g' => return Err(format!("calls a group with \\g, {LOOK}")),
        'Z' => return Err("has \\Z, which lets a line break follow: write \\z".into()),
        'G' | 'K' | 'R' | 'X' => return Err(format!("has \\{c}, {LOOK}")),
        _ => match plain_class(c) {
            Some(class) => {
                out.push('[');
                if c.is_ascii_uppercase() {
                    out.push('^');
                }
                out.push_str(class);
                out.push(']');
            }
            None => plain_escape(c, out),
        },
    }
    Ok(&rest[c.len_utf8()..])
}

/// Expansion of `\d` and similar classes, which in Ruby are ASCII only. Upper-case ones stand for all other characters.
fn plain_class(c: char) -> Option<&'static str> {
    Some(match c.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => " \\t\\r\\n\\x0c\\x0b",
        'h' => "0-9A-Fa-f",
        _ => return None,
    })
}

fn plain_escape(c: char, out: &mut String) {
    match c {
        // In this engine, `\<` and `\>` would be the edges of a word.
        '<' | '>' => out.push(c),
        'e' => out.push_str("\\x1b"),
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
}

/// Translates a class from behind its opening bracket, with the classes inside it.
fn class<'s>(mut rest: &'s str, out: &mut String) -> Result<&'s str, String> {
    out.push('[');
    let mut depth = 1;
    while let Some(c) = rest.chars().next() {
        let posix = rest.strip_prefix("[:").and_then(|inner| inner.find(":]")).map(|end| end + 4);
        if let Some(end) = posix {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        if rest.starts_with("--") || rest.starts_with("~~") {
            return Err(format!("has {c}{c} in a class, which can be read in two ways: write \\{c}"));
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let Some(escaped) = rest.chars().next() else { break };
                rest = &rest[escaped.len_utf8()..];
                match plain_class(escaped) {
                    Some(class) if escaped.is_ascii_lowercase() => out.push_str(class),
                    Some(class) => {
                        out.push_str("[^");
                        out.push_str(class);
                        out.push(']');
                    }
                    None if escaped == 'b' => out.push_str("\\x08"),
                    None => plain_escape(escaped, out),
                }
                continue;
            }
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        out.push(c);
        if depth == 0 {
            return Ok(rest);
        }
    }
    Err("has a [ without its ]: write \\[ for a bracket".into())
}

/// Translates a group that begins with `(?`.
fn group<'s>(rest: &'s str, out: &mut String) -> Result<&'s str, String> {
    let inner = &rest[1..];
    if inner.starts_with(['=', '!']) {
        return Err(format!("looks ahead with (?{}, {LOOK}", &inner[..1]));
    }
    if inner.starts_with("<=") || inner.starts_with("<!") {
        return Err(format!("looks back with (?{}, {LOOK}", &inner[..2]));
    }
    if inner.starts_with('>') {
        return Err("has an atomic group, which is not needed where time is linear: write (?: for (?>".into());
    }
    if let Some(comment) = inner.strip_prefix('#') {
        let end = comment.find(')').ok_or("has a comment without its )")?;
        return Ok(&comment[end + 1..]);
    }
    if let Some(quoted) = inner.strip_prefix('\'') {
        let end = quoted.find('\'').ok_or("has a group's name without its second '")?;
        out.push_str("(?<");
        out.push_str(&quoted[..end]);
        out.push('>');
        return Ok(&quoted[end + 1..]);
    }
    if let Some(named) = inner.strip_prefix('<') {
        out.push_str("(?<");
        return Ok(named);
    }
    let end = inner.find([':', ')']).ok_or("has a group without its )")?;
    let flags = &inner[..end];
    if flags.contains(|c| !matches!(c, 'm' | 'i' | 'x' | '-')) {
        return Err(format!("has a group that begins with (?{flags}, {LOOK}"));
    }
    out.push_str("(?");
    // `m` makes a dot match a line break, which it already does.
    out.push_str(flags.replace('m', "").trim_end_matches('-'));
    Ok(&inner[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regexp(source: &str, flags: &str) -> config::Regexp {
        config::Regexp {
            source: source.into(),
            ignore_case: flags.contains('i'),
            multiline: flags.contains('m'),
            extended: flags.contains('x'),
        }
    }

    #[test]
    fn expressions_match_what_ruby_matches() {
        for (source, flags, text, matches) in [
            (r"/users/(\d+)", "", &b"/x/users/7"[..], true),
            (r"\A/users/(?<id>\d+)\z", "", b"/users/7", true),
            (r"\A/users/(?<id>\d+)\z", "", b"/users/7/", false),
            (r"\A/users/(?'id'\d+)\z", "", b"/users/7", true),
            ("^/a$", "", b"/a", true),
            ("^/a$", "", b"/x\n/a", false),
            ("/A", "i", b"/a", true),
            ("a.b", "", b"a\nb", true),
            ("a.b", "m", b"a\nb", true),
            (r"a b # comment )", "x", b"ab", true),
            (r"\A\h+\z", "", b"dEadB33f", true),
            (r"\A[\h-]+\z", "", b"de-ad", true),
            (r"\A\H\z", "", b"g", true),
            (r"\A[^\H]\z", "", b"a", true),
            (r"\A\w\z", "", "é".as_bytes(), false),
            (r"é\d", "", "é7".as_bytes(), true),
            (r"é\d", "", "é٣".as_bytes(), false),
            (r"\Aa.\z", "", b"a\xff", true),
            (r"\Aa[^/]\z", "", b"a\xff", true),
            (r"(?-mix:a.b)", "", b"a.b", true),
            (r"(?m:a.b)", "", b"a\nb", true),
            (r"(?-mix:a.b)", "", b"a\nb", true),
            (r"(?-m:a.b)", "", b"a\nb", true),
            (r"(?mi-x:A.b)", "", b"a\nb", true),
            (r"\A/admin/(.*)$", "", b"/admin/\n", true),
            (r"\A/admin/(.*)$", "", b"/admin/a\nb\n", true),
            (r"a(?#not a (group)b", "", b"ab", true),
            (r"\<a\>", "", b"<a>", true),
            (r"[a[bc]]d", "", b"cd", true),
            (r"[[:digit:]\]]", "", b"]", true),
            (r"\/a\-b", "", b"/a-b", true),
            (r"\p{Greek}", "", "λ".as_bytes(), true),
        ] {
            let compiled = compile(&regexp(source, flags)).expect(source);
            assert_eq!(compiled.is_match(text), matches, "/{source}/{flags} {}", text.escape_ascii());
        }
    }

    #[test]
    fn what_there_is_not_is_refused_with_a_remedy() {
        for (source, message) in [
            (
                "a(?=b)",
                "/a(?=b)/ looks ahead with (?=, which is not supported: leave it out, and write a location before this \
                 one",
            ),
            ("a(?!b)", "/a(?!b)/ looks ahead with (?!, "),
            ("(?<=a)b", "/(?<=a)b/ looks back with (?<=, "),
            ("(?<!a)b", "/(?<!a)b/ looks back with (?<!, "),
            ("(?>a)", "/(?>a)/ has an atomic group, which is not needed where time is linear: write (?: for (?>"),
            (
                "a++",
                "/a++/ has a possessive quantifier, which is not needed where time is linear: leave out its second +",
            ),
            (r"(a)\1", r"/(a)\1/ has a back-reference, "),
            (r"(?<a>b)\k<a>", r"/(?<a>b)\k<a>/ has a back-reference, "),
            (r"a\Z", r"/a\Z/ has \Z, which lets a line break follow: write \z"),
            (r"a\R", r"/a\R/ has \R, which is not supported"),
            (r"(?<a>b)\g<a>", r"/(?<a>b)\g<a>/ calls a group with \g, "),
            ("(?~a)", "/(?~a)/ has a group that begins with (?~a, "),
            ("[a--b]", "/[a--b]/ has -- in a class, which can be read in two ways: write \\-"),
            ("[a", "/[a/ has a [ without its ]: write \\[ for a bracket"),
            ("(a", "/(a/ is not a Regexp that can be matched here: unclosed group: write one without it"),
            ("a{b", "/a{b/ is not a Regexp that can be matched here: "),
        ] {
            let error = compile(&regexp(source, "")).map(|_| ()).expect_err(source);
            assert!(error.starts_with(message), "{source}: {error}");
        }
    }
}
