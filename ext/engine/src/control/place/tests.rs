use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn compile(places: &[(&str, Option<&str>)]) -> (Vec<ControlPlace>, Vec<String>) {
    let mut problems = Vec::new();
    let config: Vec<_> = places
        .iter()
        .map(|(address, token)| ControlConfig {
            address: (*address).into(),
            token: token.map(Into::into),
            ..ControlConfig::default()
        })
        .collect();
    let places = ControlPlace::compile(&config, &mut problems);
    (places, problems.iter().map(|problem| problem.message.clone()).collect())
}

#[test]
fn a_socket_needs_no_token_and_an_address_needs_one() {
    let (places, problems) =
        compile(&[("unix:///run/a.sock", None), ("http://127.0.0.1:0", Some(TOKEN)), ("http://[::1]:0", Some(TOKEN))]);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(places.len(), 3);
    let token = places[1].token.as_ref().expect("a token");
    assert!(token.is(TOKEN.as_bytes()) && !token.is(b"") && !token.is(&TOKEN.as_bytes()[1..]));
}

#[test]
fn mistakes_are_told_without_the_token() {
    let long = format!("unix:///{}", "a".repeat(120));
    for (address, token, beginning) in [
        ("unix:///run/a.sock", Some(TOKEN), "token: a socket needs none"),
        ("http://127.0.0.1:9090", None, "http://127.0.0.1:9090 needs a token"),
        ("http://127.0.0.1:9090", Some(&TOKEN[1..]), "token: 31 characters are too few: write at least 32"),
        ("http://127.0.0.1:9090", Some("ä ä ä ä ä ä ä ä ä ä ä ä ä ä ä ä ä"), "token: only visible ASCII"),
        ("https://127.0.0.1:9090", Some(TOKEN), "\"https://127.0.0.1:9090\": TLS is not spoken there"),
        (&long, None, &format!("{long:?} is too long for a socket: a path has at most 107 bytes")),
        ("http://example.com:90", Some(TOKEN), "\"http://example.com:90\" names no address and port"),
    ] {
        let (places, problems) = compile(&[(address, token)]);
        assert!(places.is_empty());
        assert!(matches!(&problems[..], [one] if one.starts_with(beginning)), "{problems:?}");
        assert!(!problems[0].contains(&TOKEN[1..]), "{problems:?}");
    }
}

#[test]
fn one_address_stands_once() {
    let (places, problems) = compile(&[("unix:///run/a.sock", None), ("unix:///run/a.sock", None)]);
    assert_eq!(places.len(), 1);
    assert_eq!(problems, ["unix:///run/a.sock is written twice: keep one of the lines"]);
}

#[test]
fn a_token_is_never_shown() {
    let (places, _) = compile(&[("http://127.0.0.1:0", Some(TOKEN))]);
    assert!(!format!("{places:?}").contains(TOKEN));
}
