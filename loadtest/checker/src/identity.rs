//! Who said a message, and when it was due: written into its text, so that it is judged by what it is.

use std::fmt;

/// One message of a run: the sender and the sender's own count, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The sender's number, which is its client's.
    pub sender: u32,
    /// The sender's message, from 0, ascending in the order of sending.
    pub number: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of sender {}", self.number, self.sender)
    }
}

/// A message, with the moment at which it was to be sent: microseconds since the traffic began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Which message it is.
    pub id: Identity,
    /// When it was due; latencies count from here.
    pub due_us: u64,
}

/// What a text turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message of this run.
    Ours(Said),
    /// Someone else's.
    Foreign,
    /// It claims to be of this run and is damaged.
    Broken,
}

/// The texts of one run.
#[derive(Clone, Debug)]
pub struct Texts {
    /// `chorus-load RUN`.
    prefix: String,
    bytes: usize,
}

impl Texts {
    /// Texts of run `run`, padded to so many bytes where they are shorter.
    #[must_use]
    pub fn new(run: &str, bytes: usize) -> Self {
        Self { prefix: format!("chorus-load {run} "), bytes }
    }

    /// The text of a message; the same each time, so that no text needs to be kept.
    #[must_use]
    pub fn write(&self, said: Said) -> String {
        let Said { id, due_us } = said;
        let mut text = format!("{}{} {} {due_us} ", self.prefix, id.sender, id.number);
        text.extend(std::iter::repeat_n('.', self.bytes.saturating_sub(text.len())));
        text
    }

    /// What makes a retry known as one.
    #[must_use]
    pub fn nonce(&self, id: Identity) -> String {
        let run = self.prefix.trim_start_matches("chorus-load ").trim_end();
        format!("{run}-{}-{}", id.sender, id.number)
    }

    /// Reads a text back.
    #[must_use]
    pub fn read(&self, text: &str) -> Heard {
        let Some(rest) = text.strip_prefix(self.prefix.as_str()) else { return Heard::Foreign };
        let mut numbers = rest.split(' ');
        let said = (|| {
            let (sender, number) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
            let said = Said { id: Identity { sender, number }, due_us: numbers.next()?.parse().ok()? };
            let padding = numbers.next()?;
            let whole = self.bytes <= text.len() && numbers.next().is_none();
            (whole && padding.bytes().all(|byte| byte == b'.')).then_some(said)
        })();
        said.map_or(Heard::Broken, Heard::Ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Said = Said { id: Identity { sender: 12, number: 345 }, due_us: 67_890 };

    #[test]
    fn a_text_is_read_back_as_it_was_written() {
        for bytes in [0, 20, 200] {
            let texts = Texts::new("ab12", bytes);
            let text = texts.write(SAID);
            assert!(bytes <= text.len(), "{text}");
            assert_eq!(texts.read(&text), Heard::Ours(SAID));
        }
    }

    #[test]
    fn what_others_say_is_foreign_and_what_is_damaged_is_broken() {
        let texts = Texts::new("ab12", 60);
        let text = texts.write(SAID);
        assert_eq!(Texts::new("cd34", 60).read(&text), Heard::Foreign);
        assert_eq!(texts.read("hello"), Heard::Foreign);
        let damaged = [
            &text[..text.len() - 1],
            &text.replace("345", "34x"),
            &text.replace("..", ".!"),
            "chorus-load ab12 ",
        ];
        for damaged in damaged {
            assert_eq!(texts.read(damaged), Heard::Broken, "{damaged}");
        }
    }
}
