use super::super::TargetHost;
use super::*;
use crate::config::{BackendConfig, PoolConfig, Severity};
use crate::upstream::Backends;

fn at(line: u32) -> Option<At> {
    Some(At { file: "Proxyfile".into(), line })
}

fn spec(name: &str, line: u32, backends: &[&str]) -> config::UpstreamConfig {
    let backends = Some(backends.iter().map(|text| BackendConfig::at(*text)).collect());
    config::UpstreamConfig { name: name.into(), pool: PoolConfig { backends, ..PoolConfig::default() }, at: at(line) }
}

/// A `proxy` with that target, on line 9.
fn compile(upstreams: &mut Upstreams, tls: bool, authority: &str, problems: &mut Vec<Problem>) -> Option<Backends> {
    let target = TargetHost { scheme_tls: Some(tls), authority: Some(authority), dynamic: false };
    let at = at(9);
    Backends::compile(None, Some(target), upstreams, &mut Report::new("proxy", at.as_ref(), problems))
}

fn fixed(backends: Option<Backends>) -> Arc<Upstream> {
    match backends {
        Some(Backends::Fixed(upstream)) => upstream,
        other => panic!("{other:?}"),
    }
}

fn messages(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn all_that_name_an_upstream_get_the_same_in_any_letter_case() {
    let mut problems = Vec::new();
    let mut upstreams = Upstreams::new(&[spec("app_servers", 1, &["10.0.0.1:3000"])], &mut problems);
    let first = fixed(compile(&mut upstreams, false, "app_servers", &mut problems));
    let second = fixed(compile(&mut upstreams, false, "App_Servers", &mut problems));
    let other = fixed(compile(&mut upstreams, false, "10.0.0.1:3000", &mut problems));
    assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
    assert_eq!((first.name(), other.name()), ("app_servers", "10.0.0.1:3000"));
    let used = upstreams.finish(&mut problems);
    assert!(used.len() == 1 && Arc::ptr_eq(&used[0], &first));
    assert_eq!(messages(&problems), [""; 0]);
}

#[test]
fn names_of_letters_digits_and_three_more_are_taken_once() {
    let mut problems = Vec::new();
    let specs = ["a.b-c_1", "app servers", "", "A.B-C_1"].iter().zip(1..);
    let specs: Vec<_> = specs.map(|(name, line)| spec(name, line, &["10.0.0.1"])).collect();
    Upstreams::new(&specs, &mut problems);
    assert_eq!(
        messages(&problems),
        [
            r#"Proxyfile:2: upstream: "app servers" is not a valid name: write letters, digits, "_", "-" and ".""#,
            r#"Proxyfile:3: upstream: "" is not a valid name: write letters, digits, "_", "-" and ".""#,
            r#"Proxyfile:4: upstream: "A.B-C_1" is the name of the upstream at Proxyfile:1: write another"#,
        ]
    );
}

#[test]
fn the_scheme_of_the_target_decides_on_tls_unless_the_backends_do() {
    let mut problems = Vec::new();
    let specs = [spec("bare", 1, &["10.0.0.1"]), spec("said", 2, &["http://10.0.0.1"])];
    let mut upstreams = Upstreams::new(&specs, &mut problems);
    for tls in [false, true] {
        compile(&mut upstreams, tls, "said", &mut problems).expect("the upstream");
    }
    compile(&mut upstreams, false, "bare", &mut problems).expect("the upstream");
    assert_eq!(messages(&problems), [""; 0]);
    assert!(compile(&mut upstreams, true, "bare", &mut problems).is_none());
    assert_eq!(
        messages(&problems),
        ["Proxyfile:9: proxy: to: the scheme is https here and http at Proxyfile:9, so it is unclear how to speak to \
          the backends of the upstream \"bare\": write \"https://\" or \"http://\" before each of them"]
    );
}

#[test]
fn an_upstream_has_no_port_and_its_options_stand_with_it() {
    let mut problems = Vec::new();
    let mut upstreams = Upstreams::new(&[spec("app", 1, &["10.0.0.1"])], &mut problems);
    assert!(compile(&mut upstreams, false, "app:8080", &mut problems).is_none());
    let (at, pool) = (at(9), PoolConfig::default());
    let target = TargetHost { scheme_tls: Some(false), authority: Some("app"), dynamic: false };
    let mut report = Report::new("proxy", at.as_ref(), &mut problems);
    assert!(Backends::compile(Some(&pool), Some(target), &mut upstreams, &mut report).is_none());
    assert_eq!(
        messages(&problems),
        [
            "Proxyfile:9: proxy: to: \"app\" is an upstream, whose backends have ports of their own: leave out \
             \":8080\"",
            "Proxyfile:9: proxy: to: \"app\" is an upstream, which has backends and settings of its own: write \
             `backends` and the options that belong to them there, or another host here",
        ]
    );
}

#[test]
fn what_is_wrong_with_an_upstream_is_told_once_whoever_uses_it() {
    for uses in 0..3 {
        let mut problems = Vec::new();
        let mut upstreams = Upstreams::new(&[spec("app", 1, &["10.0.0.1:x"])], &mut problems);
        for _ in 0..uses {
            assert!(compile(&mut upstreams, false, "app", &mut problems).is_none());
        }
        upstreams.finish(&mut problems);
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        assert_eq!(errors.count(), 1, "{uses}: {problems:?}");
        assert!(problems[0]
            .to_string()
            .starts_with(r#"Proxyfile:1: upstream: backends: "10.0.0.1:x" is not a valid address"#));
    }
}

#[test]
fn an_upstream_that_nobody_uses_is_worth_a_warning_if_all_else_is_right() {
    let mut problems = Vec::new();
    Upstreams::new(&[spec("app", 1, &["10.0.0.1"])], &mut problems).finish(&mut problems);
    let expected = "Proxyfile:1: upstream: \"app\" is not used by any proxy: write proxy to: \
                    \"http://app{path}{query}\", or leave it out";
    assert_eq!(messages(&problems), [expected]);
    let mut problems = vec![Problem::error(None, "proxy", "wrong")];
    Upstreams::new(&[spec("app", 1, &["10.0.0.1"])], &mut problems).finish(&mut problems);
    assert_eq!(problems.len(), 1);
}

#[test]
fn upstreams_without_a_name_get_one_that_nobody_else_has() {
    let mut upstreams = Upstreams::new(&[spec("app", 1, &["10.0.0.1"])], &mut Vec::new());
    let names = ["App", "10.0.0.1:80", "10.0.0.1:80", "run/app.sock"].map(|name| upstreams.name(name.into()));
    assert_eq!(names, ["App#2", "10.0.0.1:80", "10.0.0.1:80#2", "run-app.sock"]);
}
