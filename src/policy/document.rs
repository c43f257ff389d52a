//! Grants on single documents.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::source::span::{FileId, Span, Spanned};
use crate::vocab::sheet::{Entry, Grantee, KindOf, Named, Packer, Row, Sheet};

/// Actions, and roles, on one document, and perhaps on all that lies below it, for named users and groups.
#[derive(Clone, Debug, Hash)]
pub struct DocumentGrant {
    /// The collection of the document.
    pub collection: Spanned<String>,
    /// The id of the document.
    pub document: Spanned<String>,
    /// Actions.
    pub actions: Vec<Spanned<String>>,
    /// Roles that they hold on the document, as if the request said so.
    pub roles: Vec<Spanned<String>>,
    /// Ids of users.
    pub users: Vec<Spanned<String>>,
    /// Groups.
    pub groups: Vec<Spanned<String>>,
    /// Whether it is for the items below the document as well, as far as none between blocks inheritance.
    pub descendants: bool,
    /// Where it is declared.
    pub origin: Span,
}

/// All grants on documents of a policy, packed; copying them costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct DocumentGrants {
    parts: Vec<Part>,
}

/// The grants of one piece of a file.
#[derive(Clone, Debug)]
pub struct Part {
    /// What the places in the sheet are places of.
    pub file: FileId,
    /// The grants.
    pub sheet: Arc<Sheet>,
}

impl Part {
    /// Returns the place of bytes of the sheet.
    pub fn span(&self, start: u32, end: u32) -> Span {
        Span::new(self.file, start, end)
    }

    /// Returns a name of the sheet with its place.
    pub fn spanned(&self, named: Named<'_>) -> Spanned<String> {
        Spanned::new(named.name.to_owned(), self.span(named.start, named.end))
    }

    fn spell_out(&self, row: &Row) -> Option<DocumentGrant> {
        let kind = self.sheet.kind(row)?;
        let origin = self.span(row.start, row.start);
        let at_origin = |name: &str| Spanned::new(name.to_owned(), origin);
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        for holder in self.sheet.holders(row) {
            match holder {
                Grantee::User(id) => users.push(at_origin(id)),
                Grantee::Group(name) => groups.push(at_origin(name)),
            }
        }
        Some(DocumentGrant {
            collection: self.spanned(kind.collection()),
            document: at_origin(self.sheet.document(row)),
            actions: kind.actions().map(|action| self.spanned(action)).collect(),
            roles: kind.roles().map(|role| self.spanned(role)).collect(),
            users,
            groups,
            descendants: kind.descendants(),
            origin,
        })
    }
}

impl DocumentGrants {
    /// Returns the pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Adds the grants of one more piece.
    pub fn push(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// Adds all of others at the end.
    pub fn append(&mut self, others: Self) {
        self.parts.extend(others.parts);
    }

    /// Drops all.
    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// Tells how many grants there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.sheet.rows().len()).sum()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the grant of a number, as far as its place goes.
    pub fn find_span(&self, number: usize) -> Option<Span> {
        let mut left = number;
        for part in &self.parts {
            match part.sheet.rows().get(left) {
                Some(row) => return Some(part.span(row.start, row.start)),
                None => left = left.saturating_sub(part.sheet.rows().len()),
            }
        }
        None
    }

    /// Returns what the grants give, kind by kind; a kind comes once for each piece that has it.
    pub fn kinds(&self) -> impl Iterator<Item = KindOf<'_>> {
        self.parts.iter().flat_map(|part| part.sheet.kinds())
    }

    fn close(&mut self, open: Option<(FileId, Packer)>) {
        self.parts.extend(open.map(|(file, packer)| Part {
            file,
            sheet: Arc::new(packer.finish(false, true)),
        }));
    }

    /// Returns the grants one by one, spelt out; of places that of the grant stands for those of ids.
    pub fn iter(&self) -> impl Iterator<Item = DocumentGrant> {
        self.parts.iter().flat_map(|part| {
            let rows = part.sheet.rows().iter();
            rows.filter_map(|row| part.spell_out(row))
        })
    }
}

/// Packs grants that do not stand in a file of their own.
impl FromIterator<DocumentGrant> for DocumentGrants {
    fn from_iter<I: IntoIterator<Item = DocumentGrant>>(grants: I) -> Self {
        let mut all = Self::default();
        let mut open: Option<(FileId, Packer)> = None;
        for grant in grants {
            let file = grant.origin.file;
            let (_, mut packer) = match open.take() {
                Some(same) if same.0 == file => same,
                before => {
                    all.close(before);
                    (file, Packer::new(Arc::default()))
                }
            };
            pack(&grant, &mut packer);
            open = Some((file, packer));
        }
        all.close(open);
        all
    }
}

impl Hash for DocumentGrants {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        for part in &self.parts {
            part.sheet
                .rows()
                .iter()
                .for_each(|row| hash_row(&part.sheet, row, state));
        }
    }
}

/// Hashes what a grant says, wherever it stands.
pub(super) fn hash_row(sheet: &Sheet, row: &Row, state: &mut impl Hasher) {
    if let Some(kind) = sheet.kind(row) {
        (kind.collection().name, kind.descendants()).hash(state);
        kind.actions().for_each(|action| action.name.hash(state));
        kind.roles().for_each(|role| ("role", role.name).hash(state));
    }
    sheet.document(row).hash(state);
    sheet.holders(row).for_each(|holder| holder.hash(state));
}

/// Packs a grant whose places are those of the text of the packer.
pub fn pack(grant: &DocumentGrant, packer: &mut Packer) {
    fn named(name: &Spanned<String>) -> Named<'_> {
        Named {
            name: &name.value,
            start: name.span.start,
            end: name.span.end,
        }
    }
    fn all(names: &[Spanned<String>]) -> SmallVec<[Named<'_>; 8]> {
        names.iter().map(named).collect()
    }
    packer.add(&Entry {
        collection: named(&grant.collection),
        document: named(&grant.document),
        actions: &all(&grant.actions),
        roles: &all(&grant.roles),
        users: &all(&grant.users),
        groups: &all(&grant.groups),
        descendants: grant.descendants,
        start: grant.origin.start,
        end: grant.origin.end,
    });
}
