//! The page's files, embedded into the binary, and the version of all of them together.

use std::sync::LazyLock;

use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

#[derive(RustEmbed)]
#[folder = "static/"]
pub(super) struct Assets;

/// Files from npm, which `make ui` puts here.
pub(super) const VENDOR: &str = "vendor/";
/// URLs below this path contain a version and may be cached forever.
pub(super) const VERSIONED: &str = "assets/";

/// A hash of all files.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for name in names() {
        let content = Assets::get(&name).map(|file| file.metadata.sha256_hash());
        hash.update(name);
        hash.update(content.unwrap_or_default());
    }
    hex(&hash.finalize()[..8])
});

/// The paths of all files, sorted, so that every machine computes the same version.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<_> = Assets::iter().map(String::from).collect();
    names.sort_unstable();
    names
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
