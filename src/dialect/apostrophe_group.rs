//! Groups of the extension "Advanced Permission", which take the place of the role of a user.
//!
//! The extension is closed: that a group has a name, locales, an administrator's switch and a grid is documented; what follows
//! from these beyond that is our design, and README says so.

use crate::policy::Title;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member};
use crate::source::span::{Span, Spanned};

use super::apostrophe_right::{Level, Rights};
use super::apostrophe_type::{CustomPermission, DocType, Kind, USER};
use super::reader::{Empty, Keys, check_id, read_ids, read_list, read_members, suggestion};

/// A group.
#[derive(Clone, Debug)]
pub(super) struct GroupRow {
    pub(super) name: Spanned<String>,
    pub(super) title: Title,
    /// Whether its members may do everything.
    pub(super) admin: bool,
    /// The locales in which its rights count; absent: in all.
    pub(super) locales: Option<Vec<Spanned<String>>>,
    cells: Vec<Cell>,
    pub(super) origin: Span,
}

/// What the grid of a group says about one type.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    doc_type: Spanned<String>,
    permissions: Vec<Spanned<String>>,
    pub(super) origin: Span,
}

/// The key of the grid that stands for all pages.
const PAGES: &str = "@apostrophecms/any-page-type";

/// The permissions that every row of the grid has.
const GRID: [&str; 4] = ["create", "edit", "publish", "delete"];

/// Reads the groups of a project; a group that stands there already is replaced.
pub(super) fn read_groups(json: &Json, groups: &mut Vec<GroupRow>, diagnostics: &mut Vec<Diagnostic>) {
    let mut read: Vec<GroupRow> = Vec::new();
    for json in read_list(json, "the list of groups", diagnostics).unwrap_or_default() {
        let Some(group) = read_group(json, diagnostics) else {
            continue;
        };
        if let Some(other) = read.iter().find(|other| other.name.value == group.name.value) {
            let message = format!("the group {} is there twice", quote(&group.name.value));
            let diagnostic = Diagnostic::new(Code::DuplicateId, group.name.span, message);
            diagnostics.push(diagnostic.label(other.name.span, "the other one is here"));
            continue;
        }
        read.push(group);
    }
    groups.retain(|old| read.iter().all(|new| new.name.value != old.name.value));
    groups.append(&mut read);
}

fn read_group(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<GroupRow> {
    let mut keys = Keys::open(json, "a group", diagnostics)?;
    keys.required("name", diagnostics);
    let name = keys.id("name", diagnostics);
    let label = keys.text("label", diagnostics);
    let admin = keys.bool("admin", diagnostics).unwrap_or_default();
    let locales = keys.ids("locales", diagnostics);
    let grid = keys.member("permissions");
    if let Some(grid) = grid.filter(|_| admin) {
        let message =
            "the grid of a group of administrators counts for nothing: its members may do everything";
        diagnostics.push(Diagnostic::new(Code::IgnoredPart, grid.key.span, message));
    }
    let cells = grid
        .filter(|_| !admin)
        .map(|grid| read_grid(&grid.value, diagnostics));
    keys.finish(diagnostics);
    Some(GroupRow {
        name: name?,
        title: Title {
            text: label.map(|label| label.value),
            ..Title::default()
        },
        admin,
        locales,
        cells: cells.unwrap_or_default(),
        origin: json.span,
    })
}

fn read_grid(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Vec<Cell> {
    let mut cells = Vec::new();
    for Member { key, value } in read_members(json, "`permissions`", diagnostics).unwrap_or_default() {
        let named = check_id(
            &key.value,
            key.span,
            "the name of a type",
            Empty::Refused,
            diagnostics,
        );
        let what = format!("the permissions on {}", quote(&key.value));
        let permissions = read_ids(value, &what, Empty::Refused, diagnostics);
        if let (true, Some(permissions)) = (named, permissions) {
            cells.push(Cell {
                doc_type: key.clone(),
                permissions,
                origin: key.span.to(value.span),
            });
        }
    }
    cells
}

/// Complains about what no grid can hold, and takes away what depends on a permission that is not there.
pub(super) fn settle_group(group: &mut GroupRow, types: &[DocType], diagnostics: &mut Vec<Diagnostic>) {
    group.cells.retain(|cell| check_cell(cell, types, diagnostics));
    for cell in &mut group.cells {
        let custom = types
            .iter()
            .find(|found| found.name.value == cell.doc_type.value)
            .map_or(&[][..], |found| &found.permissions);
        check_names(cell, custom, diagnostics);
        settle_cell(cell, custom, diagnostics);
    }
}

fn check_cell(cell: &Cell, types: &[DocType], diagnostics: &mut Vec<Diagnostic>) -> bool {
    let name = &cell.doc_type;
    let Some(found) = types.iter().find(|found| found.name.value == name.value) else {
        let message = format!("there is no type {}", quote(&name.value));
        let help = suggestion(&name.value, types.iter().map(|found| found.name.value.as_str()));
        let diagnostic = Diagnostic::new(Code::UnknownCollection, name.span, message);
        diagnostics.push(Diagnostic { help, ..diagnostic });
        return false;
    };
    let problem = if found.name.value == USER {
        "people are managed by groups of administrators alone"
    } else if found.kind == Kind::Page && found.name.value != PAGES {
        "the grid has one row for all pages, `@apostrophecms/any-page-type`"
    } else {
        return true;
    };
    let message = format!(
        "permissions on {} count for nothing: {problem}",
        quote(&name.value)
    );
    diagnostics.push(Diagnostic::new(Code::IgnoredPart, name.span, message));
    false
}

fn check_names(cell: &mut Cell, custom: &[CustomPermission], diagnostics: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = GRID
        .into_iter()
        .chain(custom.iter().map(|each| each.name.value.as_str()))
        .collect();
    cell.permissions.retain(|permission| {
        let is_known = known.contains(&permission.value.as_str());
        if !is_known {
            let message = format!(
                "{} has no permission {}",
                quote(&cell.doc_type.value),
                quote(&permission.value)
            );
            let help = suggestion(&permission.value, known.iter().copied());
            let diagnostic = Diagnostic::new(Code::UnknownPermission, permission.span, message);
            diagnostics.push(Diagnostic { help, ..diagnostic });
        }
        is_known
    });
}

/// Takes permissions away whose needs are not met, until nothing more goes.
fn settle_cell(cell: &mut Cell, custom: &[CustomPermission], diagnostics: &mut Vec<Diagnostic>) {
    loop {
        let lacking = cell.permissions.iter().position(|permission| {
            let needs = custom.iter().find(|each| each.name.value == permission.value);
            needs.is_some_and(|needs| {
                let met = |need: &Spanned<String>| cell.permissions.iter().any(|has| has.value == need.value);
                !needs.requires.is_empty() && !needs.requires.iter().any(met)
            })
        });
        let Some(index) = lacking else { return };
        let permission = cell.permissions.remove(index);
        let needs: Vec<String> = custom
            .iter()
            .filter(|each| each.name.value == permission.value)
            .flat_map(|each| each.requires.iter().map(|need| quote(&need.value)))
            .collect();
        let message = format!(
            "{} counts for nothing without {}",
            quote(&permission.value),
            needs.join(" or ")
        );
        diagnostics.push(Diagnostic::new(Code::IgnoredPart, permission.span, message));
    }
}

impl GroupRow {
    /// Returns the row of the grid for a type.
    pub(super) fn find_cell(&self, found: &DocType) -> Option<&Cell> {
        let row = Self::row_of(found);
        self.cells.iter().find(|cell| cell.doc_type.value == row)
    }

    /// Returns the name of the row of the grid that a type has.
    pub(super) fn row_of(found: &DocType) -> &str {
        match found.kind {
            Kind::Page => PAGES,
            Kind::Piece => found.name.value.as_str(),
        }
    }

    /// Tells whether a row of the grid gives a permission; without a name, whether any does.
    pub(super) fn gives(&self, permission: &str, row: Option<&str>) -> bool {
        let mut cells = self.cells.iter();
        cells.any(|cell| row.is_none_or(|row| cell.doc_type.value == row) && cell.has(permission))
    }

    /// Tells whether the group has any right at all.
    pub(super) fn has_any_right(&self) -> bool {
        self.cells.iter().any(|cell| !cell.permissions.is_empty())
    }

    /// Tells whether the group has a permission that the project has invented.
    pub(super) fn has_custom(&self, name: &str, found: &DocType) -> bool {
        self.find_cell(found).is_some_and(|cell| cell.has(name))
    }

    /// Returns what members may do with documents of a type, or of any type; the group brings its view only where it brings
    /// more than that, since all others have it by having signed in.
    pub(super) fn rights(&self, found: Option<&DocType>, views: bool) -> Rights {
        let has = |name: &str| match found {
            Some(found) => self.find_cell(found).is_some_and(|cell| cell.has(name)),
            None => self.cells.iter().any(|cell| cell.has(name)),
        };
        let publish = has("publish");
        let level = |name: &str| match (has(name), publish) {
            (false, _) => Level::None,
            (true, false) => Level::Draft,
            (true, true) => Level::Any,
        };
        Rights {
            view: views && GRID.into_iter().any(has),
            create: level("create"),
            edit: level("edit"),
            publish,
            delete: publish && has("delete"),
        }
    }
}

impl Cell {
    fn has(&self, name: &str) -> bool {
        self.permissions.iter().any(|permission| permission.value == name)
    }
}
