//! What a frame says that is about people: who is in a room, who is typing, and what a node says of itself.
//!
//! [`Note`] and [`PersonNote`] must never change: another form is another version.

use serde::{Deserialize, Serialize};

use crate::{
    chat::{
        model::{Author, Hue, Person, Roster, UnixMs, ValidationError},
        ports::{NodeStatus, PresenceUpdateKind},
    },
    cluster::wire::messages::write,
};

/// The fourth version: a [`Note`], which is no message's.
pub(super) const WHISPER: u8 = 4;

/// What a frame of version 4 says.
#[derive(Serialize, Deserialize)]
enum Note<'a> {
    /// People of the sender in the channel's room.
    Roster {
        #[serde(borrow)]
        people: Vec<PersonNote<'a>>,
        count: u64,
    },
    /// Someone is typing there.
    Typing(#[serde(borrow)] PersonNote<'a>),
    /// The sender itself.
    Status { id: &'a str, sessions: u64, since: u64 },
}

#[derive(Serialize, Deserialize)]
struct PersonNote<'a> {
    id: &'a str,
    name: &'a str,
    color: Option<u16>,
    since: u64,
}

/// The body that says so.
pub(super) fn of(said: &PresenceUpdateKind) -> Vec<u8> {
    match said {
        PresenceUpdateKind::Roster(roster) => write(&Note::Roster {
            people: roster.people().iter().map(|p| PersonNote::of(&p.author, p.since)).collect(),
            count: roster.count() as u64,
        }),
        PresenceUpdateKind::Typing(author) => write(&Note::Typing(PersonNote::of(author, UnixMs(0)))),
    }
}

/// The body of a node's own status.
pub(super) fn of_status(status: &NodeStatus) -> Vec<u8> {
    write(&Note::Status { id: status.id.as_str(), sessions: status.sessions, since: status.since.0 })
}

/// What a body says of a room.
pub(super) fn read(body: &[u8]) -> Option<PresenceUpdateKind> {
    let (note, []) = postcard::take_from_bytes(body).ok()? else { return None };
    match note {
        Note::Roster { people, count } => {
            let people = people.iter().map(PersonNote::person).collect::<Result<_, _>>().ok()?;
            Some(PresenceUpdateKind::Roster(Roster::new(people, usize::try_from(count).ok()?)))
        }
        Note::Typing(person) => Some(PresenceUpdateKind::Typing(person.person().ok()?.author)),
        Note::Status { .. } => None,
    }
}

/// What a body says of its sender.
pub(super) fn read_status(body: &[u8]) -> Option<NodeStatus> {
    let (Note::Status { id, sessions, since }, []) = postcard::take_from_bytes(body).ok()? else {
        return None;
    };
    Some(NodeStatus { id: id.parse().ok()?, sessions, since: UnixMs(since) })
}

impl<'a> PersonNote<'a> {
    fn of(author: &'a Author, since: UnixMs) -> Self {
        let (id, name) = (author.id.as_str(), author.name.as_str());
        Self { id, name, color: author.color.map(Hue::degrees), since: since.0 }
    }

    fn person(&self) -> Result<Person, ValidationError> {
        let color = self.color.map(u64::from).map(Hue::try_from).transpose()?;
        let author = Author { id: self.id.parse()?, name: self.name.parse()?, color };
        Ok(Person { author, since: UnixMs(self.since) })
    }
}
