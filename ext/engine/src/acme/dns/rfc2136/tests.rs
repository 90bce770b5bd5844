use super::*;
use crate::acme::dns::authority::Authorities;
use crate::acme::dns::full_name;
use crate::compile::Report;
use crate::config::Rfc2136Config;
use crate::tests::named::{Bind, AT_ONE, SECRET};
use crate::tests::pebble::free_port;

/// A name server with two zones, one within the other, and what asks it.
struct Zones {
    server: Bind,
    dns: Arc<Dns>,
}

impl Zones {
    fn start() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let zone = format!("{AT_ONE}sub 60 IN NS ns1.sub\nns1.sub 60 IN A 127.0.0.1");
        let server = Bind::start(address, &[("example.test", &zone), ("sub.example.test", AT_ONE)]);
        Self { server, dns: Arc::new(Dns::given(&[address]).expect("a resolver")) }
    }

    fn provider(&self, change: impl FnOnce(&mut Rfc2136Config)) -> Rfc2136Provider {
        let mut config = Rfc2136Config {
            server: self.server.address.to_string(),
            key_name: Some("acme".into()),
            key_secret: Some(SECRET.into()),
            ..Rfc2136Config::default()
        };
        change(&mut config);
        let compile = |report: &mut Report<'_>| Rfc2136Provider::compile(&config, Arc::clone(&self.dns), report);
        Report::sound(compile).expect("a provider")
    }

    async fn texts(&self, name: &str) -> Vec<String> {
        let authorities = Authorities { dns: Arc::clone(&self.dns), port: self.server.address.port() };
        let found = authorities.texts(&full_name(name).expect("a name")).await.expect("an answer");
        let mut texts: Vec<_> = found.answers.into_iter().flat_map(|answer| answer.texts.expect("texts")).collect();
        texts.sort();
        texts
    }
}

const NAME: &str = "_acme-challenge.example.test";

async fn call(provider: &Rfc2136Provider, is_added: bool, name: &str, value: &str) -> Result<(), String> {
    provider.call(is_added, &full_name(name).expect("a name"), value).await
}

#[tokio::test]
async fn records_are_added_beside_others_and_removed_by_value() {
    let zones = Zones::start();
    let provider = zones.provider(|_| {});
    for value in ["one", "two", "two"] {
        call(&provider, true, NAME, value).await.expect("added");
    }
    assert_eq!(zones.texts(NAME).await, ["one", "two"]);
    call(&provider, false, NAME, "one").await.expect("removed");
    call(&provider, false, NAME, "three").await.expect("nothing to remove");
    assert_eq!(zones.texts(NAME).await, ["two"]);
}

#[tokio::test]
async fn the_server_says_which_zone_a_name_is_in() {
    let zones = Zones::start();
    let provider = zones.provider(|config| {
        (config.key_name, config.key_algorithm) = (Some("wide".into()), Some("hmac-sha512".into()));
    });
    let name = "_acme-challenge.www.sub.example.test";
    call(&provider, true, name, "one").await.expect("added");
    assert_eq!(zones.texts(name).await, ["one"]);
    let written = zones.provider(|config| config.zone = Some("sub.example.test".into()));
    call(&written, false, name, "one").await.expect("removed");
    assert!(zones.texts(name).await.is_empty());
    let why = call(&written, true, NAME, "one").await.expect_err("it is in another zone");
    assert_eq!(why, "_acme-challenge.example.test. is not in the zone sub.example.test.");
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let zones = Zones::start();
    let address = zones.server.address;
    type Change = fn(&mut Rfc2136Config);
    let cases: [(Change, &str, &str); 5] = [
        (|config| config.key_name = Some("unknown".into()), NAME, "it does not know the key"),
        (|config| config.key_secret = Some("YWJj".into()), NAME, "the key's secret is another one there"),
        (|config| config.key_name = Some("other".into()), NAME, "the key may not write there"),
        (|config| (config.key_name, config.key_secret) = (None, None), NAME, "the key may not write there"),
        (|config| config.zone = Some("elsewhere.test".into()), "a.elsewhere.test", "it does not have this zone"),
    ];
    for (change, name, expected) in cases {
        let why = call(&zones.provider(change), true, name, "one").await.expect_err(expected);
        assert!(why.starts_with(&format!("{address} refuses the update: ")) && why.contains(expected), "{why}");
    }
    let why = call(&zones.provider(|_| {}), true, "a.elsewhere.test", "one").await.expect_err("it has no such zone");
    assert!(why.ends_with(": write zone:"), "{why}");
    assert!(zones.texts(NAME).await.is_empty(), "{}", zones.server.log());
}

#[tokio::test]
async fn an_answer_that_is_not_signed_with_the_key_is_no_success() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let zones = Zones::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let liar = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
        stream.read_exact(&mut request).await.expect("an update");
        let update = Message::from_vec(&request).expect("a message");
        let answer = Message::response(update.id, update.op_code).to_vec().expect("an answer");
        let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
        stream.write_all(&[&length[..], &answer].concat()).await.expect("sent");
    });
    let provider = zones.provider(|config| {
        (config.server, config.zone) = (address.to_string(), Some("example.test".into()));
    });
    let why = call(&provider, true, NAME, "one").await.expect_err("it is not signed");
    assert!(why.starts_with(&format!("the answer of {address} is not signed with the key")), "{why}");
    liar.await.expect("it answered");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let zones = Zones::start();
    let port = free_port();
    let provider = zones.provider(|config| {
        (config.server, config.zone) = (format!("127.0.0.1:{port}"), Some("example.test".into()));
    });
    let why = call(&provider, true, NAME, "one").await.expect_err("nobody is there");
    assert!(why.starts_with(&format!("127.0.0.1:{port} takes no update: Connection refused")), "{why}");
}

#[test]
fn the_key_is_not_shown() {
    let dns = Arc::new(Dns::system());
    let config = Rfc2136Config {
        server: "[::1]:5353".into(),
        key_name: Some("acme".into()),
        key_secret: Some(SECRET.into()),
        ..Rfc2136Config::default()
    };
    let provider = Report::sound(|report| Rfc2136Provider::compile(&config, dns, report)).expect("a provider");
    assert_eq!((provider.host.as_str(), provider.port), ("::1", 5353));
    assert_eq!(format!("{provider:?}"), "Rfc2136Provider { server: \"[::1]:5353\", .. }");
}
