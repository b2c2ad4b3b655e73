//! From a post to the log: what may be posted, in which order, and how fast.

pub mod post;

pub mod appender;
pub mod ordered_sender;
pub mod sender;
pub mod sender_order;

pub mod rate_limit;
pub mod user_limits;
