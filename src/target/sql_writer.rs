//! The SQL text that is being made, and its parameters.

use super::sql::Dialect;
use super::{Rendering, Unsayable};
use crate::vocab::limits::SQL_PARAMETERS_MAX;
use crate::vocab::value::Value;

/// SQL text and the values of its parameters, in the order in which they stand there.
pub(super) struct Writer {
    pub(super) dialect: Dialect,
    text: String,
    parameters: Vec<Value<'static>>,
    /// The name that no alias may be.
    taken: String,
    aliases: usize,
}

impl Writer {
    /// Begins a text about a table of a name.
    pub(super) fn new(dialect: Dialect, taken: &str) -> Self {
        Self {
            dialect,
            text: String::new(),
            parameters: Vec::new(),
            taken: taken.to_owned(),
            aliases: 0,
        }
    }

    /// Returns what was written.
    ///
    /// # Errors
    ///
    /// [`Unsayable`] if it has more parameters than databases take.
    pub(super) fn finish(self) -> Result<Rendering, Unsayable> {
        if self.parameters.len() > SQL_PARAMETERS_MAX {
            return Err(Unsayable(format!(
                "the filter has {} values, and {} takes {SQL_PARAMETERS_MAX}; name fewer of them",
                self.parameters.len(),
                self.dialect.title()
            )));
        }
        Ok(Rendering {
            text: self.text,
            parameters: self.parameters,
        })
    }

    /// Adds SQL text, which never holds a value.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a parameter, and returns its number.
    pub(super) fn bind(&mut self, value: Value<'static>) -> usize {
        self.parameters.push(value);
        let number = self.parameters.len();
        match self.dialect {
            Dialect::Postgresql => self.text.push_str(&format!("${number}")),
            Dialect::Mysql | Dialect::Sqlite => self.text.push('?'),
        }
        number
    }

    /// Adds a parameter of text, and returns its number.
    pub(super) fn bind_text(&mut self, text: impl Into<String>) -> usize {
        self.bind(Value::Text(text.into().into()))
    }

    /// Adds a parameter that was added before.
    pub(super) fn bind_again(&mut self, number: usize) {
        match self.dialect {
            Dialect::Postgresql => self.text.push_str(&format!("${number}")),
            Dialect::Mysql | Dialect::Sqlite => {
                let value = number.checked_sub(1).and_then(|index| self.parameters.get(index));
                self.parameters.push(value.cloned().unwrap_or(Value::Null));
                self.text.push('?');
            }
        }
    }

    /// Returns a quoted name.
    ///
    /// # Errors
    ///
    /// [`Unsayable`] for a name that the database cannot have: it would cut it, or read another one.
    pub(super) fn quote(&self, name: &str) -> Result<String, Unsayable> {
        let (mark, fits) = match self.dialect {
            Dialect::Postgresql => ('"', name.len() <= 63),
            Dialect::Mysql => ('`', name.chars().count() <= 64),
            Dialect::Sqlite => ('"', true),
        };
        // MySQL has no names beyond the first 65,536 characters of Unicode, nor any that end with a space.
        let is_odd = self.dialect == Dialect::Mysql
            && (name.ends_with(' ') || name.chars().any(|each| u32::from(each) > 0xffff));
        if name.is_empty() || !fits || is_odd || name.contains('\0') {
            let database = self.dialect.title();
            return Err(Unsayable(format!(
                "{database} has no tables or columns called {name:?}; name them by `table` and `column`"
            )));
        }
        let mut quoted = String::with_capacity(name.len() + 2);
        quoted.push(mark);
        for each in name.chars() {
            if each == mark {
                quoted.push(mark);
            }
            quoted.push(each);
        }
        quoted.push(mark);
        Ok(quoted)
    }

    /// Returns a quoted alias that no other table of the text has.
    pub(super) fn alias(&mut self) -> String {
        loop {
            self.aliases += 1;
            let name = format!("r{}", self.aliases);
            if !name.eq_ignore_ascii_case(&self.taken) {
                return match self.dialect {
                    Dialect::Mysql => format!("`{name}`"),
                    Dialect::Postgresql | Dialect::Sqlite => format!("\"{name}\""),
                };
            }
        }
    }
}
