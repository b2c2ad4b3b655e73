//! Checks that the page's npm parts are there to be embedded, and tells the binary which commit it is built from.

use std::{path::Path, process::Command};

/// Where `make ui` puts what the page and clients load from npm.
const VENDOR: &str = "static/vendor";

/// The files without which the page stays blank, or clients of a Socket.IO server find no script.
const VENDOR_FILES: [&str; 9] = [
    "lit-html/directive-helpers.js",
    "lit-html/directive.js",
    "lit-html/directives/guard.js",
    "lit-html/directives/live.js",
    "lit-html/directives/repeat.js",
    "lit-html/lit-html.js",
    "socket.io.esm.min.js",
    "socket.io.js",
    "socket.io.min.js",
];

fn main() {
    check_page();
    tell_commit();
}

/// A release binary embeds the page: without its parts it would serve a blank one.
fn check_page() {
    // A folder stands for all files below it, also those that are not there yet.
    println!("cargo::rerun-if-changed=static");
    let missing =
        VENDOR_FILES.map(|name| Path::new(VENDOR).join(name)).into_iter().find(|path| !path.is_file());
    if let Some(path) = missing {
        println!("cargo::error={} is missing: run `make ui` (it needs npm) and build again", path.display());
    }
}

/// `CHORUS_COMMIT`, or what git says.
fn tell_commit() {
    println!("cargo::rerun-if-env-changed=CHORUS_COMMIT");
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let given = std::env::var("CHORUS_COMMIT").ok().filter(|commit| !commit.is_empty());
    println!("cargo::rustc-env=CHORUS_COMMIT={}", given.or_else(from_git).as_deref().unwrap_or("unknown"));
}

fn from_git() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(commit.trim().to_owned())
}
