//! The walls between the parts of `src`, and the size of source files.

#![cfg(test)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A part of `src`, the crates that it must not name, and the parts that it must not name.
/// Unit tests inside it may.
type Wall = (&'static str, &'static [&'static str], &'static [&'static str]);

const FRAMEWORKS: &[&str] = &["axum", "hyper", "hyper_util", "socketioxide", "tower", "tower_http"];

const WALLS: &[Wall] = &[
    (
        "chat",
        &["config", "deadpool_redis", "metrics", "redis", "rusqlite", "serde", "serde_json"],
        &["auth", "cluster", "config", "gateway", "http", "lifecycle", "node", "store", "telemetry"],
    ),
    ("store", &["deadpool_redis", "redis"], &["auth", "cluster", "gateway", "http", "lifecycle", "node"]),
    ("cluster", &["rusqlite"], &["auth", "gateway", "http", "lifecycle", "node", "store"]),
    (
        "auth",
        &["deadpool_redis", "redis", "rusqlite"],
        &["cluster", "gateway", "http", "lifecycle", "node", "store"],
    ),
    ("gateway", &["deadpool_redis", "redis", "rusqlite"], &["cluster", "http", "lifecycle", "node", "store"]),
    ("http", &["deadpool_redis", "redis", "rusqlite"], &["cluster", "node", "store"]),
    ("lifecycle", &["redis", "rusqlite"], &["auth", "chat", "cluster", "gateway", "http", "node", "store"]),
    ("telemetry", &["redis", "rusqlite"], &["auth", "cluster", "gateway", "http", "node", "store"]),
    (
        "sync",
        &["redis", "rusqlite", "tokio"],
        &["auth", "chat", "cluster", "config", "gateway", "http", "lifecycle", "node", "store", "telemetry"],
    ),
    ("config", &["redis", "rusqlite"], &["auth", "cluster", "gateway", "http", "node", "store", "telemetry"]),
];

/// The way to a collector: only the telemetry names it.
const TRACING: &[&str] = &["opentelemetry", "opentelemetry_otlp", "opentelemetry_sdk"];

/// Parts that know the web: all others name no framework.
const EDGES: &[&str] = &["gateway", "http"];

const LINES_MAX: usize = 400;
/// Longer files, each with its reason.
const LONGER: &[(&str, &str)] =
    &[("src/chat/cursor.rs", "more than half of it are the tables and seeded schedules of its pure parts")];

/// Files that are compiled for tests only.
const TEST_FILES: &[&str] = &["tests.rs", "testing.rs", "contract.rs"];

fn rust_files(at: &Path) -> Vec<PathBuf> {
    if at.is_file() {
        return vec![at.to_owned()];
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(at).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "rs") {
            files.extend(rust_files(&path));
        }
    }
    files
}

/// A part's own files: its module file and its folder.
fn files_of(part: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = src.join(format!("{part}.rs"));
    let file = file.is_file().then_some(file);
    let files: Vec<_> = rust_files(&src.join(part)).into_iter().chain(file).collect();
    assert!(!files.is_empty(), "there is no part {part}");
    files
}

/// The code without comments and without the unit tests at its end.
fn code(file: &Path) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    if TEST_FILES.contains(&name) {
        return String::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let text = text.split("#[cfg(test)]\npub(crate) mod tests {").next().unwrap();
    let code = |line: &str| line.find("//").map_or(line, |comment| &line[..comment]).to_owned();
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// Whether the code has a path that begins with this name.
fn names(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        !(before.is_alphanumeric() || matches!(before, '_' | ':' | '.'))
    })
}

/// The parts that the code names: what follows `crate::`, alone or in braces.
fn parts(code: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => parts.extend(firsts(group)),
            None => parts.extend(first(rest)),
        }
    }
    parts
}

/// The first name of each path in a group, up to the brace that closes it.
fn firsts(group: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                found.extend(first(&group[begin..at]));
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

fn first(path: &str) -> Option<&str> {
    path.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().filter(|name| !name.is_empty())
}

#[test]
fn no_part_names_what_lies_behind_a_wall() {
    let mut breaches = Vec::new();
    for (part, crates, siblings) in WALLS {
        let frameworks = if EDGES.contains(part) { &[] } else { FRAMEWORKS };
        for file in files_of(part) {
            let code = code(&file);
            let tracing = if *part == "telemetry" { &[] } else { TRACING };
            let named = crates.iter().chain(frameworks).chain(tracing).filter(|name| {
                // A part may have the name of a crate: its own modules are not meant.
                names(&code, name) && !code.contains(&format!("mod {name};"))
            });
            breaches.extend(named.map(|name| format!("{}: the crate {name}", file.display())));
            let parts = parts(&code);
            let named = siblings.iter().filter(|name| parts.contains(name));
            breaches.extend(named.map(|name| format!("{}: crate::{name}", file.display())));
        }
    }
    assert!(breaches.is_empty(), "behind a wall:\n{}", breaches.join("\n"));
}

#[test]
fn every_part_has_its_walls() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let modules = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';'));
    for module in modules.filter(|module| *module != "node") {
        assert!(WALLS.iter().any(|(part, ..)| *part == module), "{module} has no wall");
    }
}

#[test]
fn no_file_is_longer_than_it_has_a_reason_to_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        ["src", "loadtest/checker/src", "loadtest/compare/src"].map(|folder| rust_files(&root.join(folder)));
    assert!(folders.iter().all(|files| !files.is_empty()), "a folder has no files");
    for file in folders.into_iter().flatten() {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        let excepted = LONGER.iter().any(|(longer, _)| *longer == name);
        assert!(lines <= LINES_MAX || excepted, "{name} has {lines} lines");
        assert!(LINES_MAX < lines || !excepted, "{name} needs no exception: it has {lines} lines");
    }
}

#[test]
fn the_search_finds_what_it_is_to_find() {
    let code = "use crate::{\n    auth::Tokens,\n    chat::{hub::{Hub, lock}, types::Seq},\n    config,\n};\n\
                let a = crate::node::Node; redis::cmd(); let b = cluster::redis::x();";
    assert_eq!(parts(code), ["auth", "chat", "config", "node"]);
    assert!(names(code, "redis") && !names("cluster::redis::x", "redis") && !names("my_redis::x", "redis"));
}
