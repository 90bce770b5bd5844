use super::*;
use crate::config::Severity;
use crate::filter::tests::{at, errors, problems};
use crate::filter::FilterConfig;

#[test]
fn rewrite_says_what_is_wrong() {
    let rewrite = |path: Option<&str>| {
        FilterConfig::Rewrite(RewriteConfig { path: path.map(str::to_owned), at: at(), ..RewriteConfig::default() })
    };
    for (path, message) in [
        (None, "rewrite: `path` is missing: write path: \"/v2{path}\""),
        (Some("v2{path}"), "rewrite: path: \"v2{path}\" is not a valid path: begin it with /, or with {path}"),
        (Some("http://a/"), "rewrite: path: \"http://a/\" is not a valid path: begin it with /, or with {path}"),
        (Some("{X-Path}"), "rewrite: path: \"{X-Path}\" is not a valid path: begin it with /, or with {path}"),
    ] {
        assert_eq!(errors(rewrite(path)), [message]);
    }
    for (path, message) in [
        ("/a b", "which no URL may hold"),
        ("/a#b", "holds a fragment"),
        ("/a{path|upcase}", "\"upcase\" is not a valid modifier"),
        ("/a{", "%7B"),
    ] {
        let errors = errors(rewrite(Some(path)));
        assert!(errors.len() == 1 && errors[0].contains(message), "{path}: {errors:?}");
    }
    let warning = "rewrite: path: {path} starts with '/' itself: leave out the one before it".to_owned();
    assert_eq!(problems(rewrite(Some("/{path}"))), [(Severity::Warning, warning)]);
}

#[test]
fn question_marks_are_encoded_in_linear_time() {
    let encoded = |text: &str| {
        let mut path = text.as_bytes().to_vec();
        encode_question_marks(&mut path);
        String::from_utf8(path).expect("text")
    };
    assert_eq!(encoded("/a?b=c??"), "/a%3Fb=c%3F%3F");
    assert_eq!(encoded("/a"), "/a");
    let begun = tokio::time::Instant::now();
    assert_eq!(encoded(&"?".repeat(1_000_000)).len(), 3_000_000);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}
