use super::*;

#[test]
fn an_authority_with_tls_is_never_asked_without() {
    let is_safe = |directory: &'static str, url: &'static str| {
        is_safe(&Uri::from_static(directory), &url.parse().expect("a URL"))
    };
    assert!(is_safe("https://ca.test/dir", "https://other.test/order"));
    assert!(is_safe("http://localhost/dir", "http://localhost/order"));
    assert!(is_safe("http://localhost/dir", "https://ca.test/order"));
    assert!(!is_safe("https://ca.test/dir", "http://ca.test/order"));
    assert!(!is_safe("https://ca.test/dir", "/order"));
    assert!(!is_safe("http://localhost/dir", "ftp://localhost/order"));
}
