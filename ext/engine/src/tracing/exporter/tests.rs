use super::*;
use crate::compile::Report;
use crate::config::TracingConfig;

fn destination(change: impl FnOnce(&mut TracingConfig)) -> CollectorAddress {
    let mut config = TracingConfig::default();
    change(&mut config);
    Report::sound(|report| CollectorAddress::compile(&config, report)).expect("a destination")
}

/// What is wrong with a configuration.
fn wrong(change: impl FnOnce(&mut TracingConfig)) -> Vec<String> {
    let mut config = TracingConfig::default();
    change(&mut config);
    Report::told(|report| CollectorAddress::compile(&config, report)).1
}

fn chunk(count: usize, bytes: usize) -> SpanChunk {
    SpanChunk { json: vec![b' '; bytes], count }
}

#[test]
fn what_waits_is_bounded_in_spans_and_in_bytes() {
    for (count, bytes, fitting) in [(100, 10, 20), (1, 1024 * 1024, 8)] {
        let exporters = Arc::new(Exporters::default());
        let exporter = Exporter::new(destination(|_| ()), &exporters);
        for _ in 0..50 {
            exporter.offer(chunk(count, bytes));
        }
        assert_eq!(exporter.waiting.spans.load(Relaxed), fitting * count);
        assert_eq!(exporter.waiting.bytes.load(Relaxed), fitting * bytes);
        assert_eq!(exporters.stats().lost, ((50 - fitting) * count) as u64);
    }
}

#[test]
fn an_exporter_goes_on_only_for_the_same_place_in_the_same_way() {
    let exporter = Exporter::new(destination(|_| ()), &Arc::default());
    assert!(exporter.is_for(&destination(|config| config.ratio = 0.5)));
    let others: [fn(&mut TracingConfig); 4] = [
        |config| config.to = "http://127.0.0.1:4319/v1/traces".into(),
        |config| config.headers = vec![("X-Key".into(), "1".into())],
        |config| config.service = "shop".into(),
        |config| config.attributes = vec![("a".into(), "b".into())],
    ];
    for change in others {
        assert!(!exporter.is_for(&destination(change)));
    }
}

#[test]
fn mistakes_show_no_secret() {
    for to in ["", "/v1/traces", "ftp://a/", "http://user:secret@a/", "http://a:99999/"] {
        let told = wrong(|config| config.to = to.into());
        assert!(told.len() == 1 && told[0].starts_with("to: this is no URL of a collector"), "{to}: {told:?}");
        assert!(!told[0].contains("secret"), "{told:?}");
    }
    let told =
        wrong(|config| config.headers = vec![("X-Key".into(), "secret\n".into()), ("a b".into(), "secret".into())]);
    assert!(told.len() == 2 && told.iter().all(|message| message.starts_with("headers: ")), "{told:?}");
    assert!(!told.concat().contains("secret"), "{told:?}");
    let shown = format!("{:?}", destination(|config| config.headers = vec![("X-Key".into(), "secret".into())]));
    assert!(!shown.contains("secret"), "{shown}");
}
