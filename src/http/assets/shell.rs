//! The page's frame, completed with what only the node knows: the files' version and their list.
//!
//! All modules are named in the frame, so that a browser asks for all of them at once rather than
//! for one after the other has named it.

use axum::http::HeaderValue;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::http::assets::files::{Assets, KEPT, names};

/// The frame as it is written.
pub(super) const FILE: &str = "index.html";

/// Where the frame wants the place of the kept files.
const BASE: &str = "{assets}";
/// Where it wants the import map and the modules.
const MODULES: &str = "<!-- modules -->";

/// Modules that are imported by name, and where they are; what ends in `/` is a folder.
const IMPORTS: [(&str, &str); 3] = [
    ("lit-html", "vendor/lit-html/lit-html.js"),
    ("lit-html/", "vendor/lit-html/"),
    ("socket.io-client", "vendor/socket.io.esm.min.js"),
];

/// The page, ready to be sent.
pub(super) struct Shell {
    pub(super) html: String,
    pub(super) hash: [u8; 32],
    pub(super) policy: HeaderValue,
}

impl Shell {
    pub(super) fn new(version: &str) -> Self {
        let base = format!("/{KEPT}{version}");
        let map = import_map(&base);
        let mut modules = format!("<script type=\"importmap\">{map}</script>");
        for name in names().iter().filter(|name| is_module(name)) {
            modules.push_str(&format!("\n    <link rel=\"modulepreload\" href=\"{base}/{name}\">"));
        }
        let frame = Assets::get(FILE).expect("the page is embedded").data;
        let html = String::from_utf8_lossy(&frame).replace(MODULES, &modules).replace(BASE, &base);
        Self { hash: Sha256::digest(&html).into(), policy: policy(&map), html }
    }
}

fn import_map(base: &str) -> String {
    let imports = IMPORTS.map(|(name, path)| format!("\"{name}\":\"{base}/{path}\""));
    format!("{{\"imports\":{{{}}}}}", imports.join(","))
}

fn is_module(name: &str) -> bool {
    let ours = name.starts_with("js/") || IMPORTS.iter().any(|(_, path)| name.starts_with(path));
    ours && name.ends_with(".js")
}

/// The page may load from its own node and nowhere else. The import map is the one script inside
/// it, allowed by its hash; `data:` is for the icon that counts.
fn policy(import_map: &str) -> HeaderValue {
    let hash = BASE64_STANDARD.encode(Sha256::digest(import_map));
    let policy = format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a policy is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_complete() {
        let shell = Shell::new("v1");
        assert!(!shell.html.contains(BASE) && !shell.html.contains(MODULES));
        for name in ["js/main.js", "vendor/lit-html/directives/repeat.js", "vendor/socket.io.esm.min.js"] {
            let link = format!("<link rel=\"modulepreload\" href=\"/assets/v1/{name}\">");
            assert_eq!(shell.html.matches(&link).count(), 1, "{name}");
        }
        assert!(!shell.html.contains("socket.io.min.js"), "what the page does not import is not loaded");
    }

    #[test]
    fn the_one_script_inside_the_frame_is_allowed_by_its_hash() {
        let shell = Shell::new("v1");
        let script =
            shell.html.split("<script type=\"importmap\">").nth(1).and_then(|rest| rest.split('<').next());
        let hash = BASE64_STANDARD.encode(Sha256::digest(script.expect("an import map")));
        let policy = shell.policy.to_str().expect("ASCII");
        assert!(policy.contains(&format!("script-src 'self' 'sha256-{hash}';")), "{policy}");
        assert!(!policy.contains("unsafe"));
    }
}
