use crate::compile::Purpose;
use crate::config::{At, Match};
use crate::configuration::{Config, Directive};
use crate::snapshot::compile;

use super::*;

fn problems(config: StaticFilesConfig) -> Vec<String> {
    let config = Config { routes: vec![Directive::StaticFiles(config)], ..Config::default() };
    compile(&config, Purpose::Check).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn mistakes_are_told_with_their_line() {
    let at = Some(At { file: "Proxyfile".into(), line: 7 });
    let usual = || StaticFilesConfig { root: Some("/tmp".into()), at: at.clone(), ..StaticFilesConfig::default() };
    assert_eq!(problems(usual()), [""; 0]);
    for (config, message) in [
        (StaticFilesConfig { root: None, ..usual() }, "`root` is missing: write root: \"public\""),
        (
            StaticFilesConfig { root: Some("/no/such".into()), ..usual() },
            "root: /no/such does not exist: write the path of a folder",
        ),
        (
            StaticFilesConfig { root: Some("/dev/null".into()), ..usual() },
            "root: /dev/null is no folder: write the path of one",
        ),
        (
            StaticFilesConfig { symlinks: Symlinks::Named("outside".into()), ..usual() },
            "symlinks: \"outside\" is unknown: write true, :inside or false",
        ),
        (
            StaticFilesConfig { index: vec!["a/../b".into()], ..usual() },
            "index: \"a/../b\" is no name of a file inside of the root: write \"index.html\"",
        ),
        (
            StaticFilesConfig { try_files: Vec::new(), ..usual() },
            "try_files: the list is empty: write [\"{path}\"], or leave it out",
        ),
        (
            StaticFilesConfig { cache_control: vec![("*".into(), "a\nb".into())], ..usual() },
            "cache_control: the value of \"Cache-Control\" holds a control character: leave it out",
        ),
        (
            StaticFilesConfig { cache_control: vec![("/q?x.txt".into(), "no-cache".into())], ..usual() },
            "cache_control: \"/q?x.txt\" has a query, and files have none: write \"/q%3Fx.txt\" if the ? is part of a \
             name",
        ),
        (
            StaticFilesConfig { types: vec![(".a".into(), "text".into())], ..usual() },
            "types: \"text\" is no media type: write one such as \"model/gltf+json\"",
        ),
    ] {
        assert_eq!(problems(config), [format!("Proxyfile:7: static_files: {message}")]);
    }
}

#[test]
fn the_first_rule_that_matches_counts() {
    let regexp = crate::config::Regexp { source: "-[0-9a-f]{8}\\.\\w+\\z".into(), ..Default::default() };
    let written: Vec<(Match, String)> = vec![
        (Match::Regexp(regexp), "long".into()),
        ("/assets/*".into(), "assets".into()),
        ("*.css".into(), "css".into()),
        ("/about.html".into(), "about".into()),
        ("*".into(), "rest".into()),
    ];
    let rules = crate::compile::Report::sound(|report| FileCacheRules::compile(&written, report));
    for (name, expected) in [
        ("assets/app-0123abcd.js", "long"),
        ("assets/app.js", "assets"),
        ("site.css", "css"),
        ("about.html", "about"),
        ("index.html", "rest"),
    ] {
        assert_eq!(rules.of(name.as_bytes()), Some(expected), "{name}");
    }
}

#[test]
fn a_redirect_never_names_a_host() {
    for (path, query, expected) in
        [("/a", "", "/a/"), ("/a", "?b", "/a/?b"), ("//evil.example", "", "/evil.example/"), ("///a", "", "/a/")]
    {
        assert_eq!(with_slash(path.as_bytes(), query.as_bytes()), expected.as_bytes());
    }
}
