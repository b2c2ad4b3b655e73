//! Search by words: how texts and queries are split and folded.
//!
//! Every log searches by these words alone, so that an index and a scan of the messages agree.

use std::{collections::BTreeSet, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;

/// Only this much of a longer word counts: a text may be one word, and nobody types all of it.
const WORD_BYTES_MAX: usize = 64;

/// Splits a text into words: runs of letters and digits, without case and diacritics.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let folded: String = text.nfkd().filter(|c| !is_diacritic(*c)).flat_map(char::to_lowercase).collect();
    let words: Vec<_> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word[..word.floor_char_boundary(WORD_BYTES_MAX)].to_owned())
        .collect();
    words.into_iter()
}

/// Marks of Latin, Greek and Cyrillic letters. Those of other scripts carry meaning and are kept.
fn is_diacritic(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// What a search looks for: one or more words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery(BTreeSet<String>);

/// The query is too long, or has no word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a query is 1 to {} bytes with at least one letter or digit", SearchQuery::BYTES_MAX)]
pub struct InvalidQuery;

impl SearchQuery {
    /// The longest one, in bytes of UTF-8.
    pub const BYTES_MAX: usize = 256;

    /// Its words, each once.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether a text has, for each word of the query, a word that begins with it.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let words: Vec<_> = words(text).collect();
        self.0.iter().all(|wanted| words.iter().any(|word| word.starts_with(wanted)))
    }
}

impl FromStr for SearchQuery {
    type Err = InvalidQuery;

    fn from_str(text: &str) -> Result<Self, InvalidQuery> {
        let words: BTreeSet<_> =
            if text.len() <= Self::BYTES_MAX { words(text).collect() } else { BTreeSet::new() };
        if words.is_empty() { Err(InvalidQuery) } else { Ok(Self(words)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_without_case_and_diacritics() {
        for (text, expected) in [
            ("Hello, world!", "hello world"),
            ("na\u{ef}ve CAF\u{c9} e\u{301}t\u{e9}", "naive cafe ete"),
            ("\u{fb01}ne \u{2460} H\u{2082}O", "fine 1 h2o"),
            ("snake_case kebab-case 3.14", "snake case kebab case 3 14"),
            ("\u{416}\u{451}\u{43b}\u{442}\u{44b}\u{439}", "\u{436}\u{435}\u{43b}\u{442}\u{44b}\u{438}"),
            ("\u{65e5}\u{672c}\u{8a9e}", "\u{65e5}\u{672c}\u{8a9e}"),
            ("\u{1f600} \u{200b} \u{202e}--\u{0}", ""),
            ("<b>bold</b>", "b bold b"),
        ] {
            assert_eq!(words(text).collect::<Vec<_>>().join(" "), expected, "{text}");
        }
        let long = words(&"\u{e4}".repeat(5_000)).collect::<Vec<_>>();
        assert_eq!(long, ["a".repeat(WORD_BYTES_MAX)]);
        let cut = words(&"\u{65e5}".repeat(5_000)).collect::<Vec<_>>();
        assert_eq!(cut, ["\u{65e5}".repeat(WORD_BYTES_MAX / 3)], "between two characters");
    }

    #[test]
    fn a_query_finds_texts_in_which_each_of_its_words_begins_one() {
        let query = |text: &str| text.parse::<SearchQuery>();
        for (wanted, text, finds) in [
            ("hello", "Hello, world", true),
            ("wor hel", "Hello, world", true),
            ("ello", "Hello, world", false),
            ("hello there", "Hello, world", false),
            ("\u{e9}t\u{e9}", "ETE", true),
            ("a a a", "a", true),
            (&"x".repeat(200), &"x".repeat(8_000), true),
        ] {
            assert_eq!(query(wanted).unwrap().matches(text), finds, "{wanted} in {text}");
        }
        for bad in ["", " ", "!?", "\u{1f600}", &"x".repeat(257)] {
            assert_eq!(query(bad), Err(InvalidQuery), "{bad}");
        }
    }
}
