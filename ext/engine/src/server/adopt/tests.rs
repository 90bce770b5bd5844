use super::*;

fn sound(head: &str) -> String {
    String::from_utf8(path_alone(head.as_bytes())).expect("text")
}

#[test]
fn the_path_of_a_malformed_head_is_found() {
    for (head, path) in [
        ("GET /api/x\0y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /api/x_y"),
        ("GET /api/a b HTTP/1.1\r\n\r\n", "GET /api/a"),
        ("G\0T /api?a=<b> HTTP/1.1\r\n\r\n", "GET /api"),
        ("POST /a%zz%41%00 HTTP/1.1\r\n\r\n", "POST /a_zz%41_00"),
        ("PUT", "PUT "),
        ("", "GET "),
    ] {
        assert_eq!(sound(head), format!("{path} HTTP/1.0\r\n\r\n"), "{head:?}");
    }
}
