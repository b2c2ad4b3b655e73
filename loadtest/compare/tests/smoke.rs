//! Contenders start, are loaded and measured. The measured values themselves are not checked.

#![cfg(test)]

use std::process::Command;

use serde_json::Value;

/// Runs the program and reads its output. Needs the workspace's other programs, which `cargo test --workspace` builds.
fn compare(out: &str, options: &[&str]) -> (Value, [String; 3]) {
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(out);
    let status = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(["--rounds=1", "--seconds=1", "--crowd=20"])
        .args(options)
        .arg("--out")
        .arg(&out)
        .status()
        .expect("the program starts");
    assert!(status.success(), "{status}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let results = serde_json::from_str(&read("compare.json")).unwrap();
    (results, ["compare.md", "compare.svg", "growth.svg"].map(read))
}

fn is_positive(results: &Value, load: &str, contender: &str, number: &str) {
    let median = &results["results"][load][contender]["numbers"][number]["median"];
    assert!(median.as_f64().is_some_and(|median| 0.0 < median), "{load}, {contender}, {number}: {results:#}");
}

#[test]
fn a_comparison_starts_loads_and_measures_its_contenders() {
    let options = ["--only=chorus-1,plain,floor-gathered", "--load=saturation,idle"];
    let (results, [tables, picture, _]) = compare("smoke", &options);
    for contender in ["chorus-1", "plain", "floor-gathered"] {
        is_positive(&results, "saturation", contender, "deliveries/s");
    }
    is_positive(&results, "idle", "chorus-1", "RSS KB/connection");
    assert!(picture.contains("chorus-1"), "{picture}");
    assert!(tables.contains("| KB of memory per idle websocket |"), "{tables}");
}

#[test]
fn hardships_are_measured_and_each_limit_finds_its_figure() {
    let options = ["--only=chorus-1,chorus-2", "--less=1000", "--load=storm,connects,replay,rooms"];
    let (results, [tables, _, growth]) = compare("hardships", &options);
    is_positive(&results, "storm", "chorus-2", "all complete after s");
    is_positive(&results, "replay", "chorus-1", "replays");
    let limits = tables.lines().filter(|line| line.ends_with("met |") || line.ends_with("met** |"));
    let figures: Vec<_> = limits.filter(|line| !line.contains("| – |")).collect();
    assert_eq!(figures.len(), 5, "{tables}");
    assert!(growth.contains("by rooms"), "{growth}");
}
