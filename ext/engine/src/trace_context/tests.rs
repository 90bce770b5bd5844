use proptest::prelude::*;

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.append(*name, value.as_bytes());
    }
    fields
}

fn parsed(value: &str) -> Option<(String, String, Option<bool>)> {
    shown(parent::parse(value.as_bytes())?)
}

/// The ids of what was told in digits; an unknown span is empty.
fn shown(told: TraceTold) -> Option<(String, String, Option<bool>)> {
    let text = |digits: &[u8]| String::from_utf8(digits.to_vec()).expect("digits");
    let span = told.span.map_or(String::new(), |span| text(&span.digits()));
    Some((text(&told.trace?.digits()), span, told.sampled))
}

#[test]
fn a_traceparent_names_the_trace_the_span_and_the_flag() {
    let told = |sampled| Some(("4bf92f3577b34da6a3ce929d0e0e4736".into(), "00f067aa0ba902b7".into(), Some(sampled)));
    assert_eq!(parsed(PARENT), told(true));
    assert_eq!(parsed(&PARENT.replace("-01", "-00")), told(false));
    // Other bits of the flags mean nothing yet.
    assert_eq!(parsed(&PARENT.replace("-01", "-fe")), told(false));
    assert_eq!(parsed(&PARENT.replace("-01", "-ff")), told(true));
}

#[test]
fn a_later_version_is_read_as_the_first_one() {
    let later = PARENT.replacen("00", "cc", 1);
    for value in [later.clone(), format!("{later}-"), format!("{later}-what-the-future-will-be-like")] {
        assert_eq!(parsed(&value), parsed(PARENT), "{value}");
    }
    for value in [format!("{later}."), format!("{later}what"), PARENT.replacen("00", "ff", 1)] {
        assert_eq!(parsed(&value), None, "{value}");
    }
}

#[test]
fn a_malformed_traceparent_says_nothing() {
    for value in [
        "",
        "00",
        "00-",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(parsed(value), None, "{value:?}");
    }
}

#[test]
fn two_traceparents_say_nothing() {
    let once = fields(&[("Traceparent", PARENT)]);
    assert!(read(&once, &[]).by_w3c);
    assert_eq!(read(&fields(&[("traceparent", PARENT), ("Traceparent", PARENT)]), &[]), TraceTold::default());
}

#[test]
fn other_fields_are_read_only_where_they_are_named() {
    let b3 = ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1");
    let amazon = ("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0");
    let both = fields(&[b3, amazon]);
    assert_eq!(read(&both, &[]), TraceTold::default());
    let of_b3 = ("80f198ee56343ba864fe8b2a57d3eff7".to_owned(), "e457b5a2e4d86bd1".to_owned(), Some(true));
    assert_eq!(shown(read(&both, &[TraceFormat::B3, TraceFormat::XRay])), Some(of_b3));
    let of_amazon = ("5759e988bd862e3fe1be46a994272793".to_owned(), "53995c3f42cd8ad8".to_owned(), Some(false));
    assert_eq!(shown(read(&both, &[TraceFormat::XRay, TraceFormat::B3])), Some(of_amazon));
    let all = fields(&[b3, amazon, ("traceparent", PARENT)]);
    assert_eq!(shown(read(&all, &[TraceFormat::B3])), parsed(PARENT));
}

#[test]
fn b3_is_one_field_or_several() {
    let read = |lines: &[(&str, &str)]| b3::read(&fields(lines));
    let (long, short, span) = ("80f198ee56343ba864fe8b2a57d3eff7", "64fe8b2a57d3eff7", "e457b5a2e4d86bd1");
    for (value, sampled) in [
        (format!("{long}-{span}"), None),
        (format!("{long}-{span}-0"), Some(false)),
        (format!("{long}-{span}-d"), Some(true)),
        (format!("{long}-{span}-1-05e3ac9a4f6e3b90"), Some(true)),
    ] {
        let told = read(&[("b3", &value)]).unwrap_or_else(|| panic!("{value}"));
        assert_eq!(shown(told), Some((long.into(), span.into(), sampled)), "{value}");
    }
    let told = read(&[("b3", &format!("{short}-{}", span.to_uppercase()))]).expect("64 bits");
    assert_eq!(shown(told), Some((format!("{:0>32}", short), span.into(), None)));
    assert_eq!(read(&[("b3", "0")]).and_then(|told| told.sampled), Some(false));
    for value in ["", "x", long, &format!("{long}-{span}-x"), &format!("{long}-{span}-1-x"), &format!("{long}-0-1")] {
        assert_eq!(read(&[("b3", value)]), None, "{value}");
    }
    let several = [("X-B3-TraceId", long), ("X-B3-SpanId", span), ("X-B3-Sampled", "0")];
    assert_eq!(read(&several).and_then(shown), Some((long.into(), span.into(), Some(false))));
    let forced = [several[0], several[1], several[2], ("X-B3-Flags", "1")];
    assert_eq!(read(&forced).and_then(|told| told.sampled), Some(true));
    assert_eq!(read(&several[2..]).map(|told| (told.trace, told.sampled)), Some((None, Some(false))));
    assert_eq!(read(&several[..1]), None);
}

#[test]
fn a_load_balancer_may_know_the_trace_alone() {
    let told = xray::parse(b"Self=1-67891234-12456789abcdef012345678a; Root=1-67891233-abcdef012345678912345678");
    let trace = "67891233abcdef012345678912345678".to_owned();
    assert_eq!(told.and_then(shown), Some((trace, String::new(), None)));
    for value in ["", "Root=", "Root=1-5759e988", "Root=2-5759e988-bd862e3fe1be46a994272793", "Sampled=1"] {
        assert_eq!(xray::parse(value.as_bytes()), None, "{value}");
    }
}

/// The list that is passed on.
fn kept(values: &[&str]) -> Option<String> {
    let mut fields = fields(&values.iter().map(|value| (TRACESTATE, *value)).collect::<Vec<_>>());
    keep_state(&mut fields);
    single(&fields, TRACESTATE).map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

#[test]
fn a_tracestate_is_passed_on_in_one_field() {
    assert_eq!(kept(&[]), None);
    assert_eq!(
        kept(&["congo=t61rcWkgMzE, rojo=00f067aa0ba902b7"]),
        Some("congo=t61rcWkgMzE, rojo=00f067aa0ba902b7".into())
    );
    assert_eq!(kept(&["a=1", " b=2 , ,", "tenant@sys=x"]), Some("a=1,b=2,tenant@sys=x".into()));
    for list in ["", ",", "a", "=1", "A=1", "a=1=2", "a=\u{e9}", "a=1,b"] {
        assert_eq!(kept(&[list]), None, "{list}");
    }
}

#[test]
fn a_long_tracestate_loses_large_members_and_then_those_at_its_end() {
    let small: Vec<_> = (0..30).map(|number| format!("k{number:02}={}", "v".repeat(12))).collect();
    let large = format!("large={}", "v".repeat(200));
    let all = format!("{large},{}", small.join(","));
    assert_eq!(kept(&[&all]), Some(small.join(",")));
    let longer: Vec<_> = (0..30).map(|number| format!("k{number:02}={}", "v".repeat(28))).collect();
    let kept_of_longer = kept(&[&longer.join(",")]).expect("a part");
    assert!(kept_of_longer.len() <= 512 && longer.join(",").starts_with(&kept_of_longer), "{kept_of_longer}");
    assert_eq!(kept_of_longer.split(',').count(), 15);
    let many: Vec<_> = (0..33).map(|number| format!("k{number}=v")).collect();
    assert_eq!(kept(&[&many[..32].join(",")]), Some(many[..32].join(",")));
    assert_eq!(kept(&[&many.join(",")]), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(trace in 1_u128.., span in 1_u64.., sampled: bool, random: bool) {
        let ids = TraceIds { trace: TraceId(trace), span: SpanId(span) };
        let told = parent::parse(&traceparent(ids, sampled, random)).expect("well formed");
        prop_assert_eq!((told.trace, told.span), (Some(ids.trace), Some(ids.span)));
        prop_assert_eq!((told.sampled, told.random), (Some(sampled), random));
    }

    #[test]
    fn exactly_the_well_formed_are_read(value in "[0-9a-fA-F]{2}-[0-9a-f]{31,33}-[0-9a-fg]{16}-[0-9a-f]{2}(-.{0,4})?") {
        let grammar = regex::Regex::new("^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|\
            [0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)$").expect("a pattern");
        let is_zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
        let malformed = value.starts_with("ff")
            || value.starts_with("00") && value.len() > parent::LENGTH
            || !grammar.is_match(&value)
            || is_zero(&value[3..35])
            || is_zero(&value[36..52]);
        prop_assert_eq!(parent::parse(value.as_bytes()).is_none(), malformed);
    }

    #[test]
    fn no_value_does_harm(value in proptest::collection::vec(any::<u8>(), 0..700), name in 0..5_usize) {
        let name = [TRACEPARENT, TRACESTATE, "b3", "X-B3-TraceId", "X-Amzn-Trace-Id"][name];
        let mut fields = Fields::default();
        fields.append(name, &value);
        let told = read(&fields, &[TraceFormat::B3, TraceFormat::XRay]);
        prop_assert!(told.span.is_none() || told.trace.is_some());
        keep_state(&mut fields);
        prop_assert!(fields.get(TRACESTATE).is_none_or(|list| list.len() <= 512 && !list.is_empty()));
    }

    #[test]
    fn lists_stay_within_their_bound(list in "([a-z]{1,3}=[a-z]{0,300},){0,40}") {
        if let Some(bounded) = state::bounded(list.as_bytes()) {
            prop_assert!(bounded.len() <= 512 && state::bounded(&bounded).as_deref() == Some(&bounded[..]));
        }
    }
}
