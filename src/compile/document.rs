//! Grants on documents: their words become ids, and they are put in order by document.

use rustc_hash::FxHashMap;

use crate::model::bits::Bits;
use crate::model::document::{DocumentGrants, GrantKind, Page};
use crate::model::id::{CollectionId, RoleId};
use crate::policy::Policy;
use crate::vocab::sheet::KindOf;

use super::intern::Interner;

pub(super) fn compile_document_grants(policy: &Policy, interner: &mut Interner<'_>) {
    let mut kinds: Vec<GrantKind> = Vec::new();
    let mut numbers: FxHashMap<(CollectionId, bool, Vec<usize>, Vec<RoleId>), u32> = FxHashMap::default();
    let mut pages = Vec::new();
    for part in policy.document_grants.parts() {
        let mut number = |kind: KindOf<'_>| {
            let (collection, actions, roles) = words(kind, interner);
            let next = u32::try_from(kinds.len()).unwrap_or(u32::MAX);
            let key = (collection, kind.descendants(), actions, roles);
            *numbers
                .entry(key)
                .or_insert_with_key(|(_, descendants, actions, roles)| {
                    kinds.push(GrantKind {
                        collection,
                        actions: Bits::of(actions.iter().copied()),
                        roles: roles.as_slice().into(),
                        descendants: *descendants,
                    });
                    next
                })
        };
        let numbers = part.sheet.kinds().map(&mut number).collect();
        let (file, first_line) = (interner.path(part.file), interner.first_line(part.file));
        let mut page = Page::new(part.sheet.clone(), numbers, file, first_line);
        if part.sheet.text().is_empty() {
            let rows = part.sheet.rows().iter();
            page.places = rows
                .map(|row| interner.position(part.span(row.start, row.start)))
                .collect();
        }
        pages.push(page);
    }
    interner.model.document_grants = DocumentGrants::new(pages, kinds);
}

/// Returns what a kind is about as ids.
fn words(kind: KindOf<'_>, interner: &mut Interner<'_>) -> (CollectionId, Vec<usize>, Vec<RoleId>) {
    let model = &mut interner.model;
    let collection = CollectionId::new(model.collection_names.intern(kind.collection().name));
    let actions = kind
        .actions()
        .map(|action| model.action_names.intern(action.name));
    let actions = actions.collect();
    let roles = kind
        .roles()
        .filter_map(|role| model.roles.names.id::<RoleId>(role.name));
    (collection, actions, roles.collect())
}
