//! Where settings come from: defaults, a file, the environment; the later wins.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use config::{Config, File, Source as _, Value, ValueKind};

use crate::config::Settings;

/// The file that is read if it is there.
const FILE: &str = "chorus.toml";

/// What the variables of settings begin with.
const PREFIX: &str = "CHORUS_";

/// The conventional names, and the settings they stand for.
const CONVENTIONAL: [(&str, &str); 3] =
    [("PORT", "server.port"), ("DATABASE_URL", "log.url"), ("REDIS_URL", "bus.url")];

/// The sections, to tell a setting that lacks an underscore from what is no setting at all.
const SECTIONS: [&str; 10] =
    ["node", "server", "socketio", "log", "bus", "history", "limits", "drain", "telemetry", "auth"];

/// One value, and where it was found.
struct Given {
    /// A file's name or a variable's.
    by: String,
    /// `section.key`.
    key: String,
    value: Value,
}

impl Settings {
    /// Reads and checks all settings.
    ///
    /// # Errors
    ///
    /// A message that names the key, where it was set, and the rule, for a value that cannot be
    /// read, an unknown key, or a value that breaks a [`Rule`](super::Rule).
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut all = Config::default();
        let mut settings = Self::default();
        // One by one, so that an error is known to be this one's.
        for Given { by, key, value } in from_file(file)?.into_iter().chain(from_environment()?) {
            let named = || format!("{key}, set by {by}");
            let more = Config::builder().add_source(all).set_override(key.as_str(), value);
            all = more.and_then(|more| more.build()).with_context(named)?;
            settings = all.clone().try_deserialize().with_context(named)?;
        }
        settings.check()?;
        Ok(settings)
    }
}

fn from_file(file: Option<&Path>) -> anyhow::Result<Vec<Given>> {
    let (path, required) = file.map_or((PathBuf::from(FILE), false), |path| (path.to_owned(), true));
    let by = path.display().to_string();
    let sections = File::from(path).required(required).collect().context("the settings file")?;
    let mut given = Vec::new();
    for (section, value) in sections {
        match value.kind {
            ValueKind::Table(keys) => given.extend(keys.into_iter().map(|(key, value)| {
                let key = format!("{section}.{key}");
                Given { by: by.clone(), key, value }
            })),
            // Not a section: this is what its error says.
            _ => given.push(Given { by: by.clone(), key: section, value }),
        }
    }
    Ok(given)
}

/// The variables of sections, and then the conventional ones; an empty conventional one is not set.
fn from_environment() -> anyhow::Result<Vec<Given>> {
    let mut given = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let value = value.to_str().with_context(|| format!("{name} is not UTF-8"))?;
        // Others begin so as well: Kubernetes names the port of a service `chorus` CHORUS_PORT.
        let Some((section, key)) = path.split_once("__") else {
            let word = path.split('_').next().unwrap_or_default().to_lowercase();
            ensure!(
                !SECTIONS.contains(&word.as_str()),
                "{name} is no setting: those are {PREFIX}<SECTION>__<KEY>, with two underscores"
            );
            continue;
        };
        let key = format!("{section}.{key}").to_lowercase();
        given.push(Given { by: name.to_owned(), key, value: value.into() });
    }
    for (name, key) in CONVENTIONAL {
        if let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) {
            given.push(Given { by: name.to_owned(), key: key.to_owned(), value: value.into() });
        }
    }
    Ok(given)
}
