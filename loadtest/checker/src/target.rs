//! The address of a stack, and the cookies that a client got from it.

use std::str::FromStr;

use hyper::{HeaderMap, Uri, header::SET_COOKIE};

/// A host and port that serve HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address; IPv6 in brackets.
    pub host: String,
    /// 80 unless the URL names one.
    pub port: u16,
}

impl Target {
    /// `host:port`, as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || format!("{text} is not of the form http://HOST:PORT");
        let uri: Uri = text.parse().map_err(|_| rule())?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(host)) if bare => {
                Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(80) })
            }
            _ => Err(rule()),
        }
    }
}

/// The cookies of one client. Paths, domains and ages are ignored: a run is short and has one stack.
#[derive(Debug, Default)]
pub struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Stores the cookies that a response sets.
    pub fn keep(&mut self, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = value.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            self.0.retain(|(known, _)| known != name);
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The `Cookie` header; `None` without cookies.
    #[must_use]
    pub fn header(&self) -> Option<String> {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port_without_tls() {
        let target: Target = "http://localhost:8080/".parse().unwrap();
        assert_eq!(target.authority(), "localhost:8080");
        assert_eq!("http://chat".parse::<Target>().unwrap().port, 80);
        for bad in ["localhost:8080", "https://localhost", "http://a/b", "ws://a", "http://a/?b"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_newest_cookie_of_a_name_is_sent_back() {
        let mut cookies = Cookies::default();
        assert_eq!(cookies.header(), None);
        for value in ["chorus_node=one; path=/; HttpOnly", "other=x", "chorus_node=two; path=/"] {
            cookies.keep(&HeaderMap::from_iter([(SET_COOKIE, value.parse().unwrap())]));
        }
        assert_eq!(cookies.header().unwrap(), "other=x; chorus_node=two");
    }
}
