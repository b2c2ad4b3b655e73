//! The house rules that a compiler does not check: the walls between the parts of `src`, no import circles, the size of
//! source files, and names that are not used any more.

#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A part of `src`, the crates that it must not name, and the parts that it must not name. A part is a module path
/// below `crate`. Unit tests inside it may name them.
type Wall = (&'static str, &'static [&'static str], &'static [&'static str]);

const FRAMEWORKS: &[&str] = &["axum", "hyper", "hyper_util", "socketioxide", "tower", "tower_http"];

const WALLS: &[Wall] = &[
    (
        "chat",
        &["config", "deadpool_redis", "metrics", "redis", "rusqlite", "serde", "serde_json"],
        &[
            "auth",
            "clock",
            "cluster",
            "config",
            "gateway",
            "http",
            "lifecycle",
            "node",
            "server",
            "store",
            "telemetry",
        ],
    ),
    // The stations on a message's way, each of which knows only those before it.
    (
        "chat::model",
        &["async_trait", "tokio"],
        &[
            "chat::delivery",
            "chat::fanout",
            "chat::ports",
            "chat::presence",
            "chat::publish",
            "chat::service",
        ],
    ),
    (
        "chat::ports",
        &[],
        &["chat::delivery", "chat::fanout", "chat::presence", "chat::publish", "chat::service"],
    ),
    ("chat::publish", &[], &["chat::delivery", "chat::fanout", "chat::presence", "chat::service"]),
    ("chat::fanout", &[], &["chat::delivery", "chat::presence", "chat::publish", "chat::service"]),
    ("chat::presence", &[], &["chat::delivery", "chat::fanout", "chat::service"]),
    ("chat::delivery", &[], &["chat::publish", "chat::service"]),
    (
        "store",
        &["deadpool_redis", "redis"],
        &["auth", "clock", "cluster", "gateway", "http", "lifecycle", "node", "server"],
    ),
    ("cluster", &["rusqlite"], &["auth", "clock", "gateway", "http", "lifecycle", "node", "server", "store"]),
    (
        "auth",
        &["deadpool_redis", "redis", "rusqlite"],
        &["clock", "cluster", "gateway", "http", "lifecycle", "node", "server", "store"],
    ),
    (
        "gateway",
        &["deadpool_redis", "redis", "rusqlite"],
        &["clock", "cluster", "http", "lifecycle", "node", "store"],
    ),
    // What both edges say to clients lies in gateway::protocol.
    (
        "http",
        &["deadpool_redis", "redis", "rusqlite", "socketioxide"],
        &[
            "clock",
            "cluster",
            "gateway::context",
            "gateway::native",
            "gateway::posts",
            "gateway::socketio",
            "gateway::tutorial",
            "node",
            "server",
            "store",
        ],
    ),
    (
        "server",
        &["deadpool_redis", "redis", "rusqlite", "socketioxide"],
        &["auth", "chat", "clock", "cluster", "gateway", "http", "node", "store", "telemetry"],
    ),
    (
        "lifecycle",
        &["redis", "rusqlite"],
        &["auth", "chat", "clock", "cluster", "gateway", "http", "node", "server", "store"],
    ),
    (
        "clock",
        &["redis", "rusqlite", "tokio"],
        &[
            "auth",
            "cluster",
            "config",
            "gateway",
            "http",
            "lifecycle",
            "node",
            "server",
            "store",
            "telemetry",
        ],
    ),
    (
        "telemetry",
        &["redis", "rusqlite"],
        &["auth", "clock", "cluster", "gateway", "http", "node", "server", "store"],
    ),
    (
        "sync",
        &["redis", "rusqlite", "tokio"],
        &[
            "auth",
            "chat",
            "clock",
            "cluster",
            "config",
            "gateway",
            "http",
            "lifecycle",
            "node",
            "server",
            "store",
            "telemetry",
        ],
    ),
    (
        "config",
        &["redis", "rusqlite"],
        &["auth", "clock", "cluster", "gateway", "http", "node", "server", "store", "telemetry"],
    ),
];

/// The way to a collector: only the telemetry names it.
const TRACING: &[&str] = &["opentelemetry", "opentelemetry_otlp", "opentelemetry_sdk"];

/// Parts that know the web: all others name no framework.
const EDGES: &[&str] = &["gateway", "http", "server"];

const LINES_MAX: usize = 400;

/// Source folders, each of which is a crate.
const CRATES: &[&str] = &["src", "loadtest/checker/src", "loadtest/compare/src"];

/// Identifiers that were replaced by the field's terms and must not come back. Names that are public, such as a metric's
/// label, and plain English words are no part of this.
const REPLACED: &[&str] = &[
    "Act",
    "Answers",
    "Calendar",
    "Company",
    "Cut",
    "Ear",
    "Ears",
    "Errand",
    "Gather",
    "HeldTail",
    "Hello",
    "Intake",
    "Invalid",
    "Keeper",
    "Link",
    "Links",
    "Looks",
    "MemoryPlace",
    "News",
    "NodeRun",
    "Outlet",
    "PEOPLE_TOLD",
    "Places",
    "Readers",
    "RoomOrder",
    "Root",
    "Said",
    "Saying",
    "SideLock",
    "Stay",
    "Tails",
    "Typists",
    "Watcher",
    "Whisper",
    "Whispers",
    "Witness",
    "appetite",
    "beginnings",
    "calendar",
    "company",
    "ear",
    "ears",
    "encoded",
    "fate",
    "gather",
    "keeper",
    "knows",
    "looks",
    "nudge",
    "outlet",
    "passes",
    "places",
    "ride",
    "saying",
    "tails",
    "take_for",
    "whisper",
    "whispers",
    "witness",
];

/// The same of the page.
const REPLACED_ON_THE_PAGE: &[&str] = &["Book", "Calm", "Joined", "World"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether a file is compiled for tests only.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let is_contract = path.components().any(|part| part.as_os_str() == "contract");
    is_contract || name == "tests" || name == "testing" || name.ends_with("_tests")
}

/// The code without comments and string literals, and without the unit tests at its end.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    // A visibility names a module and imports nothing.
    let text = text.replace("pub(in crate::", "pub(in_");
    let (mut code, mut in_string) = (String::new(), false);
    for line in text.lines() {
        let mut previous = ' ';
        for (at, c) in line.char_indices() {
            if !in_string && line[at..].starts_with("//") {
                break;
            }
            if c == '"' && previous != '\\' && (in_string || previous != '\'') {
                in_string = !in_string;
            }
            code.push(if in_string { ' ' } else { c });
            // A backslash that is escaped escapes nothing.
            previous = if c == '\\' && previous == '\\' { ' ' } else { c };
        }
        code.push('\n');
    }
    assert!(!in_string, "{}: a string has no end", file.display());
    code
}

/// The lines of a JavaScript file that are no comment.
fn without_comments(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let is_code = |line: &&str| !["//", "/*", "*"].iter().any(|start| line.trim_start().starts_with(start));
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

/// All paths in the code, with the groups of use declarations spelled out: `a::b::c`. A glob ends in `*`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = code[at..].chars().next() {
        // A path may begin with `::`; behind a name, `::` goes on with one.
        let before = code[..at].strip_suffix("::").unwrap_or(&code[..at]);
        let is_start = is_word(c) && !before.ends_with(|before| is_word(before) || before == '>');
        if !is_start {
            at += c.len_utf8();
            continue;
        }
        at += path(&code[at..], &[], &mut found);
    }
    found.retain(|path| 1 < path.len());
    found
}

/// Reads one path after a prefix; returns how many bytes it took.
fn path(code: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let length = code.find(|c: char| !is_word(c)).unwrap_or(code.len());
    let mut names = prefix.to_vec();
    names.push(code[..length].to_owned());
    let rest = &code[length..];
    let after = rest.strip_prefix("::").unwrap_or_default();
    match after.chars().next() {
        Some(c) if is_word(c) => length + 2 + path(after, &names, found),
        Some('*') => {
            names.push("*".to_owned());
            found.push(names);
            length + 3
        }
        Some('{') => length + 2 + group(after, &names, found),
        _ => {
            if names.last().is_some_and(|last| last == "self") && 1 < names.len() {
                names.pop();
            }
            found.push(names);
            length
        }
    }
}

/// Reads a group in braces; returns how many bytes it took.
fn group(code: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 1;
    while let Some(c) = code[at..].chars().next() {
        match c {
            '}' => return at + 1,
            c if is_word(c) => at += path(&code[at..], prefix, found),
            c => at += c.len_utf8(),
        }
    }
    at
}

/// The modules of one crate: for each its file, its code and what it hands on by `pub use`.
struct Modules {
    by_path: BTreeMap<Vec<String>, Module>,
}

struct Module {
    file: PathBuf,
    /// The paths that it names, absolute where they are the crate's own.
    paths: Vec<Vec<String>>,
    /// The names that it hands on, and where they are from.
    handed_on: BTreeMap<String, Vec<String>>,
}

impl Modules {
    fn read(folder: &str) -> Self {
        let folder = root().join(folder);
        let mut by_path = BTreeMap::new();
        for file in files(&folder, "rs") {
            if !is_test(&file) {
                by_path.insert(module_of(&folder, &file), file);
            }
        }
        assert!(!by_path.is_empty(), "{} has no modules", folder.display());
        let by_path =
            by_path.into_iter().map(|(path, file)| (path.clone(), Module::read(&path, file))).collect();
        Self { by_path }
    }

    /// The module in which a path ends, after following what faces hand on.
    fn resolve(&self, path: &[String]) -> Option<&Module> {
        let mut path = path.to_vec();
        // A face may hand on what another hands on; no chain is as long as this.
        for _ in 0..8 {
            let depth = (0..=path.len()).rev().find(|depth| self.by_path.contains_key(&path[..*depth]))?;
            let module = &self.by_path[&path[..depth]];
            match path.get(depth).and_then(|name| module.handed_on.get(name)) {
                Some(origin) => path = [origin.as_slice(), &path[depth + 1..]].concat(),
                None => return Some(module),
            }
        }
        None
    }

    /// The files that each file imports from.
    fn imports(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let own = |module: &Module, path: &[String]| {
            let target = self.resolve(path)?;
            (target.file != module.file).then_some(target.file.as_path())
        };
        let ours = |path: &&Vec<String>| path.first().is_some_and(|first| first == "crate");
        self.by_path
            .values()
            .map(|module| {
                let targets = module.paths.iter().filter(ours).filter_map(|path| own(module, path));
                (module.file.as_path(), targets.collect())
            })
            .collect()
    }
}

impl Module {
    fn read(path: &[String], file: PathBuf) -> Self {
        let code = code(&file);
        let children: BTreeSet<&str> = code
            .lines()
            .filter_map(|line| line.trim().strip_suffix(';')?.split_once("mod "))
            .map(|(_, name)| name)
            .collect();
        let mut handed_on = BTreeMap::new();
        let mut own_code = String::new();
        for statement in code.split_inclusive(';') {
            let begin = statement.find("pub use ").or_else(|| statement.find("pub(super) use "));
            let Some(begin) = begin.filter(|_| !statement.contains('=')) else {
                own_code.push_str(statement);
                continue;
            };
            own_code.push_str(&statement[..begin]);
            for origin in paths(&statement[begin..]) {
                let origin = absolute(path, &children, origin);
                handed_on.insert(origin.last().unwrap().clone(), origin);
            }
        }
        let paths = paths(&own_code).into_iter().map(|named| absolute(path, &children, named)).collect();
        Self { file, paths, handed_on }
    }
}

/// `src/chat/mod.rs` is `crate::chat`, and so is a `chat.rs`.
fn module_of(folder: &Path, file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(folder).unwrap().with_extension("");
    let names = relative.components().map(|part| part.as_os_str().to_str().unwrap().to_owned());
    let names = names.filter(|name| !["lib", "main", "mod"].contains(&name.as_str()));
    std::iter::once("crate".to_owned()).chain(names).collect()
}

/// Makes a path that begins with `self`, `super` or a child module absolute.
fn absolute(module: &[String], children: &BTreeSet<&str>, path: Vec<String>) -> Vec<String> {
    match path[0].as_str() {
        "self" => [module, &path[1..]].concat(),
        "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            [&module[..module.len().saturating_sub(ups)], &path[ups..]].concat()
        }
        child if children.contains(child) => [module, &path].concat(),
        _ => path,
    }
}

/// Groups of files that import each other in a circle.
fn circles<'f>(imports: &BTreeMap<&'f Path, BTreeSet<&'f Path>>) -> Vec<BTreeSet<&'f Path>> {
    let reach = |from: &'f Path| -> BTreeSet<&'f Path> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            open.extend(imports.get(file).into_iter().flatten().filter(|next| reached.insert(**next)));
        }
        reached
    };
    let reached: BTreeMap<_, _> = imports.keys().map(|file| (*file, reach(file))).collect();
    let circle = |file: &&'f Path| -> BTreeSet<&'f Path> {
        reached[file].iter().copied().filter(|other| reached[other].contains(file)).collect()
    };
    let circles: BTreeSet<_> = imports.keys().map(circle).filter(|circle| !circle.is_empty()).collect();
    circles.into_iter().collect()
}

fn split(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}

#[test]
fn no_part_names_what_lies_behind_a_wall() {
    let modules = Modules::read("src");
    let mut breaches = Vec::new();
    for (part, crates, behind) in WALLS {
        let part_path = [split("crate"), split(part)].concat();
        let inside = modules.by_path.iter().filter(|(path, _)| path.starts_with(&part_path));
        assert_ne!(inside.clone().count(), 0, "there is no part {part}");
        let top = part.split("::").next().unwrap();
        let frameworks = if EDGES.contains(&top) { &[] } else { FRAMEWORKS };
        let tracing = if top == "telemetry" { &[] } else { TRACING };
        for (_, module) in inside {
            let names = module.paths.iter().chain(module.handed_on.values());
            for path in names {
                let crates = crates.iter().chain(frameworks).chain(tracing);
                breaches.extend(
                    crates
                        .filter(|name| path[0] == **name)
                        .map(|name| (module.file.clone(), (*name).to_owned())),
                );
                let is_behind = |wall: &&&str| path.starts_with(&[split("crate"), split(wall)].concat());
                breaches.extend(
                    behind
                        .iter()
                        .filter(is_behind)
                        .map(|wall| (module.file.clone(), format!("crate::{wall}"))),
                );
            }
        }
    }
    assert!(breaches.is_empty(), "behind a wall: {breaches:#?}");
}

#[test]
fn every_part_has_its_walls() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';'));
    for module in modules.filter(|module| *module != "node") {
        assert!(WALLS.iter().any(|(part, ..)| *part == module), "{module} has no wall");
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for folder in CRATES {
        let modules = Modules::read(folder);
        let imports = modules.imports();
        assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 20, "{folder}: imports are found");
        let circles = circles(&imports);
        assert!(circles.is_empty(), "{folder}: {circles:#?}");
    }
}

#[test]
fn no_file_is_longer_than_it_should_be() {
    for file in CRATES.iter().flat_map(|folder| files(&root().join(folder), "rs")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
    }
}

#[test]
fn a_folder_and_a_file_do_not_share_a_name() {
    for file in CRATES.iter().flat_map(|folder| files(&root().join(folder), "rs")) {
        assert!(!file.with_extension("").is_dir(), "{} goes into its folder as mod.rs", file.display());
    }
}

#[test]
fn no_replaced_identifier_is_back() {
    let mut back = Vec::new();
    let mut look = |folder: &str, extension: &str, replaced: &[&str]| {
        let files = files(&root().join(folder), extension);
        assert!(!files.is_empty(), "{folder} has no files");
        for file in files {
            let code = if extension == "rs" { code(&file) } else { without_comments(&file) };
            let found: BTreeSet<_> = words(&code).filter(|word| replaced.contains(word)).collect();
            back.extend(found.into_iter().map(|word| format!("{}: {word}", file.display())));
        }
    };
    for folder in
        ["src", "loadtest/checker/src", "loadtest/compare/src", "benches", "tests/nodes", "tests/simulation"]
    {
        look(folder, "rs", REPLACED);
    }
    for folder in ["link", "keep", "control"] {
        assert!(!root().join("static/js").join(folder).exists(), "static/js/{folder} is back");
    }
    for folder in ["static/js", "tests/ui"] {
        look(folder, "js", REPLACED_ON_THE_PAGE);
    }
    assert!(back.is_empty(), "{back:#?}");
}

#[test]
fn the_search_finds_what_it_is_to_find() {
    let code = "use crate::{\n    auth::Tokens,\n    chat::{hub::{self, Hub}, types::*},\n    config,\n};\n\
                let a = crate::node::Node; super::up::f(); child::g(); plain(); Enum::Variant;\n\
                ::redis::cmd(); Vec::<u8>::new()";
    let found: Vec<_> = paths(code).iter().map(|path| path.join("::")).collect();
    let expected = [
        "crate::auth::Tokens",
        "crate::chat::hub",
        "crate::chat::hub::Hub",
        "crate::chat::types::*",
        "crate::config",
        "crate::node::Node",
        "super::up::f",
        "child::g",
        "Enum::Variant",
        "redis::cmd",
    ];
    assert_eq!(found, expected);
    let module = split("crate::a::b");
    let absolute = |path: &str| absolute(&module, &["child"].into(), split(path)).join("::");
    assert_eq!(absolute("super::up::f"), "crate::a::up::f");
    assert_eq!(absolute("child::g"), "crate::a::b::child::g");
    assert_eq!(absolute("tokio::sync"), "tokio::sync");
}

#[test]
fn a_circle_is_found() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(Path::new);
    let imports = BTreeMap::from([
        (a, BTreeSet::from([b])),
        (b, BTreeSet::from([c])),
        (c, BTreeSet::from([a, d])),
        (d, BTreeSet::new()),
    ]);
    assert_eq!(circles(&imports), [BTreeSet::from([a, b, c])]);
}
