//! Tells the binary which commit it is built from: `CHORUS_COMMIT`, or what git says.

use std::process::Command;

fn main() {
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
