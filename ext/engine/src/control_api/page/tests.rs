use serde_json::json;

use super::*;

/// A status in which every text is an attack.
fn hostile(attack: &str) -> Value {
    let problem = json!({ "text": attack });
    json!({
        "version": attack, "file": attack, "urls": [attack], "pid": 1, "stopping": false, "warnings": [problem],
        "reload": { "result": "failed", "error": attack, "problems": [problem] },
        "upstreams": [{ "name": attack, "queue": 0, "backends": [
            { "address": attack, "state": attack, "check": { "healthy": false, "error": attack, "since": 1.0 } }
        ] }],
        "certificates": [{ "names": [attack], "authority": attack, "last_error": attack }],
        "blocks": [{ "word": attack, "at": attack }],
    })
}

#[test]
fn no_value_can_end_its_place() {
    for attack in ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='a", "</td></main>"] {
        let page = render(&hostile(attack), "nonce");
        assert!(!page.contains(attack), "{attack}");
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains("<img") && page.matches("</main>").count() == 1);
        let shown = Escaped(attack).to_string();
        assert!(page.matches(&shown).count() >= 15, "{shown} is {} times there", page.matches(&shown).count());
    }
}

#[test]
fn a_page_of_a_few_backends_is_small() {
    let backend = json!({ "address": "127.0.0.1:3000", "state": "ready", "weight": 1, "requests": 12_345 });
    let status = json!({ "upstreams": [{ "name": "app", "queue": 0, "backends": vec![backend; 30] }] });
    let page = render(&status, "nonce");
    assert!(page.len() < 40_000, "{} bytes", page.len());
    assert!(page.contains("12,345") && page.contains("<small class=\"n\">30 ready</small>"));
    assert!(page.contains("<p id=\"sum\" role=\"status\">30 ready</p>"));
}

#[test]
fn a_state_is_a_word_and_a_colour() {
    let backends: Vec<_> = ["ready", "draining", "down", "unhealthy", "ejected", "unchecked", "unresolved"]
        .map(|state| json!({ "address": state, "state": state }))
        .into();
    let page = render(&json!({ "upstreams": [{ "name": "app", "backends": backends }] }), "nonce");
    for (class, state) in
        [("ok", "ready"), ("mid", "draining"), ("off", "down"), ("bad", "ejected"), ("new", "unchecked")]
    {
        assert!(page.contains(&format!("<span class=\"s {class}\">{state}</span>")), "{state}");
    }
    assert!(page.contains("1 ready, 1 draining, 1 down"));
}

#[test]
fn what_stops_requests_is_said_with_its_reason() {
    let maintenance = json!({ "message": "Back at <noon>", "retry_after": 60 });
    let soon = html::now() + 90.5;
    let page = render(
        &json!({ "maintenance": maintenance, "upstreams": [
            { "name": "a", "paused": { "until": soon, "held": 3 } },
            { "name": "b", "paused": { "until": 1.0, "held": 0 } },
            { "name": "c", "maintenance": maintenance, "deploying": true },
            { "name": "d", "backends": [{ "state": "ejected" }, { "state": "ready", "added": true, "backup": true }] },
        ] }),
        "nonce",
    );
    for shown in [
        "All upstreams are in maintenance: requests get 503. Back at &lt;noon&gt;</p>",
        "paused</span> <small class=\"p\">for 1 min more, 3 held</small>",
        "paused</span> <small class=\"p\">its time is over: requests get 503</small>",
        "<span class=\"s new\">deploying</span>",
        "<span class=\"s mid\">maintenance</span> <small>Back at &lt;noon&gt;</small>",
        "<small>backup</small> <small>added</small>",
        "role=\"status\">1 of 2 not ready</p>",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[test]
fn the_last_check_says_for_how_long_and_why() {
    let since = html::now() - 30.5;
    let shown = [
        json!({ "healthy": true, "error": null, "since": since }),
        json!({ "healthy": false, "error": "the answer is a 500", "since": since }),
        json!({ "healthy": false, "error": null, "since": since }),
        Value::Null,
    ]
    .map(|check| table::check(&check));
    assert_eq!(shown, ["healthy for 30 s", "unhealthy for 30 s: the answer is a 500", "unhealthy for 30 s", "–"]);
}

#[test]
fn numbers_are_easy_to_read() {
    let quantiles = |p50, p95, p99| html::latency(&json!({ "p50": p50, "p95": p95, "p99": p99 }));
    assert_eq!(
        [quantiles(0.0004, 0.012, 0.4), quantiles(0.4, 0.9, 1.23)],
        ["0.4 / 12 / 400 ms", "400 ms / 900 ms / 1.2 s"]
    );
    assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!([0.0004, 0.012, 1.23, 12.3].map(html::time), ["0.4 ms", "12 ms", "1.2 s", "12 s"]);
    assert_eq!([5.0, 65.0, 7_200.0, 200_000.0].map(age), ["5 s", "1 min", "2 h", "2 days"]);
    assert_eq!(
        [(0, 0), (0, 5), (1, 10_000), (1, 8)].map(|(part, of)| share(part, of)),
        ["–", "0 %", "< 0.1 %", "12.5 %"]
    );
    assert_eq!(stamp(1_767_225_599.0), "2025-12-31 23:59:59 UTC");
}

#[test]
fn only_the_script_with_the_nonce_may_run() {
    let policy = policy("abc");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-abc'; connect-src 'self'")
    );
    assert!(render(&json!({}), "abc").contains("<script nonce=\"abc\">"));
}
