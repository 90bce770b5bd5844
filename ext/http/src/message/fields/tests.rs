use super::*;

fn sample() -> Fields {
    let head = b"Host: a\r\nX-One: 1\r\nAccept: */*\r\nx-one: 2\r\n";
    let mut fields = Fields::default();
    fields.fill(head);
    let mut start = 0;
    for line in head.split_inclusive(|b| *b == b'\n') {
        let colon = line.iter().position(|b| *b == b':').expect("a colon");
        let end = start + line.len() as u32;
        let name = Span { start, end: start + colon as u32 };
        fields.push_line(name, Span { start: name.end + 2, end: end - 2 }, Some(end));
        start = end;
    }
    fields
}

fn written(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write_to(&mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn lines_can_be_restored_after_any_edit() {
    let mut fields = sample();
    let mut lines = Lines::default();
    fields.copy_lines(&mut lines);
    fields.remove(Known::Host);
    fields.set("x-one", b"3");
    fields.append("X-Two", b"2");
    fields.restore_lines(&mut lines);
    assert_eq!(written(&fields), written(&sample()));
    assert_eq!(fields.get(Known::Host), Some(&b"a"[..]));
    assert!(!fields.has("X-Two"));
}

#[test]
fn untouched_fields_are_written_as_they_came() {
    assert_eq!(written(&sample()), "Host: a\r\nX-One: 1\r\nAccept: */*\r\nx-one: 2\r\n");
}

#[test]
fn set_replaces_in_place_and_removes_further_lines() {
    let mut fields = sample();
    fields.set("X-ONE", b"3");
    fields.set(Known::Host, b"b");
    assert_eq!(written(&fields), "Host: b\r\nX-One: 3\r\nAccept: */*\r\n");
    assert_eq!(fields.all("x-one").collect::<Vec<_>>(), [b"3"]);
}

#[test]
fn removed_fields_are_gone_and_can_return() {
    let mut fields = sample();
    fields.remove(Known::Accept);
    fields.remove("x-one");
    assert_eq!(fields.get(Known::Accept), None);
    fields.set(Known::Accept, b"text/html");
    assert_eq!(written(&fields), "Host: a\r\nAccept: text/html\r\n");
    assert_eq!(fields.len(), 2);
}

#[test]
fn names_that_are_no_token_are_refused() {
    assert!(FieldName::new("X-Ok").is_some());
    for bad in ["", "a b", "a:", "é", "a\r\n"] {
        assert!(FieldName::new(bad).is_none(), "{bad:?}");
    }
}
