//! Mistakes are reported; what a response must look like is in the end-to-end tests.

use super::{CompressConfig, CompressionLevels};
use crate::filter::tests::{at, errors};
use crate::filter::FilterConfig;

fn told(config: CompressConfig) -> Vec<String> {
    errors(FilterConfig::Compress(CompressConfig { at: at(), ..config }))
}

#[test]
fn the_defaults_are_sound() {
    assert!(told(CompressConfig::default()).is_empty());
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let config = CompressConfig {
        encodings: Some(vec!["gzip".into(), "brotli".into(), "gzip".into()]),
        types: Some(vec!["html".into()]),
        min_size: -1,
        level: CompressionLevels { zstd: 22, br: 12, gzip: 0 },
        breach: "yes".into(),
        ..CompressConfig::default()
    };
    assert_eq!(
        told(config),
        [
            "compress: encodings: \"brotli\" is no coding (there are zstd, br, gzip)",
            "compress: encodings: \"gzip\" is written twice: write it once",
            "compress: types: \"html\" is no content type: write one such as \"text/html\", or \"text/*\"",
            "compress: min_size: -1 is negative: write 0 or more",
            "compress: level: zstd: 22 is out of range: write a number from 1 to 19",
            "compress: level: br: 12 is out of range: write a number from 0 to 11",
            "compress: level: gzip: 0 is out of range: write a number from 1 to 9",
            "compress: breach: \"yes\" is no measure (there are jitter, guard, none)",
        ]
    );
    let config = CompressConfig { encodings: Some(Vec::new()), ..CompressConfig::default() };
    assert_eq!(
        told(config),
        ["compress: encodings: it is empty: write codings, such as [\"zstd\", \"br\", \"gzip\"], or leave it out"]
    );
}
