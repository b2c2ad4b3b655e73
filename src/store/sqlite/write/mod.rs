//! The writer: one thread of the process, which stores batches of drafts in transactions.

mod failpoint;
mod failure;
pub(crate) mod queue;
pub(crate) mod sequencer;
pub(crate) mod writer;
