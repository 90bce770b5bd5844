use super::*;
use crate::acme::dns::full_name;
use crate::tests::named::{Bind, AT_ONE, AT_TWO};
use crate::tests::pebble::ChallengeServer;

/// What each server says about a name.
async fn ask_about(name: &str, dns: &Arc<Dns>, port: u16) -> (String, Vec<(String, Result<Vec<String>, String>)>) {
    let authorities = Authorities { dns: Arc::clone(dns), port };
    let found = authorities.texts(&full_name(name).expect("a name")).await.expect("an answer");
    let mut answers: Vec<_> = found.answers.into_iter().map(|answer| (answer.server, answer.texts)).collect();
    answers.sort();
    (found.place.to_ascii(), answers)
}

fn given(server: SocketAddr) -> Arc<Dns> {
    Arc::new(Dns::given(&[server]).expect("a resolver"))
}

fn texts(texts: &[&str]) -> Result<Vec<String>, String> {
    Ok(texts.iter().map(|text| (*text).to_owned()).collect())
}

#[tokio::test]
async fn all_servers_of_the_zone_are_asked() {
    let [one, two] = Bind::two_addresses();
    let shared = format!("{AT_ONE}{AT_TWO}");
    let first = format!("{shared}_acme-challenge.www 60 IN TXT \"a\" \"b\"\n_acme-challenge.www 60 IN TXT c");
    let _first = Bind::start(one, &[("example.test", &first)]);
    let dns = given(one);
    let ask = || ask_about("_acme-challenge.www.example.test", &dns, one.port());
    let (_, answers) = ask().await;
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1].0, format!("ns2.example.test ({two})"));
    assert!(answers[1].1.is_err(), "{answers:?}");
    let _second = Bind::start(two, &[("example.test", &shared)]);
    let (place, mut answers) = ask().await;
    assert_eq!(place, "_acme-challenge.www.example.test.");
    let mut found = answers.remove(0);
    found.1.as_mut().expect("an answer").sort();
    assert_eq!(found, (format!("ns1.example.test ({one})"), texts(&["ab", "c"])));
    assert_eq!(answers, [(format!("ns2.example.test ({two})"), texts(&[]))]);
}

#[tokio::test]
async fn aliases_lead_to_other_zones_and_delegations_to_other_servers() {
    let [one, two] = Bind::two_addresses();
    let records = format!(
        "{AT_ONE}_acme-challenge 60 IN CNAME x.acme.test.\n_acme-challenge.d 60 IN NS ns2.acme.test.\n\
         _acme-challenge.loop 60 IN CNAME _acme-challenge.loop"
    );
    let aliased = format!("{AT_TWO}x 60 IN CNAME y\ny 60 IN TXT aliased");
    let delegated = "@ 60 IN NS ns2.acme.test.\n@ 60 IN TXT delegated";
    // What resolvers see of the other zone.
    let _first = Bind::start(one, &[("example.test", &records), ("acme.test", AT_TWO)]);
    let zones = [("acme.test", aliased.as_str()), ("_acme-challenge.d.example.test", delegated)];
    let _second = Bind::start(two, &zones);
    let dns = given(one);
    let (place, answers) = ask_about("_acme-challenge.example.test", &dns, one.port()).await;
    assert_eq!(place, "y.acme.test.");
    assert_eq!(answers, [(format!("ns2.acme.test ({two})"), texts(&["aliased"]))]);
    let (place, answers) = ask_about("_acme-challenge.d.example.test", &dns, one.port()).await;
    assert_eq!(place, "_acme-challenge.d.example.test.");
    assert_eq!(answers, [(format!("ns2.acme.test ({two})"), texts(&["delegated"]))]);
    // An alias without an end is followed by nobody for ever.
    let authorities = Authorities { dns, port: one.port() };
    let name = full_name("_acme-challenge.loop.example.test").expect("a name");
    assert!(authorities.texts_of_zone(&name).await.is_none());
}

#[tokio::test]
async fn the_resolver_is_asked_where_no_zone_is_found() {
    let server = ChallengeServer::start();
    let address: SocketAddr = server.address.parse().expect("an address");
    let dns = given(address);
    server.alias("_acme-challenge.a.test", "b.test");
    let (place, answers) = ask_about("_acme-challenge.a.test", &dns, 53).await;
    assert_eq!((place.as_str(), answers), ("b.test.", vec![("the resolver".into(), texts(&[]))]));
    server.add_txt("b.test", "one");
    let (place, answers) = ask_about("_acme-challenge.a.test", &dns, 53).await;
    assert_eq!((place.as_str(), answers), ("b.test.", vec![("the resolver".into(), texts(&["one"]))]));
    server.fail("c.test");
    let authorities = Authorities { dns, port: 53 };
    let why = authorities.texts(&full_name("c.test").expect("a name")).await.expect_err("nobody answers");
    assert!(why.starts_with("no answer about TXT of c.test."), "{why}");
}
