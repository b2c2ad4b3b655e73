//! One thread that stores batches of drafts in transactions.

pub(crate) mod failpoint;
pub(crate) mod failure;
pub(crate) mod queue;
pub(crate) mod sequencer;
pub(crate) mod writer;
