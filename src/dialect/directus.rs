//! The dialect of Directus 9 to 12: the answers of its API, as they are.
//!
//! A profile holds the bodies of `/roles`, `/policies`, `/access`, `/permissions` and `/schema/snapshot` (or `/collections`,
//! `/fields` and `/relations`). They are read into rows, brought into shape and lowered ([`lower`]).

use crate::policy::Policy;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member};
use crate::source::span::Spanned;

use super::directus_item::TextCase;
use super::directus_lower::lower;
use super::directus_rows::Rows;
use super::directus_schema::Schema;
use super::profile::ProfileFile;
use super::reader::{self, Empty, Keys};
use super::{Dialect, Input, LayerFile, Mode};

/// The dialect of Directus 9 to 12.
pub(super) struct Directus;

/// What `profile.json` says of a Directus.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// How the database compares text, if it is said.
    pub(super) case: Option<TextCase>,
    /// The first number of the release, if it is said.
    pub(super) version: Option<u32>,
    /// Collections that are switched off, as Directus 12 can do.
    pub(super) inactive: Vec<Spanned<String>>,
    /// The fields that hold the state of an item.
    pub(super) states: Vec<StateOption>,
}

/// Which field of a collection holds the state of an item.
#[derive(Clone, Debug)]
pub(super) struct StateOption {
    pub(super) collection: Spanned<String>,
    /// Absent: none.
    pub(super) field: Option<Spanned<String>>,
    /// The states; none: those that the interface of the field offers.
    pub(super) values: Vec<Spanned<String>>,
}

impl Dialect for Directus {
    fn name(&self) -> &'static str {
        "directus"
    }

    fn modes(&self) -> &'static [Mode] {
        &Mode::ALL
    }

    fn settings(&self) -> &'static [&'static str] {
        &["text_case", "version", "states", "inactive"]
    }

    fn recognises(&self, files: &[&str]) -> bool {
        files.contains(&"access.json") && files.contains(&"policies.json")
    }

    fn read(&self, input: &Input<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
        let mut rows = Rows::default();
        let mut schema = Schema::default();
        for layer in input.layers {
            for file in &layer.files {
                read_file(file, &mut rows, &mut schema, diagnostics);
            }
        }
        let mut options = Options::default();
        for profile in input.bases.iter().copied().chain([input.profile]) {
            read_options(profile, &mut options, diagnostics);
        }
        let has_permissions = input
            .layers
            .iter()
            .any(|layer| layer.find("permissions.json").is_some());
        if !has_permissions {
            let message = "the profile has no `permissions.json`, the body of `/permissions`";
            let help = "export it as an administrator, with `limit=-1`";
            diagnostics
                .push(Diagnostic::new(Code::MissingProfileFile, input.profile.origin, message).help(help));
        }
        schema.add_system(input.profile.origin);
        Some(lower(
            rows,
            &schema,
            &options,
            input.profile.mode,
            input.profile.origin,
            diagnostics,
        ))
    }
}

fn read_file(file: &LayerFile<'_>, rows: &mut Rows, schema: &mut Schema, diagnostics: &mut Vec<Diagnostic>) {
    match file.name {
        "roles.json" => rows.load_roles(file.json, diagnostics),
        "policies.json" => rows.load_policies(file.json, diagnostics),
        "access.json" => rows.load_access(file.json, diagnostics),
        "permissions.json" => rows.load_permissions(file.json, diagnostics),
        "snapshot.json" => schema.load_snapshot(file.json, diagnostics),
        "collections.json" => schema.load_collections(file.json, diagnostics),
        "fields.json" => schema.load_fields(file.json, diagnostics),
        "relations.json" => schema.load_relations(file.json, diagnostics),
        // Files in directories (tests, for one) and the profile file are for others to read.
        "profile.json" => {}
        name if name.contains('/') => {}
        name => {
            let message = format!("Directus profiles have no file {}", quote(name));
            let mut diagnostic = Diagnostic::new(Code::UnknownFile, file.json.span.at_start(), message);
            diagnostic.help = reader::suggestion(name, FILES);
            diagnostics.push(diagnostic);
        }
    }
}

const FILES: [&str; 8] = [
    "roles.json",
    "policies.json",
    "access.json",
    "permissions.json",
    "snapshot.json",
    "collections.json",
    "fields.json",
    "relations.json",
];

const CASES: [(&str, TextCase); 3] = [
    ("sensitive", TextCase::Sensitive),
    ("insensitive", TextCase::Insensitive),
    ("ascii_insensitive_like", TextCase::AsciiLike),
];

fn read_options(profile: &ProfileFile, options: &mut Options, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(json) = profile.setting("text_case") {
        options.case = super::word::read_word(json, "`text_case`", &CASES, diagnostics).or(options.case);
    }
    if let Some(json) = profile.setting("version") {
        options.version = read_version(json, diagnostics).or(options.version);
    }
    if let Some(json) = profile.setting("inactive") {
        let named = reader::read_ids(json, "`inactive`", Empty::Refused, diagnostics);
        options.inactive = named.unwrap_or_default();
    }
    if let Some(json) = profile.setting("states") {
        let members = reader::read_members(json, "`states`", diagnostics).unwrap_or_default();
        for member in members {
            let option = read_state_option(member, diagnostics);
            options
                .states
                .retain(|other| other.collection.value != member.key.value);
            options.states.extend(option);
        }
    }
}

fn read_version(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    let version = json
        .as_number()
        .and_then(|number| number.literal.parse::<u32>().ok())
        .filter(|version| (9..=12).contains(version));
    if version.is_none() {
        reader::wrong_type(json, "`version`", "a number from 9 to 12", diagnostics);
    }
    version
}

/// Reads `"status"`, `false`, or `{"field": "status", "values": […]}`.
fn read_state_option(
    Member { key, value }: &Member,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<StateOption> {
    let mut option = StateOption {
        collection: key.clone(),
        field: None,
        values: Vec::new(),
    };
    if value.as_bool() == Some(false) {
        return Some(option);
    }
    if value.as_text().is_some() {
        option.field = reader::read_id(value, "the field of a state", Empty::Refused, diagnostics);
        return option.field.is_some().then_some(option);
    }
    let mut keys = Keys::open(value, "an entry of `states`", diagnostics)?;
    let field = keys.required("field", diagnostics);
    option.field = field.and_then(|json| reader::read_id(json, "`field`", Empty::Refused, diagnostics));
    option.values = keys.ids("values", diagnostics).unwrap_or_default();
    keys.finish(diagnostics);
    option.field.is_some().then_some(option)
}
