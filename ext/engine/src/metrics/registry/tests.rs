use super::*;

fn names(series: &[Arc<RouteSeries>]) -> Vec<String> {
    series.iter().map(|series| series.name().to_string()).collect()
}

#[test]
fn routes_keep_their_series_and_those_beyond_a_thousand_share_one() {
    let registry = MetricsRegistry::default();
    let written: Vec<_> = (0..1_200).map(|number| format!("/r{number}")).collect();
    let all = || written.iter().map(String::as_str);
    let first = registry.routes([""].into_iter().chain(all()));
    assert_eq!(names(&first)[..2], ["_none", "/r0"]);
    assert_eq!(names(&first)[1_000..1_002], ["/r999", OTHER]);
    let again = registry.routes(all().rev().take(300));
    assert_eq!(names(&again)[0], "/r1199", "another configuration has a thousand of its own");
    let same = registry.routes(["/r5", "/r5"].into_iter());
    assert!(Arc::ptr_eq(&same[0], &first[6]) && Arc::ptr_eq(&same[0], &same[1]));
}

#[test]
fn series_of_what_is_gone_are_shown_twice_more() {
    let registry = MetricsRegistry::default();
    let (stays, goes) = (registry.upstream("stays"), registry.upstream("goes"));
    let backend = stays.backend("10.0.0.1:80", false);
    assert_eq!(registry.shown_upstreams().len(), 3, "with the one for all others");
    drop((goes, backend));
    let shown = || {
        let upstreams = registry.shown_upstreams();
        (upstreams.len(), stays.figures().backends.len())
    };
    assert_eq!([shown(), shown(), shown(), shown()], [(3, 2), (3, 2), (2, 1), (2, 1)]);
}

#[test]
fn nobody_has_to_ask_for_series_to_be_forgotten() {
    let registry = MetricsRegistry::default();
    for number in 0..3 * CROWD {
        registry.upstream(&number.to_string());
        registry.routes([number.to_string().as_str()].into_iter());
    }
    assert!(registry.upstreams.lock().len() <= CROWD && registry.routes.lock().len() <= CROWD);
    let upstream = registry.upstream("names");
    for number in 0..5_000 {
        upstream.backend(&number.to_string(), true);
    }
    assert!(upstream.labels().len() <= 200);
}

#[test]
fn addresses_of_a_name_have_two_hundred_series_and_one_for_the_others() {
    let upstream = MetricsRegistry::default().upstream("names");
    let backends: Vec<_> = (0..300).map(|number| upstream.backend(&format!("10.0.0.{number}:80"), true)).collect();
    let own = backends.iter().filter(|backend| &**backend.label() != OTHER).count();
    assert_eq!((own, upstream.labels().len()), (200, 200));
    assert_eq!(&**upstream.backend("10.1.0.1:80", false).label(), "10.1.0.1:80", "what is written has its own");
}

#[test]
fn hosts_keep_their_numbers_and_end() {
    let registry = MetricsRegistry::default();
    assert_eq!([registry.host_number("a"), registry.host_number("b"), registry.host_number("a")], [1, 2, 1]);
    for number in 0..2_000 {
        registry.host_number(&number.to_string());
    }
    assert_eq!((registry.host_number("997"), registry.host_number("998"), registry.hosts().len()), (1_000, 0, 1_001));
    assert_eq!(registry.hosts()[..3].iter().map(|host| &**host).collect::<Vec<_>>(), [OTHER, "a", "b"]);
}
