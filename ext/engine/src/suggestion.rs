//! "Did you mean …?" for words in a configuration.

use strsim::osa_distance;

/// The `known` word that `word` was most likely meant to be, if one is similar enough.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (osa_distance(&word, name), name))
        .filter(|(distance, name)| *distance <= allowed || (name.len() > 2 && word.starts_with(name)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `(did you mean X? There are A, B, C)`, or only the list if no word is similar.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("(did you mean {name}? There are {list})"),
        None => format!("(there are {list})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_find_their_word() {
        let known = ["bad_gateway", "forbidden", "not_found"];
        for (word, meant) in [
            ("bad_gatway", Some("bad_gateway")),
            ("Bad_Gateway", Some("bad_gateway")),
            ("badgateway", Some("bad_gateway")),
            ("notfound", Some("not_found")),
            ("forbiden", Some("forbidden")),
            ("not_found_page", Some("not_found")),
            ("teapot", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn distance_counts_edits_and_swaps() {
        for (a, b, n) in [
            ("", "", 0),
            ("path", "path", 0),
            ("path", "paht", 1),
            ("path", "pth", 1),
            ("", "abc", 3),
            ("query", "quary", 1),
        ] {
            assert_eq!(osa_distance(a, b), n, "{a} {b}");
            assert_eq!(osa_distance(b, a), n, "{b} {a}");
        }
    }
}
