// SPDX-License-Identifier: Apache-2.0

//! A client of the agent that shares no code with it: the ttRPC library of runtime-rs with messages
//! generated for Rust. It makes the calls that host makes, and prints how many were answered well:
//! `ok=<n> failed=<n>`. It exits with 0 if none has failed.

mod client;
mod convert;
mod host;
mod pod;
mod session;
mod storm;

#[allow(clippy::all, unused)]
mod protocols {
    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
}

use std::{collections::HashMap, env, fmt, process::ExitCode};

const USAGE: &str = "usage: foreign-rustclient storm --socket PATH [--calls N] [--at-once N]
       foreign-rustclient pod --socket PATH --spec FILE --rootfs DIR --cgroup PATH [--sessions N] [--at-once N] [--destroy yes]";

/// What went well and what did not.
#[derive(Default)]
pub struct Outcome {
    pub ok: u64,
    pub failed: u64,
}

impl Outcome {
    /// Counts a step; a failure is told on stderr.
    pub fn count<T, E: fmt::Display>(&mut self, what: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.ok += 1;
                Some(value)
            }
            Err(e) => {
                self.failed += 1;
                eprintln!("{what}: {e}");
                None
            }
        }
    }

    pub fn add(&mut self, other: Outcome) {
        self.ok += other.ok;
        self.failed += other.failed;
    }
}

/// Options of the command line, all of the form `--name value`.
pub struct Options(HashMap<String, String>);

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = args;
        let mut options = HashMap::new();
        while let Some(name) = args.next() {
            let key = name.strip_prefix("--").ok_or(format!("unexpected {name}"))?;
            let value = args.next().ok_or(format!("{name} needs a value"))?;
            options.insert(key.to_string(), value);
        }
        Ok(Options(options))
    }

    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or(format!("--{name} is missing"))
    }

    pub fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match self.0.get(name) {
            None => Ok(default),
            Some(v) => v.parse().map_err(|_| format!("--{name} {v} is no number")),
        }
    }
}

async fn run() -> Result<Outcome, String> {
    let mut args = env::args().skip(1);
    let command = args.next().ok_or(USAGE)?;
    let options = Options::parse(args)?;
    match command.as_str() {
        "storm" => storm::run(&options).await,
        "pod" => pod::run(&options).await,
        _ => Err(USAGE.to_string()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(outcome) => {
            println!("ok={} failed={}", outcome.ok, outcome.failed);
            ExitCode::from((outcome.failed > 0) as u8)
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
    }
}
