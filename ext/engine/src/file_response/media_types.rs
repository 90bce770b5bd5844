//! Media types of files, by the endings of their names.

/// Endings in lower case, in the order of the alphabet, each with its type (IANA's registry, and what browsers use),
/// and with a charset if it is one of text.
const TYPES: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("3gpp", "video/3gpp"),
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("ai", "application/postscript"),
    ("aif", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("apk", "application/vnd.android.package-archive"),
    ("apng", "image/apng"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("cer", "application/pkix-cert"),
    ("crt", "application/x-x509-ca-cert"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("deb", "application/x-debian-package"),
    ("der", "application/x-x509-ca-cert"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("ear", "application/java-archive"),
    ("eot", "application/vnd.ms-fontobject"),
    ("eps", "application/postscript"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("flv", "video/x-flv"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("graphql", "application/graphql"),
    ("gz", "application/gzip"),
    ("heic", "image/heic"),
    ("htc", "text/x-component; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("jar", "application/java-archive"),
    ("jfif", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("jxl", "image/jxl"),
    ("kar", "audio/midi"),
    ("kml", "application/vnd.google-earth.kml+xml"),
    ("kmz", "application/vnd.google-earth.kmz"),
    ("log", "text/plain; charset=utf-8"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("markdown", "text/markdown; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpd", "application/dash+xml"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("obj", "model/obj"),
    ("odg", "application/vnd.oasis.opendocument.graphics"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("pem", "application/x-x509-ca-cert"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("ps", "application/postscript"),
    ("rar", "application/vnd.rar"),
    ("rpm", "application/x-rpm"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("sh", "application/x-sh"),
    ("shtml", "text/html; charset=utf-8"),
    ("sql", "application/sql"),
    ("stl", "model/stl"),
    ("svg", "image/svg+xml"),
    ("svgz", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("text", "text/plain; charset=utf-8"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("tsv", "text/tab-separated-values; charset=utf-8"),
    ("ttc", "font/collection"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("vcf", "text/vcard; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("war", "application/java-archive"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("wbmp", "image/vnd.wap.wbmp"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("wmv", "video/x-ms-wmv"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "text/xml; charset=utf-8"),
    ("xpi", "application/x-xpinstall"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// Type of files whose ending is not known.
const OTHER: &str = "application/octet-stream";

/// Bytes of the longest ending.
const LONGEST: usize = 11;

/// The endings as numbers, which compare faster than text.
static KEYS: [u128; TYPES.len()] = {
    let mut keys = [0; TYPES.len()];
    let mut place = 0;
    while place < TYPES.len() {
        keys[place] = key(TYPES[place].0.as_bytes());
        place += 1;
    }
    keys
};

/// An ending, in any letter case, as a number: in the order of the alphabet. It has between 1 and [`LONGEST`] bytes.
const fn key(ending: &[u8]) -> u128 {
    let mut key = [0; 16];
    let mut at = 0;
    while at < ending.len() {
        key[at] = ending[at].to_ascii_lowercase();
        at += 1;
    }
    u128::from_be_bytes(key)
}

/// Type of a file by the last ending of its name.
pub(crate) fn media_type(name: &[u8]) -> &'static str {
    let Some(ending) = ending(name).filter(|ending| ending.len() <= LONGEST) else { return OTHER };
    match KEYS.binary_search(&key(ending)) {
        Ok(place) if TYPES[place].0.len() == ending.len() => TYPES[place].1,
        _ => OTHER,
    }
}

/// The last ending of a file's name, without its dot.
fn ending(name: &[u8]) -> Option<&[u8]> {
    let ending = &name[memchr::memrchr(b'.', name)? + 1..];
    (!ending.contains(&b'/')).then_some(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(TYPES.is_sorted_by(|a, b| a.0 < b.0) && KEYS.is_sorted());
        assert!(TYPES.iter().all(|(ending, _)| !ending.bytes().any(|byte| byte.is_ascii_uppercase())));
        assert_eq!(TYPES.iter().map(|(ending, _)| ending.len()).max(), Some(LONGEST));
    }

    #[test]
    fn types_of_text_have_a_charset() {
        for (ending, media_type) in TYPES {
            assert_eq!(media_type.starts_with("text/"), media_type.ends_with("; charset=utf-8"), "{ending}");
        }
    }

    #[test]
    fn the_last_ending_decides() {
        for (name, expected) in [
            ("/a/app-1a2b.min.JS", "text/javascript; charset=utf-8"),
            ("archive.tar.gz", "application/gzip"),
            (".css", "text/css; charset=utf-8"),
            ("site.webmanifest", "application/manifest+json"),
            ("a.json", "application/json"),
            ("a.css/README", OTHER),
            ("a.", OTHER),
            ("a.unknown", OTHER),
            ("a.css\0", OTHER),
            ("a.far-longer-than-known", OTHER),
        ] {
            assert_eq!(media_type(name.as_bytes()), expected, "{name}");
        }
    }
}
