use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;

use crate::client::ClientInfo;
use crate::compile::Purpose;
use crate::configuration::{self, Directive, Match};
use crate::rewrite::Captured;
use crate::routing::{AmbiguousPath, CaptureNames};
use crate::snapshot::{compile, Snapshot};

fn location(pattern: &str, routes: Vec<Directive>) -> Directive {
    let patterns = if pattern.is_empty() { Vec::new() } else { vec![pattern.into()] };
    Directive::Location(Box::new(configuration::LocationConfig { patterns, routes, ..Default::default() }))
}

fn on(hosts: &[Match], pattern: &str, routes: Vec<Directive>) -> Directive {
    let patterns = if pattern.is_empty() { Vec::new() } else { vec![pattern.into()] };
    Directive::Location(Box::new(configuration::LocationConfig {
        patterns,
        hosts: hosts.to_vec(),
        routes,
        ..Default::default()
    }))
}

fn answer(body: &str) -> Directive {
    Directive::StaticResponse(configuration::StaticResponseConfig {
        code: 200,
        body: body.into(),
        ..Default::default()
    })
}

fn snapshot(routes: Vec<Directive>) -> Snapshot {
    let compiled = compile(&configuration::Config { routes, ..Default::default() }, Purpose::Check);
    assert!(!compiled.has_errors(), "{:?}", compiled.problems);
    compiled.snapshot
}

/// Response of the handler that is found, with the captures.
fn asked(snapshot: &Snapshot, target: &str, host: &str) -> Result<String, AmbiguousPath> {
    let mut head = RequestHead::default();
    let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    parse_request(text.as_bytes(), &mut head).expect("a request");
    let mut captured = Captured::default();
    let scope = snapshot.routes.locate(&mut head, &ClientInfo::default(), &mut captured)?;
    let mut said = match scope.handler(0, &head)? {
        Some((_, handler)) => format!("{handler:?}").split("body: ").nth(1).expect("a body").to_owned(),
        None => "none".to_owned(),
    };
    for (name, value) in captured.iter() {
        let value = String::from_utf8_lossy(head.fields.slice(value)).into_owned();
        said += &format!(" {}={value}", snapshot.globals.capture_names[name as usize]);
    }
    Ok(said)
}

fn bytes(text: &str, captures: &str) -> String {
    format!("{:?} }}){captures}", text.as_bytes())
}

#[test]
fn the_first_location_of_the_file_takes_the_request() {
    let routes = vec![
        location("/a/b", vec![answer("exact")]),
        location("/a/*", vec![answer("prefix")]),
        location("/a/c", vec![answer("never")]),
        location("/:one", vec![answer("capture")]),
        answer("none"),
    ];
    let snapshot = snapshot(routes);
    for (path, body, captures) in [
        ("/a/b", "exact", ""),
        ("/a/b/", "exact", ""),
        ("/a/c", "prefix", ""),
        ("/a", "prefix", ""),
        ("/b", "capture", " one=b"),
        ("/b/c", "none", ""),
        ("//a//b", "exact", ""),
        ("/%61/b", "exact", ""),
    ] {
        assert_eq!(asked(&snapshot, path, "x"), Ok(bytes(body, captures)), "{path}");
    }
}

#[test]
fn hosts_and_captures_come_from_outside_in() {
    let tenant = Match::Regexp(configuration::Regexp { source: r"\A(?<id>[a-z]+)\.x\z".into(), ..Default::default() });
    let routes = vec![
        on(&["a.x".into(), "b.x".into()], "", vec![answer("listed")]),
        on(&[tenant], "", vec![location("/u/:id", vec![answer("inner")]), answer("outer")]),
        on(&["*.y".into()], "/only", vec![answer("below y")]),
        answer("elsewhere"),
    ];
    let snapshot = snapshot(routes);
    for (host, path, body, captures) in [
        ("a.x", "/", "listed", ""),
        ("B.X.", "/u/1", "listed", ""),
        ("b.x:8080", "/", "listed", ""),
        ("Acme.x", "/", "outer", " id=acme"),
        ("acme.x", "/u/7", "inner", " id=acme id=7"),
        ("1.y", "/only", "below y", ""),
        ("1.2.Y.", "/only/", "below y", ""),
        ("y", "/only", "elsewhere", ""),
        ("1.y", "/other", "elsewhere", ""),
    ] {
        assert_eq!(asked(&snapshot, path, host), Ok(bytes(body, captures)), "{host}{path}");
    }
    assert_eq!(asked(&snapshot, "http://b.x/", "acme.x"), Ok(bytes("listed", "")), "the target names the host");
}

#[test]
fn what_leads_elsewhere_when_an_encoded_slash_separates_nothing_is_refused() {
    let routes = vec![
        location("/admin/*", vec![answer("admin")]),
        location("/files/*", vec![location("/files/:name/x", vec![answer("x")]), answer("files")]),
        location("/t/:tenant/*", vec![answer("tenant")]),
        location("/r/:rest(.+)", vec![answer("rest")]),
        answer("else"),
    ];
    let snapshot = snapshot(routes);
    for (path, found) in [
        ("/admin%2Fx", Err(AmbiguousPath)),
        ("/admin%2F", Err(AmbiguousPath)),
        ("/admin/a%2Fb", Ok(bytes("admin", ""))),
        ("/files/a%2fb", Ok(bytes("files", ""))),
        ("/files/a%2fx", Err(AmbiguousPath)),
        ("/t/a%2Fb/c", Err(AmbiguousPath)),
        ("/t/a/b%2Fc", Ok(bytes("tenant", " tenant=a"))),
        ("/r/a%2Fb", Ok(bytes("rest", " rest=a/b"))),
        ("/x%2Fy", Ok(bytes("else", ""))),
    ] {
        assert_eq!(asked(&snapshot, path, "x"), found, "{path}");
    }
}

#[test]
fn an_outer_handler_answers_where_the_inner_scope_has_none() {
    let snapshot = snapshot(vec![location("/a/*", vec![location("/a/b", vec![])]), answer("outer")]);
    assert_eq!(asked(&snapshot, "/a/b", "x"), Ok(bytes("outer", "")));
}

#[test]
fn ten_thousand_routes_compile_in_a_moment() {
    let mut routes = Vec::new();
    for host in 0..1000 {
        for path in 0..10 {
            let host = format!("h{host}.example.com");
            routes.push(on(&[host.as_str().into()], &format!("/p{path}/*"), vec![answer("x")]));
        }
    }
    let begun = tokio::time::Instant::now();
    let snapshot = snapshot(routes);
    // Seconds at most on a busy machine. What grows with the square of the routes takes many minutes.
    assert!(begun.elapsed().as_secs() < 60, "{:?}, unoptimised", begun.elapsed());
    assert_eq!(asked(&snapshot, "/p7/x", "h999.example.com"), Ok(bytes("x", "")));
    assert_eq!(CaptureNames::default().name(0), "");
}

/// The warnings for a configuration.
fn warnings(routes: Vec<Directive>) -> Vec<String> {
    let compiled = compile(&configuration::Config { routes, ..Default::default() }, Purpose::Check);
    compiled.problems.into_iter().map(|problem| problem.to_string()).collect()
}

#[test]
fn a_location_that_an_earlier_one_leaves_nothing_is_warned_of() {
    for (earlier, later, warned) in [
        ("/a/*", "/a/b", true),
        ("/a/*", "/a", true),
        ("/*", "/a/:id([0-9]+)", true),
        ("", "/a", true),
        ("/a/:id", "/a/b", true),
        ("/a", "/a/", true),
        ("/a/b", "/a/*", false),
        ("/a", "/b", false),
        ("/a", "", false),
    ] {
        let found = warnings(vec![location(earlier, vec![answer("")]), location(later, vec![answer("")])]);
        assert_eq!(found.len(), usize::from(warned), "{earlier} {later}: {found:?}");
        if warned {
            assert!(found[0].starts_with("location: it never matches: "), "{found:?}");
            assert!(found[0]
                .ends_with(" comes before it and takes everything that it would: move this one up, or leave it out"));
        }
    }
    let hosts = |earlier: &[&str], later: &[&str]| {
        let matches = |hosts: &[&str]| hosts.iter().map(|host| Match::from(*host)).collect::<Vec<_>>();
        warnings(vec![on(&matches(earlier), "", vec![answer("")]), on(&matches(later), "/x", vec![answer("")])]).len()
    };
    assert_eq!(hosts(&["a.x"], &["A.x"]), 1);
    assert_eq!(hosts(&["*.x", "y"], &["a.b.x", "y"]), 1);
    assert_eq!(hosts(&["*.x"], &["*.b.x"]), 1);
    assert_eq!(hosts(&["*.x"], &["x"]), 0);
    assert_eq!(hosts(&["a.x"], &["a.x", "b.x"]), 0);
    assert_eq!(hosts(&["a.x"], &[]), 0);
}

fn redirect(to: &str) -> Directive {
    Directive::Redirect(configuration::RedirectConfig { to: Some(to.into()), ..Default::default() })
}

#[test]
fn a_location_that_takes_less_than_it_looks_like_is_warned_of() {
    for (routes, warned) in [
        (vec![location("/", vec![answer("")])], 1),
        (vec![location("/api/", vec![answer("")])], 1),
        (vec![location("/", vec![answer("")]), location("/api/", vec![answer("")])], 2),
        (vec![location("/", vec![answer("")]), location("/api/*", vec![answer("")])], 1),
        (vec![on(&["a.x".into()], "", vec![location("/", vec![answer("")])])], 1),
        (vec![location("/", vec![answer("")]), on(&["a.x".into()], "/*", vec![answer("")])], 1),
        (vec![location("/", vec![answer("")]), answer("")], 0),
        (vec![location("/", vec![answer("")]), location("/*", vec![answer("")])], 0),
        (vec![location("/", vec![answer("")]), location("/:page", vec![answer("")])], 0),
        (vec![location("/api/", vec![answer("")]), location("/api/*", vec![answer("")])], 0),
        (vec![location("/api", vec![answer("")])], 0),
        (vec![location("/", vec![redirect("/home")]), location("/home", vec![answer("")])], 0),
        (vec![location("/", vec![redirect("https://b.example")])], 1),
    ] {
        let found = warnings(routes);
        assert_eq!(found.len(), warned, "{found:?}");
        assert!(found.iter().all(|found| found.contains("takes this path alone")), "{found:?}");
    }
    let found = warnings(vec![location("/api/", vec![answer("")])]);
    assert_eq!(
        found,
        ["location: \"/api/\" takes this path alone, and nothing next to it takes what is below it: write \"/api/*\", \
          or \"/api\" if that path alone is meant"]
    );
    let other = configuration::ProxyConfig {
        path_prefix: Some("/other".into()),
        to: Some("http://b".into()),
        ..Default::default()
    };
    assert_eq!(warnings(vec![location("/", vec![answer("")]), Directive::Proxy(Box::new(other))]).len(), 1);
}

#[test]
fn a_location_lets_in_what_the_ones_inside_take() {
    let spec = configuration::LocationConfig {
        patterns: vec!["/v1".into()],
        inner: vec!["/v1/users/:id".into()],
        routes: vec![answer("outer"), location("/v1/users/:id", vec![answer("inner")])],
        ..Default::default()
    };
    let snapshot = snapshot(vec![Directive::Location(Box::new(spec)), answer("none")]);
    for (path, body, captures) in [
        // A capture that did not take part is empty.
        ("/v1", "outer", " id="),
        ("/v1/users/7", "inner", " id=7 id=7"),
        ("/v1/other", "none", ""),
        ("/users/7", "none", ""),
    ] {
        assert_eq!(asked(&snapshot, path, "a"), Ok(bytes(body, captures)), "{path}");
    }
}

#[test]
fn a_location_with_fewer_conditions_leaves_nothing_to_one_with_more() {
    let with = |methods: &[&str], ports: &[i64]| {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        let spec = configuration::LocationConfig {
            methods,
            ports: ports.to_vec(),
            routes: vec![answer("")],
            ..Default::default()
        };
        Directive::Location(Box::new(spec))
    };
    for (earlier, later, warned) in [
        (with(&["GET", "POST"], &[]), with(&["get"], &[80]), 1),
        (with(&["GET"], &[]), with(&["GET", "POST"], &[]), 0),
        (with(&["GET"], &[80]), with(&["GET"], &[]), 0),
        (with(&[], &[80, 81]), with(&["GET"], &[81]), 1),
    ] {
        assert_eq!(warnings(vec![earlier, later]).len(), warned);
    }
}

#[test]
fn rewrites_know_the_captures_around_them_and_no_others() {
    let proxy = |to: &str| {
        let proxy = configuration::ProxyConfig { to: Some(to.into()), ..Default::default() };
        Directive::Proxy(Box::new(proxy))
    };
    let inside = vec![location("/users/:id", vec![location("/users/*", vec![proxy("http://b/{id}")])])];
    assert_eq!(warnings(inside), Vec::<String>::new());
    let outside = vec![location("/users/:id", vec![answer("")]), proxy("http://b/{id}")];
    let found = warnings(outside);
    assert!(
        found[0].starts_with("proxy: to: {id} stays as it is written: no location around it captures id"),
        "{found:?}"
    );
}

#[test]
fn a_name_that_took_no_part_is_empty_and_leaves_the_one_around_it() {
    let regexp = |source: &str| Match::Regexp(configuration::Regexp { source: source.into(), ..Default::default() });
    let several = Directive::Location(Box::new(configuration::LocationConfig {
        patterns: vec!["/a/:id".into(), "/b/*".into(), regexp(r"\A/c(/(?<id>\d+))?\z")],
        routes: vec![answer("several")],
        ..Default::default()
    }));
    let host = on(&[regexp(r"\A((?<shop>[a-z]+)\.)?x\z")], "/h/:shop", vec![]);
    let problems =
        compile(&configuration::Config { routes: vec![host], ..Default::default() }, Purpose::Check).problems;
    assert!(problems.iter().any(|problem| problem.to_string().contains("captures shop, and so does one of the hosts")));
    let inner = Directive::Location(Box::new(configuration::LocationConfig {
        patterns: vec![regexp(r"\A/o/[^/]+(/(?<id>z))?\z")],
        routes: vec![answer("inner")],
        ..Default::default()
    }));
    let snapshot = snapshot(vec![several, location("/o/:id/*", vec![inner])]);
    for (target, body, captures) in [
        ("/a/7", "several", " id=7"),
        ("/b/7", "several", " id="),
        ("/c", "several", " id="),
        ("/c/7", "several", " id=7"),
        ("/o/8", "inner", " id=8"),
        ("/o/8/z", "inner", " id=8 id=z"),
    ] {
        assert_eq!(asked(&snapshot, target, "x"), Ok(bytes(body, captures)), "{target}");
    }
}

#[test]
fn a_capture_that_does_not_show_is_warned_of() {
    let found = warnings(vec![location("/:path/:id", vec![answer("")])]);
    assert_eq!(
        found,
        ["location: captures path, but {path} is a value of the request itself: give the capture another name"]
    );
}
