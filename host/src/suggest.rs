//! The valid name that a misspelt one was probably meant to be.

/// The candidate nearest to `word`, if one is near enough to be worth saying. Case and `-` for `_` do not count.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let word = plain(word);
    let limit = match word.chars().count() {
        0 => return None,
        1..=3 => 1,
        len => 2.max(len / 3),
    };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, candidate)| (*distance, !plain(candidate).starts_with(&word)))
        .map(|(_, candidate)| candidate)
}

/// `a, b or c`, for messages that list what is valid.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{list, nearest};

    #[test]
    fn nearest_of_a_misspelt_name_is_the_name() {
        let names = ["cache", "dentry_cache_limit", "ro", "src"];
        assert_eq!(nearest("cahce", names), Some("cache"));
        assert_eq!(nearest("Dentry-Cache-Limt", names), Some("dentry_cache_limit"));
        assert_eq!(nearest("rp", names), Some("ro"));
        assert_eq!(nearest("of", ["on", "off"]), Some("off"));
    }

    #[test]
    fn nearest_of_something_else_is_none() {
        assert_eq!(nearest("propagation", ["cache", "ro", "src"]), None);
        assert_eq!(nearest("", ["ro"]), None);
    }

    #[test]
    fn list_joins_with_or_before_the_last() {
        assert_eq!(list(&["a", "b", "c"]), "a, b or c");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&[]), "");
    }
}
