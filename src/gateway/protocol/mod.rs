//! The native protocol: requests, responses and refusals, with their error codes.
//!
//! `docs/PROTOCOL.md` describes them for clients. Fields are added, never renamed.

mod args;
mod code;
mod refusal;
pub mod request;
pub mod response;

pub use self::{args::EventArgs, code::ErrorCode, refusal::Refusal};
