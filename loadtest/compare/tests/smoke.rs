//! The comparison works: contenders start, are loaded and measured. Its figures are not looked at.

#![cfg(test)]

use std::process::Command;

use serde_json::Value;

/// Needs the programs of the other members, which `cargo test --workspace` builds.
#[test]
fn a_comparison_starts_loads_and_measures_its_contenders() {
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("smoke");
    let status = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(["--rounds=1", "--seconds=1", "--crowd=20", "--only=chorus-1,plain,floor-gathered"])
        .args(["--load=saturation,idle", "--out"])
        .arg(&out)
        .status()
        .expect("it can be started");
    assert!(status.success(), "{status}");
    let results: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("compare.json")).unwrap()).unwrap();
    for (load, contender, number) in [
        ("saturation", "chorus-1", "deliveries/s"),
        ("saturation", "plain", "deliveries/s"),
        ("saturation", "floor-gathered", "deliveries/s"),
        ("idle", "chorus-1", "RSS KB/connection"),
    ] {
        let median = &results["results"][load][contender]["numbers"][number]["median"];
        assert!(median.as_f64().is_some_and(|median| 0.0 < median), "{load}, {contender}: {results:#}");
    }
    let picture = std::fs::read_to_string(out.join("compare.svg")).unwrap();
    assert!(picture.contains("chorus-1"), "{picture}");
}
