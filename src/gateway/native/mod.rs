//! Namespace `/chat`: the native protocol of the page, the load test and rich clients.

mod socket;

mod connect_request;
mod json_cache;
mod presence;
mod sink;

pub(super) use self::socket::attach;
