use super::super::tests::certs::{write, Authority};
use super::*;
use crate::config::{At, BackendConfig, Priority, Severity};
use crate::configuration::ProxyConfig;

fn proxy(backends: Option<&[&str]>) -> ProxyConfig {
    with(PoolConfig {
        backends: backends.map(|list| list.iter().map(|text| BackendConfig::at(*text)).collect()),
        ..PoolConfig::default()
    })
}

fn with(pool: PoolConfig) -> ProxyConfig {
    ProxyConfig { pool: Some(pool), at: Some(At { file: "Proxyfile".into(), line: 7 }), ..ProxyConfig::default() }
}

fn pool(backends: Option<&[&str]>) -> PoolConfig {
    proxy(backends).pool.expect("a pool")
}

fn target(scheme_tls: bool, authority: &str) -> TargetHost<'_> {
    TargetHost { scheme_tls: Some(scheme_tls), authority: Some(authority), dynamic: false }
}

fn compile(proxy: &ProxyConfig, target: TargetHost<'_>) -> (Option<Backends>, Vec<String>) {
    let mut problems = Vec::new();
    let mut report = Report::new("proxy", proxy.at.as_ref(), &mut problems);
    let target = Some(target).filter(|target| proxy.to.is_some() || *target != TargetHost::default());
    let backends = Backends::compile(proxy.pool.as_ref(), target, &mut Upstreams::default(), &mut report);
    (backends, problems.iter().map(ToString::to_string).collect())
}

/// Label, TLS name and `Host` of every endpoint.
fn endpoints(proxy: &ProxyConfig, target: TargetHost<'_>) -> Vec<(String, Option<String>, String)> {
    let (backends, problems) = compile(proxy, target);
    let Some(Backends::Fixed(upstream)) = backends else { panic!("{problems:?}") };
    let live = upstream.live.load();
    let describe = |endpoint: &Arc<super::super::Backend>| {
        let name = endpoint.server_name(None).map(|name| name.to_str().into_owned());
        (endpoint.label().to_owned(), name, endpoint.authority().to_owned())
    };
    live.iter().map(describe).collect()
}

fn row(label: &str, name: Option<&str>, authority: &str) -> (String, Option<String>, String) {
    (label.into(), name.map(Into::into), authority.into())
}

#[test]
fn a_backends_own_scheme_decides_on_tls_and_otherwise_that_of_the_target() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = Some(write(folder.path(), "ca.pem", &Authority::new().pem()));
    let all = ["http://10.0.0.1", "https://10.0.0.2", "h2://10.0.0.3", "10.0.0.4", "unix:/app", "localhost:81"];
    let proxy = with(PoolConfig { ca_file, ..pool(Some(&all)) });
    assert_eq!(
        endpoints(&proxy, target(true, "shop.test:8443")),
        [
            row("10.0.0.1:80", None, "10.0.0.1"),
            row("10.0.0.2:443", Some("shop.test"), "10.0.0.2"),
            row("10.0.0.3:80", None, "10.0.0.3"),
            row("10.0.0.4:443", Some("shop.test"), "10.0.0.4"),
            row("unix:/app", Some("shop.test"), "localhost"),
            row("localhost:81", Some("shop.test"), "localhost:81"),
        ]
    );
    assert_eq!(
        endpoints(&proxy, TargetHost::default()),
        [
            row("10.0.0.1:80", None, "10.0.0.1"),
            row("10.0.0.2:443", Some("10.0.0.2"), "10.0.0.2"),
            row("10.0.0.3:80", None, "10.0.0.3"),
            row("10.0.0.4:80", None, "10.0.0.4"),
            row("unix:/app", None, "localhost"),
            row("localhost:81", None, "localhost:81"),
        ]
    );
}

#[test]
fn without_backends_the_host_of_the_target_is_the_backend() {
    assert_eq!(
        endpoints(&proxy(None), target(false, "127.0.0.1:3000")),
        [row("127.0.0.1:3000", None, "127.0.0.1:3000")]
    );
    let (backends, problems) = compile(&proxy(None), target(false, "backend.example.com"));
    assert!(matches!(backends, Some(Backends::Fixed(_))), "{problems:?}");
    assert_eq!(backends.expect("one").stats()[0].address, "backend.example.com:80");
}

#[test]
fn a_host_with_placeholders_is_looked_up_by_request_unless_there_are_backends() {
    let dynamic = TargetHost { scheme_tls: Some(false), authority: None, dynamic: true };
    assert!(matches!(compile(&proxy(None), dynamic).0, Some(Backends::ByHost(_))));
    assert!(matches!(compile(&proxy(Some(&["10.0.0.1"])), dynamic).0, Some(Backends::Fixed(_))));
}

#[test]
fn a_target_that_is_no_url_is_no_mistake_of_the_backends() {
    let nowhere = ProxyConfig { to: Some("nonsense".into()), ..proxy(None) };
    let (backends, problems) = compile(&nowhere, TargetHost::default());
    assert!(problems.is_empty(), "{problems:?}");
    assert!(backends.expect("an empty upstream").stats().is_empty());
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line() {
    let proxy = with(PoolConfig {
        backend_priority: Priority::Named("least_busy".into()),
        client_key: Some("/nowhere.key".into()),
        ..pool(Some(&["localhost:http", "10.0.0.1", "::1"]))
    });
    let (backends, problems) = compile(&proxy, target(false, "host"));
    assert!(backends.is_none());
    assert_eq!(
        problems,
        [
            "Proxyfile:7: proxy: backends: \"localhost:http\" is not a valid address: the port must be a number from 1 \
             to 65535",
            "Proxyfile:7: proxy: backends: \"::1\" is not a valid address: an IPv6 address is written in brackets, as \
             in \"[::1]:3001\"",
            "Proxyfile:7: proxy: backend_priority: \"least_busy\" is unknown: write one of \"round_robin\", \
             \"ordered\", \"random\", \"least_conn\", \"random_two\", \"ip_hash\"",
            "Proxyfile:7: proxy: client_key is given without its certificate: add `client_certificate`",
        ]
    );
}

#[test]
fn nowhere_to_go_is_a_mistake_that_says_what_to_write() {
    for (proxy, target, says) in [
        (proxy(None), TargetHost::default(), "where to? write `to: \"http://HOST{path}{query}\"`"),
        (proxy(Some(&[])), target(false, "host"), "backends: the list is empty"),
        (proxy(None), target(false, "host:0"), "to: \"host:0\" is not a valid address: the port"),
        (proxy(None), target(false, "unix:/x"), "to: \"unix:/x\" is not a valid address"),
    ] {
        let (backends, problems) = compile(&proxy, target);
        assert!(backends.is_none());
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains(says), "{problems:?}");
    }
}

#[test]
fn believing_any_certificate_is_worth_a_warning_where_tls_is_spoken() {
    let lax = with(PoolConfig { verify_ssl: false, ..pool(Some(&["10.0.0.1"])) });
    let mut problems = Vec::new();
    let mut report = Report::new("proxy", None, &mut problems);
    Backends::compile(lax.pool.as_ref(), Some(target(true, "host")), &mut Upstreams::default(), &mut report)
        .expect("backends");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].severity, Severity::Warning);
    assert!(problems[0].message.starts_with("verify_ssl: false"));
    assert_eq!(compile(&lax, target(false, "host")).1, [""; 0]);
}

#[test]
fn names_that_no_certificate_can_be_for_are_refused_where_tls_is_spoken() {
    let lax = with(PoolConfig { verify_ssl: false, ..pool(Some(&["10.0.0.1"])) });
    let (backends, problems) = compile(&lax, target(true, "-shop.test"));
    assert!(backends.is_none());
    assert!(problems[0].contains(r#"to: "-shop.test" cannot be the name of a TLS server"#), "{problems:?}");
    let (backends, problems) =
        compile(&with(PoolConfig { verify_ssl: false, ..pool(None) }), target(true, "-shop.test"));
    assert!(backends.is_none());
    assert!(problems[0].contains(r#""-shop.test" cannot be the name of a TLS server"#), "{problems:?}");
}

#[test]
fn what_is_said_of_one_backend_goes_before_what_is_said_of_all() {
    let one = BackendConfig {
        weight: 3,
        backup: true,
        max_connections: Some(5),
        slow_start: Some(2.0),
        ..BackendConfig::at("10.0.0.1")
    };
    let pool = PoolConfig {
        backends: Some(vec![one, BackendConfig::at("10.0.0.2")]),
        max_connections: Some(7),
        slow_start: Some(1.0),
        ..PoolConfig::default()
    };
    let (backends, problems) = compile(&with(pool), TargetHost::default());
    let Some(Backends::Fixed(upstream)) = backends else { panic!("{problems:?}") };
    let second = |seconds| Some(std::time::Duration::from_secs(seconds));
    let live = upstream.live.load();
    assert_eq!(
        live.iter().map(|endpoint| *endpoint.settings()).collect::<Vec<_>>(),
        [
            BackendSettings {
                weight: 1,
                backup: false,
                max_connections: Some(7),
                slow_start: second(1),
                ..BackendSettings::default()
            },
            BackendSettings {
                weight: 3,
                backup: true,
                max_connections: Some(5),
                slow_start: second(2),
                ..BackendSettings::default()
            },
        ]
    );
}

#[test]
fn numbers_that_make_no_sense_are_mistakes_that_name_the_backend_and_the_range() {
    let odd =
        BackendConfig { weight: 0, max_connections: Some(0), slow_start: Some(0.0), ..BackendConfig::at("10.0.0.1") };
    let heavy = BackendConfig { weight: 65_536, ..BackendConfig::at("10.0.0.2") };
    let pool = PoolConfig {
        backends: Some(vec![odd, heavy]),
        max_connections: Some(0),
        slow_start: Some(-1.0),
        keepalive: -1,
        keepalive_timeout: 0.0,
        ..PoolConfig::default()
    };
    let (backends, problems) = compile(&with(pool), TargetHost::default());
    assert!(backends.is_none());
    let time = "is not a valid time: write seconds greater than 0, as in 30 or 0.5";
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.strip_prefix("Proxyfile:7: proxy: ").expect("a line"))
            .collect::<Vec<_>>(),
        [
            "max_connections: 0 is out of range: write a number from 1 to 4294967295",
            &format!("slow_start: -1 {time}"),
            r#"backends: "10.0.0.1": weight: 0 is out of range: write a number from 1 to 65535"#,
            r#"backends: "10.0.0.1": max_connections: 0 is out of range: write a number from 1 to 4294967295"#,
            &format!(r#"backends: "10.0.0.1": slow_start: 0 {time}"#),
            r#"backends: "10.0.0.2": weight: 65536 is out of range: write a number from 1 to 65535"#,
            "keepalive: -1 is out of range: write a number from 0 to 4294967295",
            &format!("keepalive_timeout: 0 {time}"),
        ]
    );
}

#[test]
fn policies_that_cannot_work_are_mistakes_that_say_what_to_write() {
    let sticky = |cookie: &str, secret: Option<&str>| {
        Priority::Sticky(crate::config::StickyConfig { cookie: cookie.into(), secret: secret.map(Into::into) })
    };
    for (priority, says) in [
        (
            Priority::Hash("fixed".into()),
            "hash: \"fixed\" is the same for every request, and all of them would go to one backend: write a string \
             rewrite such as \"{path}\"",
        ),
        (Priority::Hash("{path|upcase}".into()), "hash: "),
        (
            sticky("a b", None),
            r#"sticky: "a b" cannot be the name of a cookie: write letters, digits, hyphens and underscores"#,
        ),
        (
            sticky("a", Some("short")),
            "secret: 5 bytes can be guessed: write 16 or more, as `openssl rand -hex 32` prints them",
        ),
    ] {
        let (backends, problems) = compile(
            &with(PoolConfig { backend_priority: priority, ..pool(Some(&["10.0.0.1"])) }),
            TargetHost::default(),
        );
        assert!(backends.is_none());
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with(&format!("Proxyfile:7: proxy: backend_priority: {says}")), "{problems:?}");
    }
}

#[test]
fn only_backups_are_worth_a_warning_and_a_service_has_no_port() {
    let backup = BackendConfig { backup: true, ..BackendConfig::at("10.0.0.1") };
    let (backends, problems) =
        compile(&with(PoolConfig { backends: Some(vec![backup]), ..PoolConfig::default() }), TargetHost::default());
    assert!(backends.is_some());
    assert_eq!(
        problems,
        ["Proxyfile:7: proxy: backends: all of them are backups, which is the same as none: leave `backup: true` out \
          of one"]
    );
    let (backends, problems) = compile(&proxy(Some(&["_http._tcp.app.test:3000"])), TargetHost::default());
    assert!(backends.is_none());
    assert_eq!(
        problems,
        [r#"Proxyfile:7: proxy: backends: "_http._tcp.app.test" gets its ports from SRV records: leave out ":3000""#]
    );
}

#[test]
fn a_connection_that_clients_share_cannot_say_whose_it_is() {
    let with = |backends: Option<&[&str]>, protocol: Option<&str>, version: &str| {
        with(PoolConfig {
            protocol: protocol.map(Into::into),
            proxy_protocol: Some(version.into()),
            verify_ssl: false,
            ..pool(backends)
        })
    };
    let message = "proxy_protocol: a connection of HTTP/2 is shared by many clients, and its header could name but one";
    let dynamic = TargetHost { scheme_tls: Some(true), authority: None, dynamic: true };
    for (proxy, target, wrong) in [
        (with(Some(&["http://a.test", "h2://b.test"]), None, "v1"), target(false, "a.test"), true),
        (with(Some(&["https://a.test"]), Some("auto"), "v2"), target(true, "a.test"), true),
        (with(Some(&["127.0.0.1:1"]), Some("http2"), "v2"), target(false, "a.test"), true),
        (with(None, Some("http2"), "v2"), target(false, "a.test"), true),
        (with(None, Some("http2"), "v2"), dynamic, true),
        (with(None, Some("auto"), "v2"), dynamic, true),
        (with(None, Some("http1"), "v2"), dynamic, false),
        (with(Some(&["https://a.test"]), Some("http1"), "v2"), target(true, "a.test"), false),
        (with(Some(&["http://a.test"]), Some("auto"), "v1"), target(false, "a.test"), false),
    ] {
        let (_, problems) = compile(&proxy, target);
        assert_eq!(problems.iter().any(|problem| problem.contains(message)), wrong, "{problems:?}");
    }
    let (_, problems) = compile(&with(Some(&["a.test"]), None, "v3"), target(false, "a.test"));
    assert_eq!(problems, ["Proxyfile:7: proxy: proxy_protocol: \"v3\" is unknown: write \"v1\" or \"v2\""]);
}
