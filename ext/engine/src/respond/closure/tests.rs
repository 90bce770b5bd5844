use super::*;

fn closed(allowed: &[&str], bypass: Option<&str>) -> Closure {
    let allowed: Vec<_> = allowed.iter().map(|text| (*text).to_owned()).collect();
    let bypass = bypass.map(|text| BypassCookie::parse(text).expect("a cookie"));
    closed_with("Back at nine.", &allowed, bypass)
}

fn closed_with(message: &str, allowed: &[String], bypass: Option<BypassCookie>) -> Closure {
    Report::sound(|report| Closure::new(Some(message), None, 60, allowed, bypass, report))
}

fn client(address: &str) -> ClientInfo {
    ClientInfo { ip: address.parse().ok(), addr: address.into(), ..ClientInfo::default() }
}

fn with_cookie(cookie: &str) -> Fields {
    let mut fields = Fields::default();
    fields.append("Cookie", cookie.as_bytes());
    fields
}

#[test]
fn listed_addresses_are_let_in_and_unix_sockets_only_by_name() {
    let (listed, unix) = (closed(&["10.0.0.0/8"], None), closed(&["unix:"], None));
    for (address, by_list, by_unix) in [("10.1.2.3", true, false), ("192.0.2.1", false, false), ("", false, true)] {
        assert_eq!(listed.lets_in(&client(address), &Fields::default()), by_list, "{address}");
        assert_eq!(unix.lets_in(&client(address), &Fields::default()), by_unix, "{address}");
    }
}

#[test]
fn the_whole_cookie_lets_in() {
    let closure = closed(&[], Some("preview=0123456789abcdef"));
    for (cookie, passes) in [
        ("preview=0123456789abcdef", true),
        ("a=1; preview=0123456789abcdef", true),
        ("preview=0123456789abcdeX", false),
        ("preview=0123456789abcde", false),
        ("preview=", false),
        ("proxy_bypass=0123456789abcdef", false),
    ] {
        assert_eq!(closure.lets_in(&client("192.0.2.1"), &with_cookie(cookie)), passes, "{cookie}");
    }
    let unnamed = closed(&[], Some("0123456789abcdef"));
    assert!(unnamed.lets_in(&client("192.0.2.1"), &with_cookie("proxy_bypass=0123456789abcdef")));
    assert!(!format!("{unnamed:?}").contains("0123456789"), "a secret is not shown");
}

#[test]
fn a_value_that_can_be_guessed_is_refused_and_not_shown() {
    for text in ["preview=letmein", "letmein", "a b=0123456789abcdef", "preview=0123456789 abcdef"] {
        let message = BypassCookie::parse(text).expect_err(text);
        assert!(message.contains(": write ") && !message.contains("letmein") && !message.contains("0123"), "{message}");
    }
}

#[test]
fn the_response_says_when_to_come_back_in_every_format() {
    let closure = closed(&[], None);
    for (accept, has) in [("text/html", "Back at nine."), ("application/json", "\"Back at nine.\""), ("*/*", "503")] {
        let answer = closure.response().choose([accept.as_bytes()]);
        assert_eq!(answer.status, 503);
        assert!(String::from_utf8_lossy(&answer.body).contains(has), "{accept}");
        assert!(String::from_utf8_lossy(&answer.fields).contains("Retry-After: 60\r\n"), "{accept}");
    }
}

#[test]
fn the_message_is_text_on_the_page_too_and_the_id_stands_in_its_place() {
    let message = r#"Back <code>at</code> "nine" & a bit"#;
    let closure = closed_with(message, &[], None);
    let body = |accept: &str| {
        let answer = closure.response().choose([accept.as_bytes()]);
        String::from_utf8(answer.with_id(b"id-7").unwrap_or_else(|| answer.body.to_vec())).expect("UTF-8")
    };
    let page = body("text/html");
    assert!(page.contains("Back &lt;code&gt;at&lt;/code&gt; &quot;nine&quot; &amp; a bit</p>"), "{page}");
    assert!(page.contains("Request ID: <code>id-7</code>"), "{page}");
    assert!(body("text/plain").contains(message));
    let json: serde_json::Value = serde_json::from_str(&body("application/json")).expect("JSON");
    assert_eq!((json["message"].as_str(), json["request_id"].as_str()), (Some(message), Some("id-7")));
}

#[test]
fn the_invitation_is_taken_out_of_a_query_and_the_rest_stays_in_order() {
    let closure = closed(&[], Some("preview=0123456789abcdef"));
    for (query, rest) in [
        ("?preview=0123456789abcdef", ""),
        ("?x=1&preview=0123456789abcdef&y=2", "?x=1&y=2"),
        ("?preview=0123456789abcdef&x=%2F&x=2&flag", "?x=%2F&x=2&flag"),
        ("?preview=wrong&a=b?c&preview=0123456789abcdef", "?a=b?c"),
        ("?previews=1&preview=0123456789abcdef", "?previews=1"),
        ("", ""),
    ] {
        assert_eq!(String::from_utf8_lossy(&closure.without_invitation(query.as_bytes())), rest, "{query}");
    }
}
