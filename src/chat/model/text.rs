//! The text of a message.

use super::{error::ValidationError, names::Reaction};

/// A message's text: not empty, at most a set number of bytes, without control characters other than tab
/// and line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageText(Box<str>);

impl MessageText {
    /// The text of a deletion.
    #[must_use]
    pub fn empty() -> Self {
        Self("".into())
    }

    /// Takes `text` unchanged if it has at most `bytes_max` bytes of UTF-8.
    ///
    /// # Errors
    ///
    /// [`ValidationError::Text`] names the rule that the text breaks.
    pub fn new(text: &str, bytes_max: usize) -> Result<Self, ValidationError> {
        let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
        let fits = !text.is_empty() && text.len() <= bytes_max;
        if fits && text.chars().all(printable) {
            Ok(Self(text.into()))
        } else {
            Err(ValidationError::Text { limit: bytes_max })
        }
    }

    /// Takes what a log stored, unchecked: it was checked when it was posted, perhaps by a node with another limit.
    #[must_use]
    pub fn from_log(text: String) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Reaction> for MessageText {
    fn from(reaction: &Reaction) -> Self {
        Self(reaction.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_size_and_no_control_characters() {
        for good in ["x", "two\nlines\t!", "\u{202e}rtl", &"é".repeat(50)] {
            assert!(MessageText::new(good, 100).is_ok(), "{good}");
        }
        for bad in ["", "nul\0", "\u{1b}[31m", &"é".repeat(51)] {
            assert_eq!(MessageText::new(bad, 100), Err(ValidationError::Text { limit: 100 }), "{bad}");
        }
    }
}
