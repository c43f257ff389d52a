//! Where commands write, and in which form.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::observe::with_causes;

/// Says for whom results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Says when colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes for the person or the program that called.
#[derive(Debug)]
pub struct Output {
    /// Whether results on standard output are coloured.
    pub color: bool,
}

impl Output {
    /// Prepares to write; colours are used as `color` says.
    pub fn new(color: Color) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let color = match color {
            Color::Auto => wanted && io::stdout().is_terminal(),
            Color::Always => true,
            Color::Never => false,
        };
        Self { color }
    }

    /// Writes text to standard output as it is.
    pub fn text(&mut self, text: &str) {
        // Whoever closed the pipe has read enough.
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes one line to standard output.
    pub fn line(&mut self, text: &str) {
        self.text(&format!("{text}\n"));
    }

    /// Writes JSON to standard output, indented.
    pub fn json(&mut self, value: &Value) {
        self.line(&format!("{value:#}"));
    }

    /// Writes text to standard error as it is.
    pub fn error_text(&mut self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Writes to standard error why the command cannot do what it should, with the causes, and what to do about it.
    pub fn failure(&mut self, error: &dyn Error, help: Option<&str>) {
        let mut text = format!("placet: {}", with_causes(error));
        if let Some(help) = help {
            text.push_str(&format!("\n  help: {help}"));
        }
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
