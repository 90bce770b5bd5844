use super::*;

fn read_value(value: &str) -> Result<(String, String), &'static str> {
    let mut fields = Fields::default();
    fields.append("Authorization", value.as_bytes());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    read(&fields, &mut Vec::new()).map(|(user, password)| (text(user), text(password)))
}

fn basic(credentials: &str) -> Result<(String, String), &'static str> {
    read_value(&format!("Basic {}", STANDARD.encode(credentials)))
}

#[test]
fn user_and_password_are_parted_at_the_first_colon() {
    for (credentials, user, password) in [
        ("ann:secret", "ann", "secret"),
        ("ann:a:b:", "ann", "a:b:"),
        (":", "", ""),
        ("ann:", "ann", ""),
        ("ä:ö", "ä", "ö"),
    ] {
        assert_eq!(basic(credentials), Ok((user.into(), password.into())));
    }
}

#[test]
fn anything_else_is_no_credentials() {
    assert_eq!(basic("ann"), Err("there is no colon in the credentials"));
    assert_eq!(basic(""), Err("there is no colon in the credentials"));
    for control in ["ann\0:secret", "ann:sec\nret", "ann:secret\u{7f}"] {
        assert_eq!(basic(control), Err("there are control characters in the credentials"));
    }
    assert_eq!(basic(&format!("ann:{}", "x".repeat(1024))), Err("the credentials are too long"));
    for value in [
        "Basic YW5uOnNlY3JldA",
        "Basic YW5uOnNlY3JldA= =",
        "Basic a",
        "Basic %",
        "Basic YW5u:",
        "Basic YW5uOnNlY3JldB==",
    ] {
        assert_eq!(read_value(value), Err("the credentials are not valid base64"), "{value}");
    }
    assert_eq!(read_value("Bearer x"), Err("no credentials"));
    let mut twice = Fields::default();
    twice.append("Authorization", b"Basic YTpi");
    twice.append("authorization", b"Basic YTpi");
    assert_eq!(read(&twice, &mut Vec::new()), Err("several Authorization headers"));
}
