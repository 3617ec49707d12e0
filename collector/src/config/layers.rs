//! The layers of a configuration, laid over each other: defaults, file, environment, flags.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::section::{Field, Section};
use super::{ConfigError, ProxyConfig, SECTIONS, Secret, document};

/// Where the database's address is looked for beside the configuration's own variables.
const DATABASE_URL: &str = "DATABASE_URL";

/// The variables of the environment that are text, taken once.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, Secret>);

impl Environment {
    /// The process' own.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            // A variable that is no UTF-8 is none of ours, and must not keep the collector from
            // starting.
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(Secret::expose)
            // Set to nothing is how a unit file or a container takes a variable back.
            .filter(|text| !text.is_empty())
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }
}

/// Settings, laid over each other in the order of the calls.
#[derive(Clone, Debug)]
pub struct Layers {
    table: Table,
    database_url: Option<Secret>,
    proxy: ProxyConfig,
}

impl Default for Layers {
    fn default() -> Self {
        Self::defaults()
    }
}

impl Layers {
    /// The defaults alone.
    #[must_use]
    pub fn defaults() -> Self {
        // The text is a constant of the program, and a test parses it.
        let table = document::default_values().parse().unwrap_or_default();
        Self { table, database_url: None, proxy: ProxyConfig::default() }
    }

    /// Lays a file over it. A relative path in it is taken as it stands.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not TOML.
    pub fn with_file(self, path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        let file: Table = text.parse().map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            error: Box::new(error),
        })?;
        Ok(self.with_table(file))
    }

    /// Lays a table over it, key by key.
    #[must_use]
    pub fn with_table(mut self, over: Table) -> Self {
        for (name, value) in over {
            match (self.table.get_mut(&name), value) {
                // A section in a file changes what it names; a whole-section replacement would turn
                // every other setting back to nothing.
                (Some(Value::Table(section)), Value::Table(over)) => section.extend(over),
                // Also what is no table where one should be: the error is said where all is read.
                (_, value) => {
                    self.table.insert(name, value);
                }
            }
        }
        self
    }

    /// Lays the environment over it: `MUSTER_INGEST_LISTEN` is `listen` of `[ingest]`,
    /// `MUSTER_DATA_DIR` is `data_dir` of `[node]`, and a list is written with commas.
    ///
    /// # Errors
    ///
    /// When a variable of a section names none of its settings, or cannot be read as its kind.
    pub fn with_environment(mut self, environment: &Environment) -> Result<Self, ConfigError> {
        if let Some(url) = environment.text(DATABASE_URL) {
            self.database_url = Some(Secret::new(url));
        }
        self.proxy = ProxyConfig::of_environment(environment);
        for name in environment.0.keys() {
            let Some(text) = environment.text(name) else {
                continue;
            };
            let Some((section, field)) = setting_of(name)? else {
                continue;
            };
            let value = parse_as(field, text)
                .map_err(|message| ConfigError::Variable { variable: name.clone(), message })?;
            self = self.with(section.name, field.name, value);
        }
        Ok(self)
    }

    /// Lays one setting over it, as a flag does.
    #[must_use]
    pub fn with(mut self, section: &str, field: &str, value: impl Into<Value>) -> Self {
        let table = self.table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(table) = table {
            table.insert(field.to_owned(), value.into());
        }
        self
    }

    pub(super) fn database_url(&self) -> Option<Secret> {
        self.database_url.clone()
    }

    pub(super) fn proxy(&self) -> ProxyConfig {
        self.proxy.clone()
    }

    pub(super) fn into_table(self) -> Table {
        self.table
    }
}

/// The setting that a variable names; `None` when it is none of the collector's.
fn setting_of(variable: &str) -> Result<Option<(&'static Section, &'static Field)>, ConfigError> {
    for section in SECTIONS {
        let Some(key) = variable.strip_prefix(&document::variable_prefix(section)) else {
            continue;
        };
        let key = key.to_ascii_lowercase();
        if let Some(field) = section.fields.iter().find(|field| field.name == key) {
            return Ok(Some((section, field)));
        }
        // `[node]` has the bare prefix, which other programs' variables share.
        if section.name != document::BARE_SECTION {
            return Err(ConfigError::Variable {
                variable: variable.to_owned(),
                message: format!("[{}] has no setting {key:?}", section.name),
            });
        }
    }
    Ok(None)
}

/// Reads a variable's text as the kind that the setting's default or example has.
fn parse_as(field: &Field, text: &str) -> Result<Value, String> {
    // The environment has only text; what kind it is meant as, the setting's own default tells.
    let like = field.default.or(field.example).unwrap_or("\"\"");
    let like: Table = format!("v = {like}").parse().unwrap_or_default();
    Ok(match like.get("v") {
        Some(Value::Integer(_)) => {
            Value::Integer(text.parse().map_err(|_| format!("{text:?} is not a whole number"))?)
        }
        Some(Value::Boolean(_)) => {
            Value::Boolean(text.parse().map_err(|_| format!("{text:?} is neither true nor false"))?)
        }
        Some(Value::Array(_)) => text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| Value::String(entry.to_owned()))
            .collect::<Vec<_>>()
            .into(),
        Some(Value::String(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_)) | None => {
            Value::String(text.to_owned())
        }
    })
}
