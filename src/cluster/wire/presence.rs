//! Bodies of frames that carry presence: a room's roster, a typing notice, or a node's status.
//!
//! [`Body`] and [`PersonEntry`] must never change: a new form is a new version.

use serde::{Deserialize, Serialize};

use crate::{
    chat::{
        model::{Author, Hue, Person, Roster, UnixMs, ValidationError},
        ports::{NodeStatus, PresenceUpdateKind},
    },
    cluster::wire::messages::write,
};

/// Version 4: a [`Body`].
pub(super) const PRESENCE: u8 = 4;

#[derive(Serialize, Deserialize)]
enum Body<'a> {
    /// The sender's members of the channel's room.
    Roster {
        #[serde(borrow)]
        people: Vec<PersonEntry<'a>>,
        count: u64,
    },
    /// Someone is typing in the channel's room.
    Typing(#[serde(borrow)] PersonEntry<'a>),
    /// The sender itself.
    Status { id: &'a str, sessions: u64, since: u64 },
}

#[derive(Serialize, Deserialize)]
struct PersonEntry<'a> {
    id: &'a str,
    name: &'a str,
    color: Option<u16>,
    since: u64,
}

pub(super) fn encode(kind: &PresenceUpdateKind) -> Vec<u8> {
    match kind {
        PresenceUpdateKind::Roster(roster) => write(&Body::Roster {
            people: roster.people().iter().map(|p| PersonEntry::of(&p.author, p.since)).collect(),
            count: roster.count() as u64,
        }),
        PresenceUpdateKind::Typing(author) => write(&Body::Typing(PersonEntry::of(author, UnixMs(0)))),
    }
}

pub(super) fn encode_status(status: &NodeStatus) -> Vec<u8> {
    write(&Body::Status { id: status.id.as_str(), sessions: status.sessions, since: status.since.0 })
}

/// Decodes a roster or a typing notice; `None` if the body is another one or invalid.
pub(super) fn decode(body: &[u8]) -> Option<PresenceUpdateKind> {
    let (body, []) = postcard::take_from_bytes(body).ok()? else { return None };
    match body {
        Body::Roster { people, count } => {
            let people = people.iter().map(PersonEntry::person).collect::<Result<_, _>>().ok()?;
            Some(PresenceUpdateKind::Roster(Roster::new(people, usize::try_from(count).ok()?)))
        }
        Body::Typing(person) => Some(PresenceUpdateKind::Typing(person.person().ok()?.author)),
        Body::Status { .. } => None,
    }
}

pub(super) fn decode_status(body: &[u8]) -> Option<NodeStatus> {
    let (Body::Status { id, sessions, since }, []) = postcard::take_from_bytes(body).ok()? else {
        return None;
    };
    Some(NodeStatus { id: id.parse().ok()?, sessions, since: UnixMs(since) })
}

impl<'a> PersonEntry<'a> {
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
