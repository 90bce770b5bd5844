use crate::configuration::{BackendConfig, Config, Directive, PoolConfig, ProxyConfig};
use crate::Server;

/// Mistakes of a `proxy` with one backend.
fn problems(change: impl FnOnce(&mut ProxyConfig)) -> Vec<String> {
    let pool = PoolConfig { backends: Some(vec![BackendConfig::at("127.0.0.1:1")]), ..PoolConfig::default() };
    let mut proxy = ProxyConfig { pool: Some(pool), ..ProxyConfig::default() };
    change(&mut proxy);
    let config = Config { routes: vec![Directive::Proxy(Box::new(proxy))], ..Config::default() };
    Server::check(&config).iter().map(ToString::to_string).collect()
}

#[test]
fn reasons_for_another_attempt_are_known_ones() {
    let reasons = |reasons: &[&str]| reasons.iter().map(ToString::to_string).collect();
    assert_eq!(problems(|proxy| proxy.retry_on = reasons(&["timeout", "502", "503", "504"])), [""; 0]);
    assert_eq!(
        problems(|proxy| proxy.retry_on = reasons(&["timeout", "500"])),
        ["proxy: retry_on: \"500\" is not a reason to retry: write :timeout, 502, 503 or 504"]
    );
}

#[test]
fn a_budget_is_a_part_of_all_requests() {
    assert_eq!(problems(|proxy| proxy.retry_budget = 0.0), [""; 0]);
    for percent in [-1.0, 100.5, f64::NAN] {
        assert_eq!(
            problems(|proxy| proxy.retry_budget = percent),
            [format!("proxy: retry_budget: {percent} is out of range: write per cent from 0 to 100, such as 20")]
        );
    }
}
