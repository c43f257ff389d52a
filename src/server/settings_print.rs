//! Writes the configuration in force in the form of a configuration file, each key with what it means and who set it.
//! Read back, it is the same configuration; only secrets are masked.

use std::fmt::Write;

use confique::Config;
use confique::meta::{FieldKind, Meta};
use toml::{Table, Value};

use crate::server::config::Serves;
use crate::server::effective::{Effective, OF_GRPC};
use crate::server::settings::{ListenerSettings, Settings};

/// Returns the text of a configuration file.
///
/// # Errors
///
/// What TOML cannot hold: a path that is not UTF-8.
pub fn print(effective: &Effective) -> Result<String, toml::ser::Error> {
    let mut page = Page {
        text: String::new(),
        effective,
    };
    // Listeners are tables of their own, after everything else.
    let values = Table::try_from(&effective.settings)?;
    page.table(&mut Vec::new(), &Settings::META, &values, &["listener"]);
    for (name, listener) in &effective.listeners {
        let left_out = if listener.serves == Serves::Grpc {
            &[][..]
        } else {
            &OF_GRPC
        };
        let values = Table::try_from(listener)?;
        page.table(
            &mut vec!["listener", name],
            &ListenerSettings::META,
            &values,
            left_out,
        );
    }
    Ok(page.text)
}

struct Page<'e> {
    text: String,
    effective: &'e Effective,
}

impl<'e> Page<'e> {
    /// Writes a table: its own keys first, as TOML demands, then the tables in it.
    fn table(&mut self, path: &mut Vec<&'e str>, meta: &'static Meta, values: &Table, left_out: &[&str]) {
        let fields = || meta.fields.iter().filter(|field| !left_out.contains(&field.name));
        if !path.is_empty() {
            let name: Vec<String> = path.iter().map(|part| key(part)).collect();
            self.line(&format!("\n[{}]", name.join(".")));
        }
        for field in fields().filter(|field| matches!(field.kind, FieldKind::Leaf { .. })) {
            for line in field.doc {
                self.line(&format!("#{line}"));
            }
            path.push(field.name);
            match values.get(field.name) {
                Some(value) => {
                    let origin = self.effective.origin(path);
                    self.line(&format!("{} = {value} # {origin}", key(field.name)));
                }
                None => self.line(&format!("# {} =", key(field.name))),
            }
            path.pop();
        }
        for field in fields() {
            if let FieldKind::Nested { meta } = field.kind {
                let empty = Table::new();
                let inner = values.get(field.name).and_then(Value::as_table).unwrap_or(&empty);
                path.push(field.name);
                self.table(path, meta, inner, &[]);
                path.pop();
            }
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// Returns a key as TOML has it: quoted where it must be.
fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_bare {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}
