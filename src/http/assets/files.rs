//! The page's files, embedded into the binary, and the version that stands for all of them.

use std::sync::LazyLock;

use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

#[derive(RustEmbed)]
#[folder = "static/"]
pub(super) struct Assets;

/// Where `make ui` puts what comes from npm.
pub(super) const VENDOR: &str = "vendor/";
/// The path below which addresses have a version and may be cached for ever.
pub(super) const KEPT: &str = "assets/";

/// The identity of all files together.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for name in names() {
        let content = Assets::get(&name).map(|file| file.metadata.sha256_hash());
        hash.update(name);
        hash.update(content.unwrap_or_default());
    }
    hex(&hash.finalize()[..8])
});

/// All files' paths, in one order on every machine.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<_> = Assets::iter().map(String::from).collect();
    names.sort_unstable();
    names
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
