//! Renders `index.html`: fills in the versioned URLs, the import map and the list of modules.
//!
//! The page preloads all modules, so that a browser requests them at once instead of one import after another.

use axum::http::HeaderValue;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::http::assets::files::{Assets, VERSIONED, names};

pub(super) const FILE: &str = "index.html";

/// The placeholder for the base of versioned URLs.
const BASE_PLACEHOLDER: &str = "{assets}";
/// The placeholder for the import map and the modules.
const MODULES_PLACEHOLDER: &str = "<!-- modules -->";

/// Modules that are imported by name, and their paths; a name that ends in `/` is a folder.
const IMPORTS: [(&str, &str); 3] = [
    ("lit-html", "vendor/lit-html/lit-html.js"),
    ("lit-html/", "vendor/lit-html/"),
    ("socket.io-client", "vendor/socket.io.esm.min.js"),
];

/// The rendered page.
pub(super) struct IndexPage {
    pub(super) html: String,
    pub(super) hash: [u8; 32],
    pub(super) policy: HeaderValue,
}

impl IndexPage {
    pub(super) fn new(version: &str) -> Self {
        let base = format!("/{VERSIONED}{version}");
        let map = import_map(&base);
        let mut modules = format!("<script type=\"importmap\">{map}</script>");
        for name in names().iter().filter(|name| is_module(name)) {
            modules.push_str(&format!("\n    <link rel=\"modulepreload\" href=\"{base}/{name}\">"));
        }
        let template = Assets::get(FILE).expect("the page is embedded").data;
        let html = String::from_utf8_lossy(&template)
            .replace(MODULES_PLACEHOLDER, &modules)
            .replace(BASE_PLACEHOLDER, &base);
        Self { hash: Sha256::digest(&html).into(), policy: policy(&map), html }
    }
}

fn import_map(base: &str) -> String {
    let imports = IMPORTS.map(|(name, path)| format!("\"{name}\":\"{base}/{path}\""));
    format!("{{\"imports\":{{{}}}}}", imports.join(","))
}

fn is_module(name: &str) -> bool {
    let is_own = name.starts_with("js/") || IMPORTS.iter().any(|(_, path)| name.starts_with(path));
    is_own && name.ends_with(".js")
}

/// The page may load only from its own node. The import map is its one inline script, allowed by its hash; `data:` is for
/// the icon with the number of unread messages.
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
        let page = IndexPage::new("v1");
        assert!(!page.html.contains(BASE_PLACEHOLDER) && !page.html.contains(MODULES_PLACEHOLDER));
        for name in ["js/main.js", "vendor/lit-html/directives/repeat.js", "vendor/socket.io.esm.min.js"] {
            let link = format!("<link rel=\"modulepreload\" href=\"/assets/v1/{name}\">");
            assert_eq!(page.html.matches(&link).count(), 1, "{name}");
        }
        assert!(!page.html.contains("socket.io.min.js"), "what the page does not import is not loaded");
    }

    #[test]
    fn the_one_script_inside_the_frame_is_allowed_by_its_hash() {
        let page = IndexPage::new("v1");
        let script =
            page.html.split("<script type=\"importmap\">").nth(1).and_then(|rest| rest.split('<').next());
        let hash = BASE64_STANDARD.encode(Sha256::digest(script.expect("an import map")));
        let policy = page.policy.to_str().expect("ASCII");
        assert!(policy.contains(&format!("script-src 'self' 'sha256-{hash}';")), "{policy}");
        assert!(!policy.contains("unsafe"));
    }
}
