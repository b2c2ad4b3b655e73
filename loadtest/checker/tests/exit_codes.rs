//! The exit code tells when there is no verdict.

#![cfg(test)]

use std::{
    net::TcpListener,
    process::{Command, Output},
};

fn chorus_load(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chorus-load")).args(args).output().expect("the program starts")
}

/// Expects exit code 2 and `why` on stderr.
fn assert_no_verdict(args: &[&str], why: &str) {
    let Output { status, stdout, stderr } = chorus_load(args);
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(2), "{args:?}: {stderr}");
    assert!(stderr.contains(why), "{args:?}: {stderr}");
    assert!(stdout.is_empty(), "{args:?}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_no_verdict() {
    assert_no_verdict(&[], "<URL>");
    assert_no_verdict(&["https://localhost"], "not of the form http://HOST:PORT");
    assert_no_verdict(&["http://localhost", "--rate", "0"], "must be more than 0");
    assert_no_verdict(&["http://localhost", "--rate", "5", "--in-flight", "1"], "cannot be used with");
}

#[test]
fn a_stack_that_is_not_there_is_no_verdict() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
    assert_no_verdict(
        &[&format!("http://{gone}"), "--json"],
        "does not say where lobby stands: Connection refused",
    );
}
