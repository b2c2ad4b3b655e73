//! Message texts that carry the sender, the message's number and its due time, so that each is recognised on arrival.

use std::fmt;

/// Identifies a message within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The sending client's number.
    pub sender: u32,
    /// The sender's message count, from 0, in the order of sending.
    pub number: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of sender {}", self.number, self.sender)
    }
}

/// A message of this run and its due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampedMessage {
    /// The message.
    pub id: Identity,
    /// Microseconds since sending started; latencies count from here.
    pub due_us: u64,
}

/// A text that was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParsedText {
    /// A message of this run.
    Ours(StampedMessage),
    /// A message of another run or another client.
    Foreign,
    /// It has this run's prefix and is damaged.
    Broken,
}

/// Writes and reads the texts of one run.
#[derive(Clone, Debug)]
pub struct Texts {
    /// `chorus-load RUN `.
    prefix: String,
    bytes: usize,
}

impl Texts {
    /// Texts of run `run`, padded to at least `bytes`.
    #[must_use]
    pub fn new(run: &str, bytes: usize) -> Self {
        Self { prefix: format!("chorus-load {run} "), bytes }
    }

    /// The text of a message. Deterministic, so retries need no copy.
    #[must_use]
    pub fn write(&self, message: StampedMessage) -> String {
        let StampedMessage { id, due_us } = message;
        let mut text = format!("{}{} {} {due_us} ", self.prefix, id.sender, id.number);
        text.extend(std::iter::repeat_n('.', self.bytes.saturating_sub(text.len())));
        text
    }

    /// The idempotency key of a message.
    #[must_use]
    pub fn nonce(&self, id: Identity) -> String {
        let run = self.prefix.trim_start_matches("chorus-load ").trim_end();
        format!("{run}-{}-{}", id.sender, id.number)
    }

    /// Parses a text.
    #[must_use]
    pub fn read(&self, text: &str) -> ParsedText {
        let Some(rest) = text.strip_prefix(self.prefix.as_str()) else { return ParsedText::Foreign };
        let mut numbers = rest.split(' ');
        let message = (|| {
            let (sender, number) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
            let message =
                StampedMessage { id: Identity { sender, number }, due_us: numbers.next()?.parse().ok()? };
            let padding = numbers.next()?;
            let whole = self.bytes <= text.len() && numbers.next().is_none();
            (whole && padding.bytes().all(|byte| byte == b'.')).then_some(message)
        })();
        message.map_or(ParsedText::Broken, ParsedText::Ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: StampedMessage =
        StampedMessage { id: Identity { sender: 12, number: 345 }, due_us: 67_890 };

    #[test]
    fn a_text_is_read_back_as_it_was_written() {
        for bytes in [0, 20, 200] {
            let texts = Texts::new("ab12", bytes);
            let text = texts.write(MESSAGE);
            assert!(bytes <= text.len(), "{text}");
            assert_eq!(texts.read(&text), ParsedText::Ours(MESSAGE));
        }
    }

    #[test]
    fn what_others_say_is_foreign_and_what_is_damaged_is_broken() {
        let texts = Texts::new("ab12", 60);
        let text = texts.write(MESSAGE);
        assert_eq!(Texts::new("cd34", 60).read(&text), ParsedText::Foreign);
        assert_eq!(texts.read("hello"), ParsedText::Foreign);
        let damaged = [
            &text[..text.len() - 1],
            &text.replace("345", "34x"),
            &text.replace("..", ".!"),
            "chorus-load ab12 ",
        ];
        for damaged in damaged {
            assert_eq!(texts.read(damaged), ParsedText::Broken, "{damaged}");
        }
    }
}
