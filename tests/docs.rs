//! The documents say what the program does: settings, metrics, and the tests and files they name.
//!
//! `UPDATE=1 cargo test --test docs` rewrites the table of docs/SETTINGS.md.

#![cfg(test)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use chorus::{
    config::Settings,
    gateway::protocol::ErrorCode,
    telemetry::metrics::catalogue::{ALL, Form},
};
use serde_json::Value;

const SETTINGS: &str = "docs/SETTINGS.md";
const TABLE_BEGIN: &str =
    "<!-- settings: checked by tests/docs.rs, written by UPDATE=1 cargo test --test docs -->\n";
const TABLE_END: &str = "<!-- /settings -->\n";

/// What is appended to a histogram's name.
const SERIES: [&str; 3] = ["_bucket", "_sum", "_count"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder whose names end in one of these.
fn files(folder: &str, ends: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder of the repository");
    let paths = entries.map(|entry| entry.expect("an entry of it").path());
    let mut found = Vec::new();
    for path in paths {
        let name = path.to_str().expect("names here are ASCII");
        if path.is_dir() {
            found.extend(files(name, ends));
        } else if ends.iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
    found
}

/// The Markdown files that people read, by their paths.
fn documents() -> Vec<(String, String)> {
    let named = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].into_iter();
    let below = ["loadtest", "loadtest/checker", "loadtest/compare"];
    let below = below.iter().map(|folder| root().join(folder).join("README.md"));
    let mut paths: Vec<_> = named.map(|name| root().join(name)).chain(below).collect();
    paths.extend(files("docs", &[".md"]));
    let document =
        |path: PathBuf| (path.display().to_string(), fs::read_to_string(path).expect("a document"));
    paths.into_iter().map(document).collect()
}

/// A setting, as `src/config/settings.rs` declares it.
struct Setting {
    key: String,
    optional: bool,
    meaning: String,
}

/// Reads sections and keys, with their doc comments, out of the source: what is there in no other form.
fn declared() -> Vec<Setting> {
    let source = read("src/config/settings.rs");
    let fields = |of: &str| -> Vec<(String, String, String)> {
        let body = source.split_once(&format!("pub struct {of} {{\n")).expect("a struct of settings").1;
        let (mut doc, mut fields) = (Vec::new(), Vec::new());
        for line in body.lines().map(str::trim).take_while(|line| *line != "}") {
            if let Some(text) = line.strip_prefix("/// ") {
                doc.push(text);
            } else if let Some((name, kind)) =
                line.strip_prefix("pub ").and_then(|line| line.split_once(": "))
            {
                let kind = kind.trim_end_matches(',').to_owned();
                fields.push((name.to_owned(), kind, std::mem::take(&mut doc).join(" ")));
            }
        }
        fields
    };
    let of_section = |(section, kind, _): (String, String, String)| {
        fields(&kind).into_iter().map(move |(name, kind, meaning)| Setting {
            key: format!("{section}.{name}"),
            optional: kind.starts_with("Option<"),
            meaning,
        })
    };
    fields("Settings").into_iter().flat_map(of_section).collect()
}

/// The default of a key; `None` if it has none.
fn default_of(defaults: &Value, key: &str) -> Option<String> {
    let (section, name) = key.split_once('.').expect("a key has a section");
    match &defaults[section][name] {
        Value::Null => None,
        Value::String(text) => Some(in_days(text)),
        value => Some(value.to_string()),
    }
}

/// `2months 29days 2h 52m 48s` reads better as `90days`, and is read as the same.
fn in_days(text: &str) -> String {
    let seconds = humantime::parse_duration(text).map_or(0, |time| time.as_secs());
    let days = seconds / 86_400;
    if text.contains(' ') && days * 86_400 == seconds { format!("{days}days") } else { text.to_owned() }
}

fn settings_table() -> String {
    let defaults = serde_json::to_value(Settings::default()).expect("settings can be written");
    let declared = declared();
    let written: usize = defaults
        .as_object()
        .expect("sections")
        .values()
        .map(|section| section.as_object().map_or(0, |s| s.len()))
        .sum();
    assert_eq!(declared.len(), written, "src/config/settings.rs is read as it is compiled");

    let mut table = "| Key | Default | Meaning |\n|---|---|---|\n".to_owned();
    for Setting { key, optional, meaning } in declared {
        let default = default_of(&defaults, &key);
        assert_eq!(default.is_none(), optional, "{key}");
        let default = default.map_or_else(|| "unset".to_owned(), |default| format!("`{default}`"));
        let meaning = meaning.trim_end_matches('.').replace('|', "\\|");
        table += &format!("| `{key}` | {default} | {meaning}. |\n");
    }
    table
}

#[test]
fn every_setting_is_listed_with_its_default() {
    let (wanted, document) = (settings_table(), read(SETTINGS));
    let (before, rest) = document.split_once(TABLE_BEGIN).expect("it has the table's beginning");
    let (table, after) = rest.split_once(TABLE_END).expect("it has the table's end");
    if table == wanted {
        return;
    }
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        let document = format!("{before}{TABLE_BEGIN}{wanted}{TABLE_END}{after}");
        return fs::write(root().join(SETTINGS), document).expect("it can be written");
    }
    panic!("the table of {SETTINGS} should be (UPDATE=1 writes it):\n{wanted}");
}

/// The metrics that a text names.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("chorus_") && !word.ends_with('_'));
    let bare = |name: &str| SERIES.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned();
    names.map(bare).collect()
}

#[test]
fn operations_explains_every_metric_as_it_is_declared() {
    let operations = read("docs/OPERATIONS.md");
    let rows = operations.lines().filter_map(|line| line.strip_prefix("| `chorus_")?.strip_suffix(" |"));
    let mut explained = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.split(" | ").collect();
        let [name, form, labels, says, if_bad] = cells[..] else { panic!("five cells: {row}") };
        assert!(!says.is_empty() && !if_bad.is_empty(), "{row}");
        explained.push(format!("chorus_{} {form} {labels}", name.trim_end_matches('`')));
    }
    let form = |form: &Form| match form {
        Form::Counter => "counter",
        Form::Gauge => "gauge",
        Form::Histogram(_) => "histogram",
    };
    let labels =
        |labels: &[&str]| labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    let declared = ALL.iter();
    let declared = declared.map(|(name, kind, of, _)| format!("{name} {} {}", form(kind), labels(of)));
    assert_eq!(explained, declared.collect::<Vec<_>>());
}

#[test]
fn every_refusal_code_of_the_protocol_is_counted_from_the_start() {
    let protocol = read("docs/PROTOCOL.md");
    let table = protocol.split_once("| Code | HTTP | Again? | Meaning |\n").expect("the table of codes").1;
    let rows = table.lines().take_while(|line| line.starts_with('|')).skip(1);
    let listed = rows.map(|row| row.split('`').nth(1).expect("a code").to_owned());
    let counted = ErrorCode::ALL.iter().map(|code| code.as_str().to_owned());
    assert_eq!(counted.collect::<BTreeSet<_>>(), listed.collect::<BTreeSet<_>>());
}

#[test]
fn dashboards_and_documents_name_metrics_that_exist() {
    let mut known: BTreeSet<String> = ALL.iter().map(|(name, ..)| (*name).to_owned()).collect();
    // Called like a metric, and none.
    known.insert(Settings::default().server.sticky_cookie);
    let deployed = files("deploy", &[".json", ".yml"]);
    let deployed =
        deployed.into_iter().map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()));
    for (path, text) in documents().into_iter().chain(deployed) {
        let unknown: Vec<_> = metrics_in(&text).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
}

/// What stands between backticks in a line, each with the quoted text right after it, if there is one.
fn code(line: &str) -> Vec<(&str, Option<&str>)> {
    let parts: Vec<_> = line.split('`').collect();
    let quoted = |rest: &'_ str| rest.strip_prefix(" \"").and_then(|rest| rest.split_once('"')).is_some();
    let pairs = parts.chunks_exact(2).zip(parts.iter().skip(2).step_by(2));
    pairs
        .map(|(pair, rest)| {
            (pair[1], quoted(rest).then(|| rest[2..].split('"').next().expect("it is quoted")))
        })
        .collect()
}

/// A sentence in snake case, as our tests are called.
fn is_test_name(word: &str) -> bool {
    let snake = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    snake && 3 <= word.matches('_').count() && !word.starts_with("chorus_")
}

#[test]
fn the_documents_name_tests_and_files_that_exist() {
    let sources: Vec<_> =
        ["src", "tests", "loadtest/checker/src"].iter().flat_map(|folder| files(folder, &[".rs"])).collect();
    let sources: String = sources.into_iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let places = ["src/", "tests/", "deploy/", "static/", "docs/", "loadtest/", ".ci/"];
    let mut wrong = Vec::new();
    for (path, text) in documents() {
        for (word, quoted) in text.lines().flat_map(code) {
            if is_test_name(word) && !sources.contains(&format!("fn {word}(")) {
                wrong.push(format!("{path}: no test {word}"));
            }
            if !places.iter().any(|place| word.starts_with(place)) || word.contains(['*', ' ', '<']) {
                continue;
            }
            if !root().join(word).exists() {
                wrong.push(format!("{path}: no file {word}"));
            } else if let Some(name) = quoted.filter(|_| word.ends_with(".mjs") || word.ends_with(".js"))
                && !read(word).contains(name)
            {
                wrong.push(format!("{path}: no test {name:?} in {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    for (path, text) in documents() {
        let folder = Path::new(&path).parent().expect("a document is in a folder");
        for target in
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
        {
            if target.contains("://") {
                continue;
            }
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { PathBuf::from(&path) } else { folder.join(file) };
            assert!(file.exists(), "{path}: {target}");
            let is_there = || headings(&fs::read_to_string(&file).expect("a document")).contains(place);
            assert!(place.is_empty() || is_there(), "{path}: {target}");
        }
    }
}

/// The places that a document's headings make, as GitHub names them.
fn headings(text: &str) -> BTreeSet<String> {
    let place = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
    };
    let title = |line: &str| line.trim_start_matches('#').strip_prefix(' ').map(place);
    text.lines().filter(|line| line.starts_with('#')).filter_map(title).collect()
}
