use proxy_http::message::{Fields, Known};

use super::MediaTypes;
use crate::compile::Report;

fn fields(content_type: &str) -> Fields {
    let mut fields = Fields::default();
    fields.append(Known::ContentType, content_type.as_bytes());
    fields
}

#[test]
fn the_usual_types_are_those_that_compress_well() {
    let types = Report::sound(|report| MediaTypes::compile(None, report));
    for coded in [
        "text/html",
        "Text/HTML; charset=utf-8",
        "text/css",
        "text/vnd.turbo-stream.html; charset=utf-8",
        "application/json",
        "application/vnd.api+json",
        "application/atom+xml",
        "application/javascript",
        "application/manifest+json",
        "application/wasm",
        "image/svg+xml",
        "image/x-icon",
        "font/ttf",
    ] {
        assert!(types.contain(&fields(coded)), "{coded}");
    }
    for plain in [
        "text/event-stream",
        "text/event-stream;charset=utf-8",
        "TEXT/Event-Stream",
        "application/grpc",
        "application/grpc-web+json",
        "application/grpc+proto",
        "multipart/byteranges; boundary=a",
        "multipart/mixed",
        "image/png",
        "image/jpeg",
        "audio/mpeg",
        "video/mp4",
        "font/woff2",
        "application/zip",
        "application/octet-stream",
        "application/pdf",
        "text",
        "",
    ] {
        assert!(!types.contain(&fields(plain)), "{plain}");
    }
    assert!(!types.contain(&Fields::default()));
    assert!(types.contain_or_unknown(&Fields::default()));
    assert!(!types.contain_or_unknown(&fields("image/png")));
}

#[test]
fn written_types_take_the_place_of_the_usual_ones() {
    let written: Vec<String> = ["Application/*+XML", "image/bmp", "text/css"].map(str::to_owned).into();
    let types = Report::sound(|report| MediaTypes::compile(Some(&written), report));
    for (content_type, coded) in [
        ("application/rss+xml", true),
        ("application/+xml", true),
        ("application/xml", false),
        ("image/bmp", true),
        ("text/css;charset=utf-8", true),
        ("text/cssx", false),
        ("text/html", false),
    ] {
        assert_eq!(types.contain(&fields(content_type)), coded, "{content_type}");
    }
}

#[test]
fn what_is_no_type_or_never_coded_is_a_mistake() {
    for (text, message) in [
        ("html", "\"html\" is no content type: write one such as \"text/html\", or \"text/*\""),
        ("text/", "\"text/\" is no content type: write one such as \"text/html\", or \"text/*\""),
        (
            "text/html; charset=utf-8",
            "\"text/html; charset=utf-8\" is no content type: write one such as \"text/html\", or \"text/*\"",
        ),
        ("*/*", "\"*/*\" is no content type: write one such as \"text/html\", or \"text/*\""),
        ("*/json", "\"*/json\" would be every type: name those that compress well, such as \"text/*\""),
        ("text/event-stream", "\"text/event-stream\" is never compressed: leave it out"),
        ("application/grpc+proto", "\"application/grpc+proto\" is never compressed: leave it out"),
        ("multipart/*", "\"multipart/*\" is never compressed: leave it out"),
        ("image/*", "\"image/*\" has types that are compressed already: name those that are not"),
        ("video/*", "\"video/*\" has types that are compressed already: name those that are not"),
    ] {
        let (_, told) = Report::told(|report| MediaTypes::compile(Some(&[text.to_owned()]), report));
        assert_eq!(told, [message]);
    }
    let (_, told) = Report::told(|report| MediaTypes::compile(Some(&[]), report));
    assert_eq!(told, ["it is empty: write content types, such as [\"text/*\"], or leave it out"]);
}
