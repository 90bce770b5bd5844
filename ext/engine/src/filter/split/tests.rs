use super::*;
use crate::upstream::balancer::BalancingPolicy;
use crate::upstream::tests::upstream;

fn shares(percentages: &[f64]) -> Split {
    let written: Box<[u32]> = percentages.iter().map(|percent| hundredths(*percent)).collect();
    let part = |number: usize| {
        let name = format!("v{number}");
        let seed = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
        SplitPart { name: name.into(), upstream: upstream(BalancingPolicy::Ordered, &[]), seed }
    };
    Split {
        key: None,
        parts: (0..percentages.len()).map(part).collect(),
        shares: Arc::new(Shares { now: written.iter().map(|share| (*share).into()).collect(), written }),
        addresses: Networks::default(),
        values: Box::default(),
        fallback: true,
        tickets: ClientTickets::new(b"secret"),
    }
}

fn picked(split: &Split) -> Vec<Option<usize>> {
    (0..20_000_u32).map(|uid| split.pick_by(&uid.to_be_bytes())).collect()
}

fn share(picked: &[Option<usize>], part: Option<usize>) -> f64 {
    picked.iter().filter(|one| **one == part).count() as f64 * 100.0 / picked.len() as f64
}

#[test]
fn each_upstream_gets_its_percentage() {
    for percentages in [&[10.0][..], &[0.5, 50.0], &[30.0, 30.0, 40.0], &[0.0, 100.0], &[100.0, 0.0]] {
        let picked = picked(&shares(percentages));
        for (part, percent) in percentages.iter().enumerate() {
            let got = share(&picked, Some(part));
            assert!((got - percent).abs() < 1.5, "{percentages:?}: {part} gets {got}");
        }
    }
}

#[test]
fn a_larger_percentage_takes_only_from_the_rest_and_from_those_behind() {
    let split = shares(&[10.0, 20.0]);
    let before = picked(&split);
    assert_eq!(split.check("v0", 80.0), Some(Ok(())));
    assert!(split.check("v0", 80.1).is_some_and(|result| result.is_err_and(|why| why.contains("write 80 at most"))));
    assert_eq!(split.check("v9", 10.0), None);
    split.set("v0", 30.0);
    assert_eq!(state(&split), [("v0", 30.0, 10.0), ("v1", 20.0, 20.0)].map(owned));
    for (before, now) in before.iter().zip(picked(&split)) {
        match before {
            Some(0) => assert_eq!(now, Some(0)),
            Some(_) => assert!(now.is_some(), "nobody goes back"),
            None => {}
        }
    }
}

fn owned((upstream, percent, written): (&str, f64, f64)) -> ShareState {
    ShareState { upstream: upstream.into(), percent, written }
}

fn state(split: &Split) -> Vec<ShareState> {
    split.state().shares
}

#[test]
fn percentages_of_another_process_are_taken_all_at_once_or_not_at_all() {
    let split = shares(&[10.0, 90.0]);
    let take = |shares: &[(&str, f64, f64)]| {
        let shares = shares.iter().copied().map(owned).collect();
        split.take(&SplitState { shares })
    };
    for wrong in [
        &[("v0", 90.0, 20.0), ("v1", 10.0, 90.0)][..],
        &[("v1", 10.0, 90.0), ("v0", 90.0, 10.0)],
        &[("v0", 50.0, 10.0)],
        &[("v0", 50.0, 10.0), ("v1", 10.0, 90.0), ("v2", 0.0, 0.0)],
        &[("v0", 90.0, 10.0), ("v1", 10.01, 90.0)],
        &[("v0", -1.0, 10.0), ("v1", 1e300, 90.0)],
        &[("v0", f64::NAN, 10.0), ("v1", 10.0, 90.0)],
        &[],
    ] {
        assert!(!take(wrong), "{wrong:?}");
        assert!(!split.state().is_changed(), "{wrong:?}");
    }
    let right = [("v0", 90.0, 10.0), ("v1", 10.0, 90.0)];
    assert!(take(&right));
    assert_eq!(state(&split), right.map(owned));
}

#[test]
fn only_a_cookie_that_was_signed_here_counts() {
    let (tickets, others) = (ClientTickets::new(b"secret"), ClientTickets::new(b"another"));
    let mut line = Vec::new();
    tickets.write([1, 2, 3, 4, 5, 6, 7, 0xff], true, &mut line);
    let text = String::from_utf8(line).expect("text");
    assert!(text.starts_with("proxy_split=01020304050607ff") && text.ends_with("; Secure"), "{text}");
    let fields = |text: &str| {
        let mut fields = proxy_http::message::Fields::default();
        fields.append("Cookie", text.split(';').next().expect("a pair").as_bytes());
        fields
    };
    assert_eq!(tickets.read(&fields(&text)), Some([1, 2, 3, 4, 5, 6, 7, 0xff]));
    assert_eq!(others.read(&fields(&text)), None);
    for forged in
        [text.replace("0102", "0103"), "proxy_split=".into(), "proxy_split=zz".into(), text.replace("ff", "fff")]
    {
        assert_eq!(tickets.read(&fields(&forged)), None, "{forged}");
    }
}
