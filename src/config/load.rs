//! Loads settings: defaults, then a file, then the environment; the last one wins.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use config::{Config, File, Source as _, Value, ValueKind};

use crate::config::settings::Settings;

/// The file that is read if it exists and no other is named.
const FILE: &str = "chorus.toml";

/// The prefix of environment variables.
const PREFIX: &str = "CHORUS_";

/// Conventional environment variables and their settings.
const CONVENTIONAL: [(&str, &str); 3] =
    [("PORT", "server.port"), ("DATABASE_URL", "log.url"), ("REDIS_URL", "bus.url")];

/// All sections. A variable that begins with one but lacks the second underscore is probably a mistake.
const SECTIONS: [&str; 10] =
    ["node", "server", "socketio", "log", "bus", "history", "limits", "drain", "telemetry", "auth"];

/// A value and where it was set.
struct Assignment {
    /// The name of a file or a variable.
    source: String,
    /// `section.key`.
    key: String,
    value: Value,
}

impl Settings {
    /// Loads and checks all settings.
    ///
    /// # Errors
    ///
    /// A key is unknown, or a value is invalid. The error names the key, where it was set, and the rule.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut merged = Config::default();
        let mut settings = Self::default();
        // One by one, so that an error can name its key and source.
        for Assignment { source, key, value } in from_file(file)?.into_iter().chain(from_environment()?) {
            let context = || format!("{key}, set by {source}");
            let builder = Config::builder().add_source(merged).set_override(key.as_str(), value);
            merged = builder.and_then(|builder| builder.build()).with_context(context)?;
            settings = merged.clone().try_deserialize().with_context(context)?;
        }
        settings.check()?;
        Ok(settings)
    }
}

fn from_file(file: Option<&Path>) -> anyhow::Result<Vec<Assignment>> {
    let (path, required) = file.map_or((PathBuf::from(FILE), false), |path| (path.to_owned(), true));
    let source = path.display().to_string();
    let sections =
        File::from(path).required(required).collect().context("the settings file cannot be read")?;
    let mut assignments = Vec::new();
    for (section, value) in sections {
        match value.kind {
            ValueKind::Table(keys) => assignments.extend(keys.into_iter().map(|(key, value)| {
                let key = format!("{section}.{key}");
                Assignment { source: source.clone(), key, value }
            })),
            // Not a section: loading it fails with an error that names it.
            _ => assignments.push(Assignment { source: source.clone(), key: section, value }),
        }
    }
    Ok(assignments)
}

/// The prefixed variables, then the conventional ones. An empty conventional variable counts as unset.
fn from_environment() -> anyhow::Result<Vec<Assignment>> {
    let mut assignments = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let value = value.to_str().with_context(|| format!("{name} is not UTF-8"))?;
        // Other programs use the prefix, too: Kubernetes sets CHORUS_PORT for a service named `chorus`.
        let Some((section, key)) = path.split_once("__") else {
            let word = path.split('_').next().unwrap_or_default().to_lowercase();
            ensure!(
                !SECTIONS.contains(&word.as_str()),
                "{name} is not a setting: write it as {PREFIX}<SECTION>__<KEY>, with two underscores"
            );
            continue;
        };
        let key = format!("{section}.{key}").to_lowercase();
        assignments.push(Assignment { source: name.to_owned(), key, value: value.into() });
    }
    for (name, key) in CONVENTIONAL {
        if let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) {
            assignments.push(Assignment {
                source: name.to_owned(),
                key: key.to_owned(),
                value: value.into(),
            });
        }
    }
    Ok(assignments)
}
