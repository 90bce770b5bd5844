use super::*;
use crate::compile::Report;
use crate::config::TracingConfig;
use task::Batch;

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
fn long_bodies_are_compressed_and_short_ones_are_not() {
    let place = destination(|_| ());
    for (length, encoding) in [(1024, None), (1025, Some("gzip")), (1024 * 1024, Some("gzip"))] {
        let json = b"[0]".iter().copied().cycle().take(length).collect::<Vec<u8>>();
        let request = place.request(&Batch::new(json.clone(), 1));
        let told = request.headers().get("content-encoding").map(|value| value.to_str().expect("text"));
        assert_eq!(told, encoding, "{length}");
        let body = &request.body()[..];
        assert_eq!(if encoding.is_some() { decompressed(body) } else { body.to_vec() }, json);
        assert!(body.len() <= 1024 || body.len() * 10 < length, "{} of {length}", body.len());
    }
}

fn decompressed(body: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut json).expect("gzip");
    json
}

#[test]
fn fields_of_the_exporter_itself_cannot_be_written() {
    for name in ["Content-Type", "content-encoding"] {
        let told = wrong(|config| config.headers = vec![(name.into(), "x".into())]);
        assert_eq!(told, [format!("headers: {name:?} is set by the proxy itself: leave it out")]);
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
