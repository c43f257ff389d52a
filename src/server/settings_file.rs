//! The configuration file: TOML with the keys of [`Settings`]. A key that means nothing is refused with its place, since an
//! option that nobody reads is worse than none; so is a value of another type.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use confique::Config;
use confique::meta::{FieldKind, Meta};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::server::effective::ConfigError;
use crate::server::settings::{ListenerSettings, Settings, SettingsLayer};
use crate::source::diagnostic::{did_you_mean, quote};
use crate::source::file::SourceMap;
use crate::source::span::{FileId, Span};
use crate::vocab::limits::CONFIG_BYTES_MAX;

/// Holds what a configuration file says, and where it says it.
#[derive(Debug)]
pub struct SettingsFile {
    /// The options that are written in it; relative paths are relative to its directory.
    pub layer: SettingsLayer,
    sources: SourceMap,
    file: FileId,
    /// Every key, from the outermost table on, with its place.
    keys: Vec<(Vec<String>, Range<usize>)>,
}

impl SettingsFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] with the place of the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let unreadable = |message: String| ConfigError::unreadable(&name, message);
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| {
                file.take(CONFIG_BYTES_MAX.saturating_add(1))
                    .read_to_end(&mut bytes)
            })
            .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > CONFIG_BYTES_MAX {
            return Err(unreadable(format!("has more than {CONFIG_BYTES_MAX} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| unreadable("is not UTF-8".to_owned()))?;
        let mut file = Self::parse(&name, text)?;
        if let Some(directory) = path.parent() {
            file.resolve(directory);
        }
        Ok(file)
    }

    /// Reads a text; `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] with the place of the first thing that is wrong.
    pub fn parse(name: &str, text: String) -> Result<Self, ConfigError> {
        let mut sources = SourceMap::new();
        let file = sources.add(name.to_owned(), text.clone());
        let failure = |error: &toml::de::Error| {
            let place = place(&sources, file, error.span().unwrap_or_default());
            ConfigError::at(place, first_line(error.message()), None)
        };
        let document = DeTable::parse(&text).map_err(|error| failure(&error))?;
        let mut keys = Vec::new();
        let unknown = list_keys(
            document.get_ref(),
            Some(&Settings::META),
            &mut Vec::new(),
            &mut keys,
        );
        if let Some(unknown) = unknown {
            let place = place(&sources, file, unknown.span);
            let near = unknown.near.map(|near| format!("did you mean `{near}`?"));
            return Err(ConfigError::at(
                place,
                format!("there is no key {}", quote(&unknown.key)),
                near,
            ));
        }
        let layer = toml::from_str(&text).map_err(|error| failure(&error))?;
        Ok(Self {
            layer,
            sources,
            file,
            keys,
        })
    }

    /// Returns where a key is written, as `placet.toml:3:1`; the nearest table around it if it is not written itself.
    pub fn place(&self, path: &[&str]) -> Option<String> {
        let written = |path: &[&str]| self.keys.iter().find(|(key, _)| key == path);
        let (_, span) = (1..=path.len())
            .rev()
            .find_map(|length| written(path.get(..length)?))?;
        Some(place(&self.sources, self.file, span.clone()))
    }

    /// Tells whether a key is written.
    pub fn has(&self, path: &[&str]) -> bool {
        self.keys.iter().any(|(key, _)| key == path)
    }

    /// Makes relative paths relative to the directory of the file, wherever the daemon is started.
    fn resolve(&mut self, directory: &Path) {
        let profiles = self.layer.profiles.iter_mut();
        let tls = self
            .layer
            .listener
            .iter_mut()
            .flat_map(|listeners| listeners.values_mut())
            .flat_map(|listener| {
                let (tls, auth) = (&mut listener.tls, &mut listener.auth);
                [
                    &mut tls.certificate,
                    &mut tls.key,
                    &mut tls.client_ca,
                    &mut auth.callers,
                ]
            });
        for path in profiles.chain(tls.flatten()) {
            *path = directory.join(&*path);
        }
        let addresses = self
            .layer
            .listener
            .iter_mut()
            .flat_map(|listeners| listeners.values_mut());
        for address in addresses.filter_map(|listener| listener.address.as_mut()) {
            if let super::config::Address::Unix(path) = address {
                *path = directory.join(&*path);
            }
        }
    }
}

/// A key that means nothing.
struct Unknown {
    key: String,
    span: Range<usize>,
    near: Option<&'static str>,
}

/// Lists the keys of a table and of those in it; the answer is the first one that `meta` does not know.
fn list_keys(
    table: &DeTable<'_>,
    meta: Option<&'static Meta>,
    path: &mut Vec<String>,
    keys: &mut Vec<(Vec<String>, Range<usize>)>,
) -> Option<Unknown> {
    let mut unknown: Option<Unknown> = None;
    for (key, value) in table {
        let (name, span): (&Cow<'_, str>, _) = (key.get_ref(), key.span());
        path.push(name.to_string());
        keys.push((path.clone(), span.clone()));
        let found = match inside(meta, name, path) {
            Ok(inner) => value_table(value).and_then(|table| list_keys(table, inner, path, keys)),
            Err(near) => Some(Unknown {
                key: name.to_string(),
                span,
                near,
            }),
        };
        path.pop();
        // Tables list their keys in the order of the alphabet; the first complaint is the first one in the file.
        if let Some(found) = found
            && unknown
                .as_ref()
                .is_none_or(|unknown| found.span.start < unknown.span.start)
        {
            unknown = Some(found);
        }
    }
    unknown
}

/// Returns which keys may stand in the value of a key, if it is known; without a [`Meta`] any may.
fn inside(
    meta: Option<&'static Meta>,
    name: &str,
    path: &[String],
) -> Result<Option<&'static Meta>, Option<&'static str>> {
    let Some(meta) = meta else {
        // The names of listeners are free.
        let is_listener = path.len() == 2 && path.first().is_some_and(|first| first == "listener");
        return Ok(is_listener.then_some(&ListenerSettings::META));
    };
    match meta.fields.iter().find(|field| field.name == name) {
        Some(field) => Ok(match field.kind {
            FieldKind::Nested { meta } => Some(meta),
            FieldKind::Leaf { .. } => None,
        }),
        None => Err(did_you_mean(name, meta.fields.iter().map(|field| field.name))),
    }
}

fn value_table<'v, 'i>(value: &'v Spanned<DeValue<'i>>) -> Option<&'v DeTable<'i>> {
    value.get_ref().as_table()
}

fn place(sources: &SourceMap, file: FileId, span: Range<usize>) -> String {
    let offset = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    let span = Span::new(file, offset(span.start), offset(span.end));
    format!("{}:{}", sources.path(file), sources.position(span))
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars()
        .map(|each| if each.is_control() { ' ' } else { each })
        .collect()
}
