//! The HTTP edge: the page, the API and the probes.

pub mod healthcheck;

mod state;

mod routes;

mod api;
mod error;
mod probes;

mod assets;

pub use self::{routes::router, state::Http};
