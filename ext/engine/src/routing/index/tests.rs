use proptest::prelude::*;
use proxy_http::message::{RequestHead, Span};

use super::super::matcher::MatchedRequest;
use super::super::names::CaptureNames;
use super::super::pattern::RequestPart;
use super::super::scope::{Location, Scope};
use super::*;
use crate::client::ClientInfo;
use crate::compile::Report;
use crate::config::{self, Match};
use crate::rewrite::Captured;

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("ab"), Just("c.png"), Just("7")].prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    (proptest::collection::vec(segment(), 0..5), any::<bool>()).prop_map(|(segments, slash)| {
        let path = format!("/{}", segments.join("/"));
        if slash && path != "/" {
            path + "/"
        } else {
            path
        }
    })
}

fn pattern() -> impl Strategy<Value = Match> {
    let piece = prop_oneof![
        4 => segment(),
        1 => Just(":x".to_owned()),
        1 => Just("*".to_owned()),
        1 => Just(":y([0-9]+)".to_owned()),
    ];
    let text = proptest::collection::vec(piece, 0..4).prop_map(|mut pieces| {
        // A name may be used once per location.
        let mut seen = std::collections::HashSet::new();
        pieces.retain(|piece| !piece.starts_with(':') || seen.insert(piece.clone()));
        Match::Text(format!("/{}", pieces.join("/")))
    });
    let regexp = prop_oneof![Just(r"\A/a/(?<z>.+)"), Just("b$"), Just(r"\.png\z")]
        .prop_map(|source| Match::Regexp(config::Regexp { source: source.into(), ..Default::default() }));
    prop_oneof![6 => text, 1 => Just(Match::from("/*")), 1 => regexp]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![Just(""), Just("x"), Just("a.x"), Just("b.a.x"), Just("c.b.a.x"), Just("y"), Just(".x")]
        .prop_map(str::to_owned)
}

fn host_pattern() -> impl Strategy<Value = Match> {
    let regexp = Match::Regexp(config::Regexp { source: r"\A(?<h>[ab])\.".into(), ..Default::default() });
    prop_oneof![
        prop_oneof![Just("x"), Just("a.x"), Just("b.a.x"), Just("*.x"), Just("*.a.x"), Just("y")].prop_map(Match::from),
        Just(regexp),
    ]
}

fn spec() -> impl Strategy<Value = config::LocationConfig<()>> {
    let patterns = proptest::collection::vec(pattern(), 0..3);
    let hosts = proptest::collection::vec(host_pattern(), 0..3);
    (patterns, hosts, any::<bool>()).prop_map(|(patterns, hosts, post)| {
        let methods = if post { vec!["POST".to_owned()] } else { Vec::new() };
        config::LocationConfig { patterns, hosts, methods, ..Default::default() }
    })
}

/// Whether a location takes a request, checked without the index.
fn takes(matcher: &Matcher, asked: MatchedRequest<'_>, captured: &mut Captured) -> bool {
    let path = matcher.patterns.is_empty() || matcher.patterns.iter().any(|one| one.matches(asked.path, captured));
    let host = path && (matcher.hosts.is_empty() || matcher.hosts.iter().any(|one| one.matches(asked.host, captured)));
    let taken = host && matcher.conditions.iter().all(|one| one.holds(asked.conditioned()));
    match taken {
        true => matcher.name_what_took_no_part(captured),
        false => captured.truncate(0),
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn the_index_finds_what_a_look_at_every_location_finds(
        specs in proptest::collection::vec(spec(), 0..12),
        path in prop_oneof![20 => path(), 1 => Just("*".to_owned())],
        host in host(),
    ) {
        let mut names = CaptureNames::default();
        let mut scope = Scope::<(), ()>::default();
        let locations = specs.iter().map(|spec| {
            let matcher = Report::sound(|report| Matcher::compile(spec, &mut names, report));
            Location { matcher, scope: Scope::default() }
        });
        scope.set_locations(locations.collect());
        let mut head = RequestHead::default();
        head.method_span = head.fields.push_text(b"GET");
        let place = head.fields.push_text(path.as_bytes());
        let named = head.fields.push_text(host.as_bytes());
        let part = |span: Span| RequestPart { bytes: head.fields.slice(span), span };
        let client_info = ClientInfo::default();
        let asked = MatchedRequest { head: &head, client_info: &client_info, path: part(place), host: part(named) };

        let mut captured = Captured::default();
        let found = scope.location(asked, &mut captured).map(std::ptr::from_ref);
        let mut expected = Captured::default();
        let looked = scope.locations.iter().find(|location| takes(&location.matcher, asked, &mut expected));
        prop_assert_eq!(found, looked.map(std::ptr::from_ref));
        prop_assert_eq!(captured, expected);
    }
}

#[test]
fn a_lookup_sees_few_of_many_locations() {
    let spec = |host: usize, path: usize| config::LocationConfig::<()> {
        patterns: vec![Match::Text(format!("/p{path}/*")), Match::Text(format!("/e{path}"))],
        hosts: vec![Match::Text(format!("h{host}.x")), Match::Text(format!("*.h{host}.x"))],
        ..Default::default()
    };
    let mut names = CaptureNames::default();
    let compiled: Vec<_> = (0..10_000)
        .map(|n| Report::sound(|report| Matcher::compile(&spec(n / 10, n % 10), &mut names, report)))
        .collect();
    let index = Index::build(compiled.iter());
    for (host, path, location) in
        [("h0.x", "/p0/a", Some(0)), ("h999.x", "/e9/", Some(9999)), ("a.h5.x", "/p5", Some(55)), ("h5.x", "/q", None)]
    {
        let mut lists = Lists::new();
        index.find(host.as_bytes(), path.as_bytes(), &mut lists);
        assert!(lists.iter().map(|list| list.len()).sum::<usize>() <= 1, "{host}{path}");
        assert_eq!(next(&mut lists).map(|entry| entry.location), location, "{host}{path}");
    }
}

#[test]
fn keys_longer_than_a_word_has_bits_are_cut_and_checked() {
    let long = "/s".repeat(80);
    let labels = "s.".repeat(80) + "x";
    let spec = config::LocationConfig::<()> {
        patterns: vec![Match::Text(format!("{long}/*"))],
        hosts: vec![Match::Text(format!("*.{labels}"))],
        ..Default::default()
    };
    let matcher = Report::sound(|report| Matcher::compile(&spec, &mut CaptureNames::default(), report));
    let mut scope = Scope::<(), ()>::default();
    scope.set_locations(vec![Location { matcher, scope: Scope::default() }]);
    let takes = |path: String, host: String| {
        let head = RequestHead::default();
        let part = |bytes| RequestPart { bytes, span: Span::default() };
        let (path, host) = (part(path.as_bytes()), part(host.as_bytes()));
        let asked = MatchedRequest { head: &head, client_info: &ClientInfo::default(), path, host };
        scope.location(asked, &mut Captured::default()).is_some()
    };
    assert!(takes(format!("{long}/x"), format!("a.{labels}")));
    assert!(!takes(format!("{}/x", "/s".repeat(79)), format!("a.{labels}")));
    assert!(!takes(format!("{long}/x"), format!("a.{}", "s.".repeat(79) + "x")));
}
