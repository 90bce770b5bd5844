use super::*;

fn compile(pattern: &str) -> Pattern {
    Pattern::compile(&pattern.into(), &mut CaptureNames::default()).expect(pattern)
}

/// The captures of a pattern in a path; `None` if it does not match.
fn captures(pattern: &Match, path: &str) -> Option<Vec<(String, String)>> {
    let mut names = CaptureNames::default();
    let compiled = Pattern::compile(pattern, &mut names).expect("a pattern");
    let mut captured = Captured::default();
    let text = format!("GET {path}");
    let part = RequestPart { bytes: path.as_bytes(), span: Span { start: 4, end: text.len() as u32 } };
    let value = |span: Span| String::from_utf8_lossy(span.of(text.as_bytes())).into_owned();
    let matches = compiled.matches(part, &mut captured);
    assert!(matches || captured.len() == 0, "nothing is left of what did not match");
    matches.then(|| captured.iter().map(|(name, span)| (names.name(name).to_owned(), value(span))).collect())
}

fn matches(pattern: &str, path: &str) -> bool {
    captures(&pattern.into(), path).is_some()
}

#[test]
fn patterns_match_what_they_say() {
    for (pattern, matching, others) in [
        ("/about", &["/about", "/about/"][..], &["/about/us", "/aboutus", "/About", "/", "/abou"][..]),
        ("/about/", &["/about", "/about/"], &["/about/us"]),
        ("/", &["/"], &["/x", "*"]),
        ("/api/*", &["/api", "/api/", "/api/x/y"], &["/apix", "/", "/x/api/"]),
        ("/*", &["/", "/anything", "/a/b/"], &["*"]),
        (
            "/files/*.png",
            &["/files/a.png", "/files/a/b.png", "/files/.png", "/files/a.png/"],
            &["/files/a.jpg", "/a.png", "/files/apng"],
        ),
        ("/a/*/b", &["/a/x/b", "/a/x/y/b/"], &["/a/b", "/a//x", "/a/x/bc"]),
        ("/a*", &["/a", "/ab/c", "/a/b"], &["/b"]),
        ("/a/*/b/*", &["/a/x/b", "/a/x/b/", "/a/x/b/c/d"], &["/a/x/bc", "/a/b/c"]),
        ("/a b/%C3%A9%2a", &["/a b/é*"], &["/a b/éx", "/a%20b/é*"]),
        ("/é/*", &["/é", "/é/x"], &["/e"]),
        ("/%FF*", &[], &["/ÿ"]),
        ("/v1.0/*", &["/v1.0/x"], &["/v1x0/x"]),
        ("/users/:id", &["/users/7", "/users/7/"], &["/users", "/users/", "/users/7/x", "/user/7"]),
        ("/users/:id/*", &["/users/7", "/users/7/", "/users/7/x/y"], &["/users", "/users/"]),
        ("/:a/x/:b", &["/1/x/2", "/1/x/2/"], &["/1/y/2", "/1/x", "/1/x/2/3"]),
        ("/users/:id([0-9]+)", &["/users/7", "/users/42/"], &["/users/a", "/users/7a", "/users/7/x"]),
        ("/:a(x|y)/z", &["/x/z", "/y/z"], &["/z/z", "/x", "/xy/z"]),
        ("/:file.:ext", &["/a.png", "/a.b.c"], &["/a", "/a/b"]),
        ("/:path(.+)/edit", &["/a/b/edit"], &["/edit"]),
    ] {
        for path in matching {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for path in others {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}

#[test]
fn captures_are_named_parts_of_the_path() {
    for (pattern, path, expected) in [
        ("/users/:id", "/users/7/", &[("id", "7")][..]),
        ("/:a/x/:b_2/*", "/1/x/2/3/4", &[("a", "1"), ("b_2", "2")]),
        ("/v:version/*", "/v12/x", &[("version", "12")]),
        ("/:name.json", "/a.b.json", &[("name", "a.b")]),
        ("/:from-:to", "/a-b-c", &[("from", "a-b"), ("to", "c")]),
        (r"/:id(\d{2}(?:,\d+)*)/:rest(.*)", "/12,3/a/b", &[("id", "12,3"), ("rest", "a/b")]),
        ("/:x([()]+)", "/()", &[("x", "()")]),
        ("/:x(é+)", "/éé", &[("x", "éé")]),
        ("/about", "/about", &[]),
    ] {
        let found = captures(&pattern.into(), path).expect(pattern);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected, "{pattern} {path}");
    }
}

#[test]
fn a_regexp_is_unanchored_and_its_named_groups_are_captures() {
    let regexp = |source: &str| Match::Regexp(config::Regexp { source: source.into(), ..Default::default() });
    let found = captures(&regexp(r"/(?<kind>posts|pages)/(?<id>\d+)?"), "/blog/posts/12/edit").expect("a match");
    assert_eq!(found, [("kind", "posts"), ("id", "12")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    let without = captures(&regexp(r"/(?<kind>posts)/(?<id>\d+)?"), "/posts/x").expect("a match");
    assert_eq!(without.len(), 1, "a group that took no part captures nothing");
    assert_eq!(captures(&regexp(r"\A/a\z"), "/a/"), None, "it sees a trailing slash");
}

#[test]
fn what_all_matches_have_in_common_is_known() {
    for (pattern, under, exact, prefix) in [
        ("/about", "/about", true, false),
        ("/", "/", true, false),
        ("/*", "", false, true),
        ("/api/v1/*", "/api/v1", false, true),
        ("/api*", "", false, false),
        ("/files/*.png", "/files", false, false),
        ("/users/:id/*", "/users", false, false),
        ("/users/:id([0-9]+)", "/users", false, false),
        ("/:a", "", false, false),
    ] {
        let compiled = compile(pattern);
        assert_eq!(compiled.under(), under.as_bytes(), "{pattern}");
        assert_eq!((compiled.exact().is_some(), compiled.is_prefix()), (exact, prefix), "{pattern}");
    }
}

#[test]
fn one_pattern_covers_another_only_if_it_takes_all_of_it() {
    for (wide, narrow, covers) in [
        ("/a", "/a", true),
        ("/a/", "/a", true),
        ("/a", "/b", false),
        ("/a/*", "/a", true),
        ("/a/*", "/a/b", true),
        ("/a/*", "/a/b/*", true),
        ("/a/*", "/a/*", true),
        ("/a/*", "/ab", false),
        ("/a/b/*", "/a/*", false),
        ("/*", "/x/:id(a)", true),
        ("/a/*", "/a/:id", true),
        ("/a/*", "/a/*.png", true),
        ("/a/*", "/a*", false),
        ("/a/:id", "/a/b", true),
        ("/a/:id", "/a/:x", true),
        ("/a/:id/*", "/a/:x/b", true),
        ("/a/:id/*", "/a/:x", true),
        ("/a/:id", "/a/:x/*", false),
        ("/a/b", "/a/:x", false),
        ("/a/*.png", "/a/b.png", true),
        ("/a/*.png", "/a/*.png", true),
        ("/a/*.png", "/a/*.jpg", false),
        ("/a/:id([0-9]+)", "/a/7", true),
        ("/a/:id([0-9]+)", "/a/x", false),
        ("/a/:id([0-9]+)", "/a/:id", false),
    ] {
        assert_eq!(compile(wide).covers(&compile(narrow)), covers, "{wide} {narrow}");
    }
}

#[test]
fn patterns_that_mean_nothing_are_refused_with_a_remedy() {
    for (pattern, message) in [
        ("", "\"\" is not a valid path: begin it with a slash, as in \"/\""),
        ("about", "\"about\" is not a valid path: begin it with a slash, as in \"/about\""),
        ("*", "\"*\" is not a valid path: begin it with a slash, as in \"/*\""),
        (
            "/a?b",
            "\"/a?b\" has a query, which is not part of a path: leave out ? and what follows, and write query: \
             { … }",
        ),
        ("/a#b", "\"/a#b\" holds '#', which no path holds as it is: write %23 for it"),
        ("/a\\b", "\"/a\\\\b\" holds '\\\\', which no path holds as it is: write %5C for it"),
        ("/a\tb", "\"/a\\tb\" holds the control character '\\t': leave it out"),
        ("/a/../b", "\"/a/../b\" has a dot segment, and a path is matched without them: leave it out"),
        ("/./a", "\"/./a\" has a dot segment"),
        ("/a//b", "\"/a//b\" has an empty segment, and a path is matched without them: write one slash"),
        ("//*", "\"//*\" has an empty segment"),
        ("/100%", "\"/100%\" has a % without two hexadecimal digits after it: write %25 for it"),
        ("/%zz", "\"/%zz\" has a % without"),
        ("/%é", "\"/%é\" has a % without"),
        ("/%00", "\"/%00\" holds %00, which no path may hold: leave it out"),
        ("/a%2Fb", "\"/a%2Fb\" holds %2F, and a path is matched with its escapes decoded: write /"),
        ("/**", "\"/**\" has ** in it, and one * takes everything, slashes included: write one"),
        (
            "/:a:b",
            "\"/:a:b\" does not say where one part ends and the next begins: write something between them, such \
             as /",
        ),
        ("/:a*", "\"/:a*\" does not say where"),
        ("/*:a", "\"/*:a\" does not say where"),
        ("/:a(x)*", "\"/:a(x)*\" does not say where"),
        ("/a:", "\"/a:\" has a : without a name after it: write :id, or %3A for a colon"),
        ("/a:8080", "\"/a:8080\" has a : without a name"),
        ("/:id/:id", "\"/:id/:id\" captures id twice: give each capture a name of its own"),
        ("/a(b)", "\"/a(b)\" has a ( that belongs to no capture: write :name(…), or %28 for the character itself"),
        ("/:id([0-9]+", "\"/:id([0-9]+\" has a ( without its ): write :id(…)"),
        ("/:id()", "\"/:id()\" has an empty expression for id: write :id, or :id([0-9]+)"),
        (
            "/:id(a{2,1})",
            "\"/:id(a{2,1})\": the expression of id is not a valid regular expression (invalid repetition \
             count range, the start must be <= the end): write one such as [0-9]+",
        ),
        ("/:id((?=a)b)", "\"/:id((?=a)b)\": the expression of id looks ahead with (?="),
        ("/:id((?<x>a))", "\"/:id((?<x>a))\": the expression of id has a named group of its own: write (?:…)"),
    ] {
        let error = Pattern::compile(&pattern.into(), &mut CaptureNames::default()).map(|_| ()).expect_err(pattern);
        assert!(error.starts_with(message), "{pattern}: {error}");
    }
}

#[test]
fn a_prefix_ends_at_a_segment() {
    for (path, prefix, below) in [
        ("/api", "/api", true),
        ("/api/x", "/api", true),
        ("/apis", "/api", false),
        ("/x", "/", true),
        ("/", "/", true),
    ] {
        assert_eq!(is_at_or_below(path.as_bytes(), prefix.as_bytes()), below, "{path} {prefix}");
    }
}
