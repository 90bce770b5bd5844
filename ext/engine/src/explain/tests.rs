use super::*;
use crate::configuration::{self, Match};

fn location(pattern: &str, change: impl FnOnce(&mut LocationConfig<Directive>), routes: Vec<Directive>) -> Directive {
    let mut spec = LocationConfig { patterns: vec![pattern.into()], routes, ..Default::default() };
    change(&mut spec);
    Directive::Location(Box::new(spec))
}

fn proxy(to: &str, prefix: Option<&str>) -> Directive {
    let path_prefix = prefix.map(str::to_owned);
    Directive::Proxy(Box::new(configuration::ProxyConfig {
        to: Some(to.into()),
        strip_prefix: path_prefix.is_some(),
        path_prefix,
        ..Default::default()
    }))
}

fn answer() -> Directive {
    Directive::StaticResponse(configuration::StaticResponseConfig::default())
}

fn filter() -> Directive {
    let changes = configuration::HeaderChangesConfig { removals: vec!["X-A".into()], ..Default::default() };
    Directive::Filter(configuration::FilterConfig::RequestHeaders(changes))
}

fn config() -> Config {
    let posts = |spec: &mut LocationConfig<Directive>| spec.methods = vec!["POST".into()];
    let inside = |spec: &mut LocationConfig<Directive>| {
        spec.hosts = vec![Match::from("*.x")];
        spec.remote = vec!["10.0.0.0/8".into()];
    };
    Config {
        trusted_proxies: configuration::TrustedProxiesConfig { value: vec!["127.0.0.1".into()], ..Default::default() },
        routes: vec![
            filter(),
            location("/users/:id", posts, vec![answer()]),
            location(
                "/users/*",
                |_| {},
                vec![
                    location("/users/:id", |_| {}, vec![proxy("http://b/{id}{path}", Some("/users")), filter()]),
                    location("/users/never", |_| {}, vec![]),
                ],
            ),
            location("/inside", inside, vec![]),
            proxy("http://c{path}{query}", Some("/c")),
            answer(),
        ],
        ..Default::default()
    }
}

fn ask(target: &str, change: impl FnOnce(&mut Question)) -> Explanation {
    let mut question = Question {
        method: "GET".into(),
        scheme: "http".into(),
        authority: "A.x.".into(),
        target: target.into(),
        remote: Some("127.0.0.1".into()),
        port: Some(80),
        headers: Vec::new(),
    };
    change(&mut question);
    explain(&config(), &question).expect("a question")
}

fn failed(condition: &str, found: &str) -> Failure {
    Failure { condition: condition.into(), found: Some(found.into()) }
}

#[test]
fn the_way_of_a_request_is_told_step_by_step() {
    let told = ask("//users/%37?q", |_| {});
    assert_eq!(
        (told.host.as_str(), told.path.as_str(), told.client.as_deref()),
        ("a.x", "/users/7", Some("127.0.0.1"))
    );
    assert_eq!(
        told.steps,
        [
            LookedAt { place: vec![1], failed: vec![failed("methods", "GET")] },
            LookedAt { place: vec![2], failed: vec![] },
            LookedAt { place: vec![2, 0], failed: vec![] },
        ]
    );
    assert_eq!(told.captures, [("id".to_owned(), "7".to_owned())]);
    assert_eq!(told.filters, [vec![0], vec![2, 0, 1]]);
    let target = Some("http://b/7/%37".to_owned());
    assert_eq!(told.handlers, [AskedHandler { place: vec![2, 0, 0], accepts: true, target, answer: None }]);
    assert_eq!(told.refused, None);
}

#[test]
fn every_condition_that_fails_is_told_and_every_handler_that_is_asked() {
    let told = ask("/x", |question| question.authority = "y".into());
    let last = told.steps.last().expect("a step");
    assert_eq!(last.failed, [failed("path", "/x"), failed("hosts", "y"), failed("remote", "127.0.0.1")]);
    assert_eq!(
        told.handlers.iter().map(|one| (one.place[0], one.accepts)).collect::<Vec<_>>(),
        [(4, false), (5, true)]
    );
}

#[test]
fn a_trusted_proxy_names_the_client() {
    let forwarded = |question: &mut Question| question.headers = vec![("X-Forwarded-For".into(), "10.1.2.3".into())];
    let told = ask("/inside", forwarded);
    assert_eq!(told.client.as_deref(), Some("10.1.2.3"));
    assert_eq!(told.steps.last().map(|step| step.failed.len()), Some(0));
}

#[test]
fn what_the_backend_gets_is_told_after_filters() {
    let extra = |question: &mut Question| {
        question.headers = [("X-A", "1"), ("X-B", "2"), ("X-Forwarded-For", "10.1.2.3"), ("Connection", "x-b")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
    };
    let told = ask("/users/7?q", extra);
    assert_eq!(told.via.as_deref(), Some("127.0.0.1"));
    let sent = told.sent.expect("a request");
    assert_eq!(sent.line, "GET /7/7 HTTP/1.1");
    let value = |name: &str| sent.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!(value("Host"), Some("b"));
    assert_eq!(value("X-Forwarded-For"), Some("10.1.2.3, 127.0.0.1"));
    assert_eq!((value("X-A"), value("X-B")), (None, None));
    assert_eq!(sent.dropped, ["X-A", "X-B", "Connection"]);
    assert_eq!(ask("/users%2F7", extra).sent, None);
    assert_eq!(ask("/inside", extra).sent, None);
}

#[test]
fn what_is_refused_is_told_with_its_status() {
    for (target, status) in [("/..", 400), ("/a b", 400), ("/users%2F7", 400), ("/c%2Fd", 400)] {
        assert_eq!(ask(target, |_| {}).refused.map(|(status, _)| status), Some(status), "{target}");
    }
    assert_eq!(ask("/other/%2F", |_| {}).refused, None);
}

#[test]
fn what_is_told_is_what_happens() {
    let config = config();
    let snapshot = crate::snapshot::compile(&config, crate::compile::Purpose::Check).snapshot;
    for target in [
        "/",
        "/users",
        "/users/7",
        "/users/7/x",
        "/users/never",
        "/inside",
        "/c",
        "/c/d",
        "/users/a%2Fb",
        "/c%2Fd",
        "//c/",
    ] {
        for remote in ["10.1.1.1", "192.0.2.7"] {
            let told = ask(target, |question| question.remote = Some(remote.into()));
            let mut head = RequestHead::default();
            parse_request(format!("GET {target} HTTP/1.1\r\nHost: A.x.\r\n\r\n").as_bytes(), &mut head).expect(target);
            let client_info = ClientInfo { ip: remote.parse().ok(), ..ClientInfo::default() };
            let mut captured = Captured::default();
            let located = snapshot.routes.locate(&mut head, &client_info, &mut captured);
            let Some((scope, handler)) = located.ok().and_then(|scope| Some((scope, scope.handler(0, &head).ok()?)))
            else {
                assert!(told.refused.is_some(), "{target}");
                continue;
            };
            assert_eq!(told.refused, None, "{target}");
            assert_eq!(scope.filters.len(), told.filters.len(), "{target}");
            assert_eq!(captured.len(), told.captures.len(), "{target}");
            let asked = handler.map(|(place, _)| place);
            assert_eq!(asked.map(|index| index + 1), Some(told.handlers.len()), "{target}");
        }
    }
}

#[test]
fn questions_that_are_none_are_refused() {
    for (question, message) in [
        (Question { remote: Some("x".into()), ..Default::default() }, "\"x\" is not a valid address"),
        (
            Question { headers: vec![("a b".into(), "c".into())], ..Default::default() },
            "\"a b\": \"c\" is not a valid header",
        ),
        (
            Question { headers: vec![("a".into(), "b\r\nc: d".into())], ..Default::default() },
            "\"a\": \"b\\r\\nc: d\" is not a valid header",
        ),
    ] {
        let question = Question { method: "GET".into(), target: "/".into(), authority: "a".into(), ..question };
        let error = explain(&config(), &question).expect_err(message);
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn what_the_backend_gets_is_counted_like_a_real_request() {
    let sent = |method: &str, left: &str| {
        let told = ask("/c/x", |question| {
            question.method = method.into();
            question.headers = [("Max-Forwards", left), ("Cookie", "a=1"), ("Authorization", "Basic eDp5")]
                .map(|(name, value)| (name.into(), value.into()))
                .into();
        });
        told.sent.map(|sent| {
            let fields =
                sent.fields.into_iter().filter(|(name, _)| ["Max-Forwards", "Cookie"].contains(&name.as_str()));
            fields.map(|(_, value)| value).collect::<Vec<_>>().join(" ")
        })
    };
    assert_eq!(sent("GET", "3").as_deref(), Some("3 a=1"));
    assert_eq!(sent("OPTIONS", "3").as_deref(), Some("2 a=1"));
    assert_eq!(sent("TRACE", "3").as_deref(), Some("2"));
    assert_eq!(sent("OPTIONS", "0"), None);
}

#[test]
fn what_filters_and_handlers_answer_by_themselves_is_told() {
    let of = |config: &configuration::FilterConfig| {
        let routes = vec![Directive::Filter(config.clone()), filter(), proxy("http://b/", None)];
        Config { routes, ..Default::default() }
    };
    let list =
        |network: &str| configuration::AddressListConfig { networks: vec![network.into()], ..Default::default() };
    let question = Question {
        method: "GET".into(),
        scheme: "http".into(),
        authority: "a:81".into(),
        target: "/b?c".into(),
        remote: Some("192.0.2.7".into()),
        ..Default::default()
    };
    for (config, answer) in [
        (configuration::FilterConfig::DenyList(list("192.0.2.7")), Some((403, None))),
        (configuration::FilterConfig::DenyList(list("192.0.2.8")), None),
        (configuration::FilterConfig::AllowList(list("192.0.2.8")), Some((403, None))),
        (configuration::FilterConfig::AllowList(list("192.0.2.7")), None),
        (
            configuration::FilterConfig::RedirectHttpToHttps(configuration::RedirectHttpToHttpsConfig::default()),
            Some((308, Some("https://a/b?c"))),
        ),
    ] {
        let told = explain(&of(&config), &question).expect("a question");
        let found =
            told.answered.as_ref().map(|(place, answer)| (&place[..], answer.status, answer.location.as_deref()));
        assert_eq!(found, answer.map(|(status, location)| (&[0][..], status, location)), "{config:?}");
        assert!(told.sent.is_some(), "told as if the filter let it pass");
    }
    let redirect = configuration::RedirectConfig { to: Some("/x{path}".into()), ..Default::default() };
    let routes = vec![Directive::Redirect(redirect)];
    let told = explain(&Config { routes, ..Default::default() }, &question).expect("a question");
    let answer = told.handlers.first().and_then(|handler| handler.answer.clone()).expect("an answer");
    assert_eq!((answer.status, answer.location.as_deref()), (302, Some("/x/b")));
}
