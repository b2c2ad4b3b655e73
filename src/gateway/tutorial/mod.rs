//! Namespace `/`: the contract of the Socket.IO tutorial, to the letter, in the room `lobby`.

mod socket;

mod message;
mod sink;

pub(super) use self::socket::attach;
