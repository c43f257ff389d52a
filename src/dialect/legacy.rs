//! The dialect of Directus 7 and 8: its tables of roles and permissions as the API exports them or a dump holds them.
//!
//! What is decided is what Directus documents, what only its App enforces included; what its API lets through by accident is
//! closed. So the only mode is `strict`. Of several roles each is judged by its own rows, and what one allows is allowed.
//!
//! The files of the layers are read into [`Tables`]; which row counts where is told in [`super::legacy_choice`], what it
//! grants in [`super::legacy_grant`].

use crate::policy::Policy;
use crate::policy::role::User;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};

use super::legacy_choice::Rows;
use super::legacy_facts::Facts;
use super::legacy_lower::lower;
use super::legacy_role::{RoleRow, read_roles, read_users};
use super::legacy_row::read_row;
use super::legacy_table::read_records;
use super::profile::ProfileFile;
use super::reader;
use super::{Dialect, Input, LayerFile, Mode};

/// The dialect of Directus 7 and 8.
pub(super) struct DirectusLegacy;

impl Dialect for DirectusLegacy {
    fn name(&self) -> &'static str {
        "directus-legacy"
    }

    fn modes(&self) -> &'static [Mode] {
        &[Mode::Strict]
    }

    fn settings(&self) -> &'static [&'static str] {
        &[IP_NETWORKS, SYSTEM_ROWS]
    }

    fn recognises(&self, files: &[&str]) -> bool {
        files
            .iter()
            .any(|file| !file.contains('/') && file.starts_with(Table::Permissions.name()))
    }

    fn read(&self, input: &Input<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
        let mut tables = Tables::default();
        for layer in input.layers {
            let mut rows = Rows::default();
            for file in &layer.files {
                tables.read_file(file, &mut rows, diagnostics);
            }
            tables.rows.lay_over(rows);
        }
        let mut settings = Settings::default();
        for profile in input.bases.iter().copied().chain([input.profile]) {
            settings.read(profile, diagnostics);
        }
        let first = input.layers.iter().find_map(|layer| layer.files.first());
        if !tables.has_permissions {
            let span = first.map_or(input.profile.origin, |file| file.json.span.at_start());
            let message = format!("the profile has no file {}", quote("directus_permissions.json"));
            diagnostics.push(Diagnostic::new(Code::MissingProfileFile, span, message));
        }
        Some(lower(tables, settings, input.profile.origin, diagnostics))
    }
}

/// Whether addresses of roles may be blocks and ranges.
const IP_NETWORKS: &str = "ip_networks";
/// Whether roles get the rows for collections of Directus that a new role gets.
const SYSTEM_ROWS: &str = "system_rows";

/// What a profile file says in this dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) ip_networks: bool,
    pub(super) system_rows: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ip_networks: false,
            system_rows: true,
        }
    }
}

impl Settings {
    fn read(&mut self, profile: &ProfileFile, diagnostics: &mut Vec<Diagnostic>) {
        for (key, place) in [
            (IP_NETWORKS, &mut self.ip_networks),
            (SYSTEM_ROWS, &mut self.system_rows),
        ] {
            let value = profile.setting(key);
            *place = value
                .and_then(|json| reader::read_bool(json, &quote(key), diagnostics))
                .unwrap_or(*place);
        }
    }
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Permissions,
    Roles,
    Users,
    /// Of Directus 7: people and their roles.
    UserRoles,
    Fields,
    Collections,
    Settings,
}

impl Table {
    const ALL: [Table; 7] = [
        Table::Permissions,
        Table::Roles,
        Table::Users,
        Table::UserRoles,
        Table::Fields,
        Table::Collections,
        Table::Settings,
    ];

    fn name(self) -> &'static str {
        match self {
            Table::Permissions => "directus_permissions",
            Table::Roles => "directus_roles",
            Table::Users => "directus_users",
            Table::UserRoles => "directus_user_roles",
            Table::Fields => "directus_fields",
            Table::Collections => "directus_collections",
            Table::Settings => "directus_settings",
        }
    }

    /// Returns the table that a file of this name holds: the name begins with that of the table.
    fn find(file: &str) -> Option<Table> {
        Table::ALL
            .into_iter()
            .find(|table| file.starts_with(table.name()))
    }
}

/// The file with facts that is written by hand.
const FACTS: &str = "collections.json";

/// All that the files of a profile say.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) roles: Vec<RoleRow>,
    /// Whether any file tells the roles.
    pub(super) has_roles: bool,
    pub(super) users: Vec<User>,
    pub(super) facts: Facts,
    pub(super) rows: Rows,
    has_permissions: bool,
}

impl Tables {
    fn read_file(&mut self, file: &LayerFile<'_>, rows: &mut Rows, diagnostics: &mut Vec<Diagnostic>) {
        let json = file.json;
        match (file.name, Table::find(file.name)) {
            // Files in directories (tests, for one) and the profile file are for others to read.
            ("profile.json", _) => {}
            (name, _) if name.contains('/') => {}
            (FACTS, _) => self.facts.read_facts(json, diagnostics),
            (_, Some(Table::Permissions)) => {
                self.has_permissions = true;
                for record in read_records(json, diagnostics) {
                    if let Some(row) = read_row(&record, diagnostics) {
                        rows.add(row, diagnostics);
                    }
                }
            }
            (_, Some(Table::Roles)) => {
                self.has_roles = true;
                read_roles(json, &mut self.roles, diagnostics);
            }
            (_, Some(Table::Users)) => read_users(json, ["id", "role"], &mut self.users, diagnostics),
            (_, Some(Table::UserRoles)) => {
                read_users(json, ["user", "role"], &mut self.users, diagnostics);
            }
            (_, Some(Table::Fields)) => self.facts.read_fields(json, diagnostics),
            (_, Some(Table::Collections)) => self.facts.read_collections(json, diagnostics),
            (_, Some(Table::Settings)) => self.facts.read_settings(json, diagnostics),
            (name, None) => report_unknown(name, json, diagnostics),
        }
    }
}

fn report_unknown(name: &str, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
    let message = format!("a profile of Directus 7 or 8 has no file {}", quote(name));
    let mut diagnostic = Diagnostic::new(Code::UnknownFile, json.span.at_start(), message);
    let known: Vec<String> = Table::ALL
        .into_iter()
        .map(|table| format!("{}.json", table.name()))
        .collect();
    diagnostic.help = reader::suggestion(name, known.iter().map(String::as_str).chain([FACTS]));
    diagnostics.push(diagnostic.severity(Severity::Warning));
}

/// Returns a name at a place.
pub(super) fn at(name: &str, span: Span) -> Spanned<String> {
    Spanned::new(name.to_owned(), span)
}
