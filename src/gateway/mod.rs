//! Socket.IO: sockets in, the domain's verbs out.

use std::{sync::Arc, time::Duration};

use socketioxide::{SocketIo, layer::SocketIoLayer};
use tokio_util::task::TaskTracker;

use crate::{
    auth::Tokens,
    chat::{company::Company, service::ChatService},
    config,
};

pub mod protocol;

mod native;
mod tutorial;

mod admission;
mod connected;
mod encoded;
mod intake;
mod outlet;
mod queue;
mod signal;

pub mod connection;
pub mod engine;
pub mod link;

use intake::Bounds;
use link::Links;

/// Events that are taken from a socket's queue at once; the posts among them are one run in the log.
const RUN_MAX: usize = 64;

/// What all sockets of a node share.
pub struct Gateway {
    chat: Arc<ChatService>,
    company: Arc<Company>,
    tokens: Arc<Tokens>,
    links: Arc<Links>,
    limits: config::Limits,
    history: config::History,
    stall_timeout: Duration,
    tracker: TaskTracker,
}

/// What a request takes beside its text when nothing in it is longer than it may be.
const REQUEST_BYTES: usize = 512;

/// What a message's frame takes beside its text: names, a nonce, the envelope.
const FRAME_BYTES: usize = 4_096;

/// A websocket's read buffer, which each connection has at all times; longer frames get one of their length.
const READ_BUFFER_BYTES: usize = 512;

impl Gateway {
    /// A gateway without sockets.
    #[must_use]
    pub fn new(
        settings: &config::Settings,
        chat: Arc<ChatService>,
        company: Arc<Company>,
        tokens: Arc<Tokens>,
        links: Arc<Links>,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let (limits, history) = (settings.limits.clone(), settings.history.clone());
        let stall_timeout = limits.stall_timeout;
        Arc::new(Self { chat, company, tokens, links, limits, history, stall_timeout, tracker })
    }

    /// A frame is as long as the longest text, each byte of which JSON may write as six, and its envelope.
    fn bounds(&self) -> Bounds {
        let frame_bytes = self.limits.max_message_bytes * 6 + FRAME_BYTES;
        let places = self.limits.requests_in_flight;
        // Those who keep the limits that they are told are not refused: JSON writes at most two bytes for
        // each of a text. A longest frame fits in any case.
        let told = places * (self.limits.max_message_bytes * 2 + REQUEST_BYTES);
        Bounds { places, frame_bytes, bytes: told.max(frame_bytes + intake::NAME_BYTES_MAX) }
    }

    /// Opens both namespaces.
    pub fn layer(self: &Arc<Self>, settings: &config::SocketIo) -> SocketIoLayer {
        let frame_bytes = self.bounds().frame_bytes;
        let (layer, io) = SocketIo::builder()
            .req_path(engine::PATH)
            .ping_interval(settings.ping_interval)
            .ping_timeout(settings.ping_timeout)
            .max_payload(settings.max_payload)
            .ws_max_message_size(frame_bytes)
            .ws_max_frame_size(frame_bytes)
            .ws_read_buffer_size(READ_BUFFER_BYTES)
            // Who takes nothing else is cut before: this is for those that ack no page and go on in other rooms.
            .ack_timeout(self.stall_timeout * 2)
            .build_layer();
        tutorial::attach(&io, self);
        native::attach(&io, self);
        layer
    }
}
