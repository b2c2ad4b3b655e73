//! Settings and the command line: a bad one stops the start with a message that names it and its rule.

use std::{
    path::Path,
    process::{Command, Output},
};

use rusqlite::Connection;
use serde_json::json;

use crate::common::{
    client::{seqs, texts},
    node::{Cluster, chorus},
};

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Runs `chorus config` with these environment variables and this chorus.toml.
fn config(dir: &Path, variables: &[(&str, &str)], file: &str) -> Output {
    std::fs::write(dir.join("chorus.toml"), file).unwrap();
    let variables: Vec<_> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    run(chorus(dir, &variables).arg("config"))
}

#[test]
fn a_bad_setting_stops_the_start_and_names_its_key_and_its_rule() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&str, &str, &[&str])] = &[
        ("CHORUS_DRAIN__FOO", "1", &["drain.foo", "CHORUS_DRAIN__FOO", "unknown field", "timeout"]),
        ("CHORUS_DRIAN__DELAY", "1s", &["drian.delay", "CHORUS_DRIAN__DELAY", "unknown field"]),
        ("CHORUS_DRAIN_DELAY", "1s", &["CHORUS_DRAIN_DELAY", "CHORUS_<SECTION>__<KEY>"]),
        ("CHORUS_DRAIN__DELAY", "soon", &["drain.delay", "CHORUS_DRAIN__DELAY", "duration"]),
        ("CHORUS_DRAIN__DELAY", "5", &["drain.delay", "duration"]),
        ("CHORUS_DRAIN__TIMEOUT", "2s", &["drain.timeout", "longer than drain.delay"]),
        ("CHORUS_TELEMETRY__LOG_FORMAT", "xml", &["telemetry.log_format", "LOG_FORMAT", "xml"]),
        ("CHORUS_TELEMETRY__OTLP_ENDPOINT", "jaeger:4317", &["telemetry.otlp_endpoint", "http://"]),
        ("CHORUS_TELEMETRY__TRACE_SAMPLE_RATIO", "2", &["telemetry.trace_sample_ratio", "from 0 to 1"]),
        ("CHORUS_AUTH__KEY", "short", &["auth.key", "at least 32 bytes"]),
        ("CHORUS_LIMITS__MAX_MESSAGE_BYTES", "-1", &["limits.max_message_bytes", "integer"]),
        ("CHORUS_LIMITS__MAX_MESSAGE_BYTES", "0", &["limits.max_message_bytes", "greater than zero"]),
        ("CHORUS_LIMITS__MAX_MESSAGE_BYTES", "900000", &["socketio.max_payload", "limits.max_message_bytes"]),
        ("CHORUS_LIMITS__MAX_MESSAGE_BYTES", "288230376151711744", &["limits.max_message_bytes", "at most"]),
        (
            "CHORUS_LIMITS__REQUESTS_IN_FLIGHT",
            "4611686018427387904",
            &["limits.requests_in_flight", "at most"],
        ),
        ("CHORUS_LIMITS__STALL_TIMEOUT", "500000000000years", &["limits.stall_timeout", "at most"]),
        ("CHORUS_SERVER__MAX_CONNECTIONS", "9999999999999999999", &["server.max_connections", "at most"]),
        ("CHORUS_SERVER__WRITE_TIMEOUT", "500000000000years", &["server.write_timeout", "at most"]),
        ("CHORUS_SERVER__STICKY_COOKIE", "a=b; c", &["server.sticky_cookie", "a=b"]),
        ("CHORUS_LOG__READERS", "4611686018427387904", &["log.readers", "at most"]),
        ("CHORUS_LOG__APPEND_TIMEOUT", "500000000000years", &["log.append_timeout", "at most"]),
        ("CHORUS_DRAIN__DELAY", "500000000000years", &["drain.delay", "at most"]),
        ("CHORUS_DRAIN__SPREAD", "500000000000years", &["drain.spread", "at most"]),
        ("CHORUS_DRAIN__TIMEOUT", "500000000000years", &["drain.timeout", "at most"]),
        ("CHORUS_SERVER__HEADER_TIMEOUT", "2h", &["server.header_timeout", "at most 1h"]),
        ("CHORUS_BUS__PREFIX", "", &["bus.prefix", "1 to 64"]),
        ("CHORUS_BUS__PREFIX", "a b", &["bus.prefix", "1 to 64"]),
        ("CHORUS_BUS__PREFIX", "a*", &["bus.prefix", "1 to 64"]),
        ("CHORUS_BUS__PREFIX", "a\u{7}", &["bus.prefix", "1 to 64"]),
        ("CHORUS_LOG__RETENTION_BYTES", "1000", &["log.retention_bytes", "16 MiB"]),
        ("CHORUS_LOG__SWEEP_INTERVAL", "1s", &["log.sweep_interval", "500ms"]),
        ("CHORUS_LOG__ALLOW_UNSAFE_FILESYSTEM", "maybe", &["log.allow_unsafe_filesystem", "boolean"]),
        ("CHORUS_NODE__ID", "a b", &["node.id", "64"]),
        ("CHORUS_SERVER__HOST", "nowhere", &["server.host", "IP address"]),
        ("PORT", "abc", &["server.port", "PORT", "integer"]),
        ("PORT", "99999", &["server.port", "PORT", "16 bit"]),
        ("DATABASE_URL", "mysql://x", &["log.url", "sqlite://"]),
        ("REDIS_URL", "http://x", &["bus.url", "redis://"]),
    ];
    for (name, value, words) in cases {
        let output = config(dir.path(), &[(name, value)], "");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name}={value}");
        for word in *words {
            assert!(stderr.contains(word), "{name}={value}: {word:?} is not in\n{stderr}");
        }
    }
}

#[test]
fn a_bad_file_stops_the_start_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("[drain]\nfoo = 1", &["drain.foo", "chorus.toml", "unknown field"]),
        ("[drain]\ndelay = 'soon'", &["drain.delay", "chorus.toml", "duration"]),
        ("[drian]\ndelay = '1s'", &["drian.delay", "chorus.toml", "unknown field"]),
        ("[limits]\ntail_bytes = 'many'", &["limits.tail_bytes", "chorus.toml", "integer"]),
        ("drain = 3", &["drain", "chorus.toml"]),
        ("[drain", &["settings file", "line 1"]),
    ];
    for (file, words) in cases {
        let output = config(dir.path(), &[], file);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{file}");
        for word in *words {
            assert!(stderr.contains(word), "{file}: {word:?} is not in\n{stderr}");
        }
    }
    let missing = run(chorus(dir.path(), &[]).args(["--config", "missing.toml", "config"]));
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("missing.toml"));
}

#[test]
fn what_config_prints_is_read_again_and_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let key = "0123456789012345678901234567890123456789";
    let secrets = [("CHORUS_AUTH__KEY", key), ("REDIS_URL", "redis://:hunter2@redis")];
    let output = config(dir.path(), &secrets, "");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!printed.contains(key) && !printed.contains("hunter2"), "{printed}");
    assert_eq!(printed.matches("[redacted]").count(), 2, "{printed}");

    let file = "[drain]\ndelay = '1500ms'\n[limits]\ntail_bytes = 77\n[node]\nid = 'n'\n";
    // The environment overrides the file, and an id of digits stays a string.
    let printed = config(dir.path(), &[("CHORUS_NODE__ID", "007"), ("PORT", "4000")], file).stdout;
    let printed = String::from_utf8(printed).unwrap();
    for line in ["delay = \"1s 500ms\"", "tail_bytes = 77", "id = \"007\"", "port = 4000"] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    let again = config(dir.path(), &[], &printed);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), printed);
}

#[test]
fn the_version_names_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(chorus(dir.path(), &[]).arg("--version"));
    assert!(output.status.success());
    let expected = format!("chorus {} ({})\n", env!("CARGO_PKG_VERSION"), chorus::COMMIT);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[tokio::test]
async fn a_healthcheck_says_whether_the_node_lives() {
    let mut cluster = Cluster::of(1).without_redis().start().await;
    let port = cluster.nodes[0].addr().port().to_string();
    let healthcheck = |cluster: &Cluster| run(cluster.chorus().env("PORT", &port).arg("healthcheck"));
    let alive = healthcheck(&cluster);
    assert!(alive.status.success(), "{alive:?}");
    cluster.nodes[0].kill();
    let dead = healthcheck(&cluster);
    assert!(!dead.status.success());
    assert!(String::from_utf8_lossy(&dead.stderr).contains(&port), "{dead:?}");
}

#[tokio::test]
async fn a_start_fails_where_the_address_is_taken_or_the_log_cannot_be_opened() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let port = cluster.nodes[0].addr().port().to_string();
    let taken = run(cluster.chorus().env("PORT", &port));
    assert!(!taken.status.success());
    assert!(String::from_utf8_lossy(&taken.stderr).contains("server.port"), "{taken:?}");
    std::fs::write(cluster.file("text.db"), "this is no database, by far").unwrap();
    let no_log = run(cluster.chorus().env("DATABASE_URL", "sqlite://text.db"));
    assert!(!no_log.status.success());
    assert!(String::from_utf8_lossy(&no_log.stderr).contains("text.db"), "{no_log:?}");
}

#[tokio::test]
async fn a_seed_database_is_imported_and_its_clients_go_on_where_they_were() {
    let mut cluster = Cluster::of(0).without_redis().start().await;
    let seed = Connection::open(cluster.file("seed.db")).unwrap();
    let table = "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT UNIQUE, content TEXT)";
    seed.execute_batch(table).unwrap();
    for n in 1..=20 {
        let row = (format!("abc-{n}"), format!("seed {n}"));
        seed.execute("INSERT INTO messages (client_offset, content) VALUES (?1, ?2)", row).unwrap();
    }
    drop(seed);

    let import = run(cluster.chorus().args(["import", "seed.db"]));
    assert!(import.status.success(), "{import:?}");
    assert!(String::from_utf8_lossy(&import.stdout).contains("20"), "{import:?}");
    let node = cluster.add_node().await;
    let mut eve = node.tutorial_after(json!({ "serverOffset": 17 })).await;
    let shown = eve.messages(3).await;
    assert_eq!(seqs(&shown), [18, 19, 20]);
    assert_eq!(texts(&shown), ["seed 18", "seed 19", "seed 20"]);
    // A retry of a message that the old system had stored.
    eve.try_say("seed 20", "abc-20").await.unwrap();
    eve.try_say("new", "abc-21").await.unwrap();
    assert_eq!(seqs(&eve.messages(1).await), [21]);

    let again = run(cluster.chorus().args(["import", "seed.db"]));
    assert!(!again.status.success(), "a log that has messages takes no import: {again:?}");
}
