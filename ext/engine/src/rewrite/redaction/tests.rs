use proptest::prelude::*;

use super::*;

fn usual(text: &str) -> String {
    String::from_utf8(Redaction::USUAL.url(text.as_bytes()).into_owned()).expect("UTF-8")
}

#[test]
fn names_of_the_configuration_are_known_whatever_bytes_they_have() {
    let redaction = Redaction::new(None, &["My.bypass".into(), "a+b".into()]);
    for (text, shown) in [
        ("/?my.bypass=secret&x=1", "/?my.bypass=…&x=1"),
        ("/?x=1&a%2Bb=secret", "/?x=1&a%2Bb=…"),
        ("/?my.other=1&bypass=2&b=3", "/?my.other=1&bypass=2&b=3"),
    ] {
        assert_eq!(redaction.url(text.as_bytes()), shown.as_bytes(), "{text}");
    }
}

#[test]
fn values_of_secrets_are_hidden_however_their_names_are_written() {
    for (text, shown) in [
        ("/a?token=abc", "/a?token=…"),
        ("/a?x=1&TOKEN=abc&y=2", "/a?x=1&TOKEN=…&y=2"),
        ("/a?x=1;Password=a%26b&y=2", "/a?x=1;Password=…&y=2"),
        ("/a?password=a?b&x=1", "/a?password=…&x=1"),
        ("/a?password=a;b?c;d&x=1", "/a?password=…&x=1"),
        ("/a?token=a;b=c;secret=d#e=f", "/a?token=…#e=f"),
        ("/a?x=1;b?y=2;token=c", "/a?x=1;b?y=2;token=…"),
        ("/a?%74oken=abc&api%5Fkey=d", "/a?%74oken=…&api%5Fkey=…"),
        ("/a?user[password]=x&user%5Btoken%5D=y&user.secret=z", "/a?user[password]=…&user%5Btoken%5D=…&user.secret=…"),
        ("/a?token[]=x&token[b]=y", "/a?token[]=…&token[b]=…"),
        ("https://b.test/cb?state=1&code=x#access_token=y", "https://b.test/cb?state=1&code=…#access_token=…"),
        ("/a?next=%2Fb%3Ftoken%3Dabc%26d%3De&x=1", "/a?next=%2Fb%3Ftoken%3D…&x=1"),
        ("/a?next=/b?token=abc&x=1", "/a?next=/b?token=…&x=1"),
        ("/a?+token=x& key =y", "/a?+token=…& key =…"),
        ("/a?token=&token&key", "/a?token=&token&key"),
        ("/a?monkey=1&tokens=2&xcode=3&encode=4", "/a?monkey=1&tokens=2&xcode=3&encode=4"),
        ("/?proxy_bypass=abc", "/?proxy_bypass=…"),
        ("/token=abc", "/token=abc"),
        ("curl/8 token=abc", "curl/8 token=abc"),
        ("/a?%zz=1&%7=2&signature=%", "/a?%zz=1&%7=2&signature=…"),
    ] {
        assert_eq!(usual(text), shown, "{text}");
    }
}

#[test]
fn names_are_added_or_all_shown() {
    let text = b"?token=a&Session=b&k=c";
    let shown = |redaction: &Redaction| String::from_utf8_lossy(&redaction.query(text)).into_owned();
    let added = ["session".to_owned()];
    assert_eq!(shown(&Redaction::new(None, &[])), "?token=…&Session=b&k=c");
    assert_eq!(shown(&Redaction::new(Some(&added), &[])), "?token=…&Session=…&k=c");
    assert_eq!(shown(&Redaction::new(Some(&[]), &[])), "?token=a&Session=b&k=c");
    assert_eq!(shown(&Redaction::new(Some(&[]), &["K".into()])), "?token=a&Session=b&k=…");
}

/// A name in one of the ways in which clients may write it.
fn disguised(name: &str, choices: &[u8]) -> String {
    let mut written = String::new();
    for (byte, choice) in name.bytes().zip(choices.iter().cycle()) {
        match choice % 3 {
            0 => written.push(char::from(byte)),
            1 => written.push(char::from(byte.to_ascii_uppercase())),
            _ => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

proptest! {
    #[test]
    fn no_secret_is_shown_and_nothing_else_is_hidden(
        parts in proptest::collection::vec(
            (0..USUAL.len(), any::<bool>(), any::<[u8; 8]>(), "[a-z0-9%/?]{1,9}", any::<bool>()),
            1..6,
        ),
    ) {
        let (mut query, mut expected, mut hiding) = ("?".to_owned(), "?".to_owned(), false);
        for (usual, is_secret, choices, value, semicolon) in parts {
            // Not one of the names, and no beginning of one.
            let name = if is_secret { disguised(USUAL[usual], &choices) } else { format!("zz{usual}") };
            let end = if semicolon { ';' } else { '&' };
            query.push_str(&format!("{name}=S{value}{end}"));
            if !hiding {
                let shown = if is_secret { HIDDEN.to_owned() } else { format!("S{value}") };
                expected.push_str(&format!("{name}={shown}"));
            }
            // A secret goes on over a semicolon, since that may belong to it.
            hiding = (hiding || is_secret) && semicolon;
            if !hiding {
                expected.push(end);
            }
        }
        let hidden = Redaction::USUAL.query(query.as_bytes()).into_owned();
        prop_assert_eq!(String::from_utf8(hidden.clone()).expect("UTF-8"), expected);
        let again = Redaction::USUAL.query(&hidden).into_owned();
        prop_assert_eq!(again, hidden);
    }

    #[test]
    fn any_bytes_are_read(text in proptest::collection::vec(any::<u8>(), 0..60)) {
        let hidden = Redaction::USUAL.query(&text);
        if !text.contains(&b'=') && !text.contains(&b'%') {
            prop_assert_eq!(&*hidden, &text[..]);
        }
    }
}
