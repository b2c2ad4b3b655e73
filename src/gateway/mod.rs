//! Socket.IO: sockets in, the domain's verbs out.

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state};
use socketioxide::SocketIo;

use self::{
    context::GatewayContext,
    socketio::requests::{self, PATH},
};
use crate::config;

pub mod protocol;

mod native;
mod tutorial;

pub mod context;
mod posts;

pub mod socketio;

/// A websocket's read buffer, which each connection has at all times; longer frames get one of their length.
const READ_BUFFER_BYTES: usize = 512;

/// Opens both namespaces in front of `app`.
pub fn mount(app: Router, context: &Arc<GatewayContext>, settings: &config::SocketIo) -> Router {
    let frame_bytes = context.bounds().frame_bytes;
    let (layer, io) = SocketIo::builder()
        .req_path(PATH)
        .ping_interval(settings.ping_interval)
        .ping_timeout(settings.ping_timeout)
        .max_payload(settings.max_payload)
        .ws_max_message_size(frame_bytes)
        .ws_max_frame_size(frame_bytes)
        .ws_read_buffer_size(READ_BUFFER_BYTES)
        // A client that takes nothing is cut earlier: this is for one that acks no page of a room and is live in others.
        .ack_timeout(context.stall_timeout() * 2)
        .build_layer();
    tutorial::attach(&io, context);
    native::attach(&io, context);
    app.layer(layer).layer(from_fn_with_state(context.engine_sessions.clone(), requests::watch))
}
