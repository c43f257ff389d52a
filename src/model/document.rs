//! Grants on documents, and the way to those on one document.
//!
//! The grants stay packed in the sheets that `policy` has, too: versions of a policy share those that did not change. What is made
//! for a version is small: buckets of documents, in which the grants stand in the order of their declaration.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;

use crate::vocab::sheet::{Grantee, Row, Sheet};

use super::bits::Bits;
use super::id::{CollectionId, DocumentGrantId, RoleId};
use super::origin::Place;

/// Grants on single documents.
#[derive(Clone, Debug, Default)]
pub struct DocumentGrants {
    pages: Box<[Page]>,
    kinds: Box<[GrantKind]>,
    /// Where in `places` each bucket begins, and at last where the last one ends. INVARIANT: none at all, or a power of two and one.
    starts: Box<[u32]>,
    places: Box<[At]>,
    /// The buckets with very many holders, each with the places of its grants by the hash of a holder, sorted.
    crowds: FxHashMap<u32, Box<[(u32, At)]>>,
    any_descends: bool,
    any_roles: bool,
    count: usize,
}

/// The grants of one piece of a file.
#[derive(Clone, Debug)]
pub struct Page {
    /// The grants.
    pub sheet: Arc<Sheet>,
    /// What the kinds of the sheet stand for: the numbers of kinds of the model.
    pub kinds: Box<[u32]>,
    /// The file, relative to the root of the profiles.
    pub file: Arc<str>,
    /// The line of the file with which the piece begins, from one.
    pub first_line: u32,
    /// Line and column of each grant, if the sheet does not tell them itself.
    pub places: Box<[(u32, u32)]>,
    /// The number of its first grant.
    first: u32,
}

/// What a grant gives.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantKind {
    /// The collection of the document.
    pub collection: CollectionId,
    /// Actions.
    pub actions: Bits,
    /// Roles held on the document, in the order of their declaration.
    pub roles: Box<[RoleId]>,
    /// Whether it is for the items below the document as well.
    pub descendants: bool,
}

/// So many holders in one bucket are looked up and not gone through.
const CROWD_MIN: u32 = 64;

/// Where a grant stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    page: u32,
    row: u32,
    /// Bits of the hash of the document, so that the grants of another one are passed over unseen.
    tag: u32,
}

/// A grant on one document.
#[derive(Clone, Copy, Debug)]
pub struct DocumentGrant<'m> {
    /// Its id.
    pub id: DocumentGrantId,
    /// What it gives.
    pub kind: &'m GrantKind,
    sheet: &'m Sheet,
    row: &'m Row,
}

impl<'m> DocumentGrant<'m> {
    /// Returns who holds it.
    #[inline]
    pub fn holders(self) -> impl Iterator<Item = Grantee<'m>> {
        self.sheet.holders(self.row)
    }
}

impl Page {
    /// Makes a page of a sheet that begins with this line of a file.
    pub fn new(sheet: Arc<Sheet>, kinds: Box<[u32]>, file: Arc<str>, first_line: u32) -> Self {
        Self {
            sheet,
            kinds,
            file,
            first_line,
            places: Box::default(),
            first: 0,
        }
    }
}

impl DocumentGrants {
    /// Puts grants in order: pages as they follow each other, and the kinds that their numbers stand for.
    pub fn new(mut pages: Vec<Page>, kinds: Vec<GrantKind>) -> Self {
        let mut count = 0;
        for page in &mut pages {
            page.first = narrow(count);
            count += page.sheet.rows().len();
        }
        // One bucket for each grant; as many as there are documents would do.
        let buckets = if count == 0 { 0 } else { count.next_power_of_two() };
        let mut starts: Vec<u32> = vec![0; if count == 0 { 0 } else { buckets + 1 }];
        let mut found: Vec<(u32, u32)> = Vec::with_capacity(count);
        let mut holders: Vec<u32> = vec![0; buckets];
        for page in &pages {
            for row in page.sheet.rows() {
                let hash = hash_of(page.sheet.document(row));
                let bucket = bucket_of(hash, buckets);
                found.push((narrow(bucket), tag_of(hash)));
                if let Some(sum) = holders.get_mut(bucket) {
                    *sum = sum.saturating_add(page.sheet.count_holders(row));
                }
                if let Some(size) = starts.get_mut(bucket + 1) {
                    *size += 1;
                }
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut places = vec![At::default(); count];
        let mut next = starts.clone();
        let mut buckets_of_rows = found.into_iter();
        for (page, index) in pages.iter().zip(0..) {
            for (row, (bucket, tag)) in (0..narrow(page.sheet.rows().len())).zip(buckets_of_rows.by_ref()) {
                let Some(at) = next.get_mut(bucket as usize) else {
                    continue;
                };
                if let Some(place) = places.get_mut(*at as usize) {
                    *place = At {
                        page: index,
                        row,
                        tag,
                    };
                }
                *at += 1;
            }
        }
        let crowded = (0..).zip(&holders).filter(|(_, count)| **count >= CROWD_MIN);
        let crowds = crowded.map(|(bucket, _)| {
            let bounds = starts.get(bucket as usize).zip(starts.get(bucket as usize + 1));
            let places = bounds.and_then(|(start, end)| places.get(*start as usize..*end as usize));
            (bucket, crowd(&pages, places.unwrap_or_default()))
        });
        Self {
            crowds: crowds.collect(),
            any_descends: kinds.iter().any(|kind| kind.descendants),
            any_roles: kinds.iter().any(|kind| !kind.roles.is_empty()),
            pages: pages.into(),
            kinds: kinds.into(),
            starts: starts.into(),
            places: places.into(),
            count,
        }
    }

    /// Tells how many grants there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Tells whether any of them is for the items below its document as well.
    pub fn any_descends(&self) -> bool {
        self.any_descends
    }

    /// Tells whether any of them gives roles.
    pub fn any_roles(&self) -> bool {
        self.any_roles
    }

    /// Returns the sheets with all grants.
    pub fn sheets(&self) -> impl Iterator<Item = &Arc<Sheet>> {
        self.pages.iter().map(|page| &page.sheet)
    }

    /// Returns what the grants give, each kind once.
    pub fn kinds(&self) -> &[GrantKind] {
        &self.kinds
    }

    /// Returns the grants of somebody who is all of these, and perhaps of others whose keys are the same: each once, with the id
    /// of its document, in the order of their declaration.
    pub fn held_by<'m, 'h>(
        &'m self,
        holders: impl Iterator<Item = Grantee<'h>>,
    ) -> impl Iterator<Item = (&'m str, DocumentGrant<'m>)> {
        let keys: SmallVec<[u32; 8]> = holders.map(Grantee::key).collect();
        self.pages.iter().flat_map(move |page| {
            let mut held: SmallVec<[u32; 8]> = SmallVec::new();
            for key in &keys {
                held.extend(page.sheet.held_by(*key));
            }
            held.sort_unstable();
            held.dedup();
            held.into_iter().filter_map(move |index| {
                let row = page.sheet.rows().get(index as usize)?;
                Some((page.sheet.document(row), self.grant_of(page, index, row)?))
            })
        })
    }

    /// Returns the grants on a document, in the order of their declaration.
    #[inline]
    pub fn find(&self, collection: CollectionId, document: &str) -> impl Iterator<Item = DocumentGrant<'_>> {
        let hash = hash_of(document);
        let places = self.places_of(self.bucket_of(hash)).iter();
        let alike = places.filter(move |at| at.tag == tag_of(hash));
        alike.filter_map(move |at| self.grant_at(*at, collection, document))
    }

    /// Returns the grants on a document, in the order of their declaration; where there are very many, those that may be held by
    /// somebody who is all of these.
    #[inline]
    pub fn find_held<'m, 'h>(
        &'m self,
        collection: CollectionId,
        document: &'m str,
        holders: impl Iterator<Item = Grantee<'h>>,
    ) -> impl Iterator<Item = DocumentGrant<'m>> {
        let hash = hash_of(document);
        let bucket = self.bucket_of(hash);
        let mut few = SmallVec::new();
        let mut all = &[][..];
        if self.crowds.is_empty() {
            all = self.places_of(bucket);
        } else if let Some(crowd) = self.crowds.get(&narrow(bucket)) {
            few = pick(crowd, holders);
        } else {
            all = self.places_of(bucket);
        }
        let places = all.iter().copied().chain(few);
        let places = places.filter(move |at| at.tag == tag_of(hash));
        places.filter_map(move |at| self.grant_at(at, collection, document))
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> usize {
        bucket_of(hash, self.starts.len().saturating_sub(1))
    }

    #[inline]
    fn places_of(&self, bucket: usize) -> &[At] {
        let bounds = self.starts.get(bucket).zip(self.starts.get(bucket + 1));
        let places = bounds.and_then(|(start, end)| self.places.get(*start as usize..*end as usize));
        places.unwrap_or_default()
    }

    /// Returns the grant at a place, if it is on this document.
    #[inline]
    fn grant_at(&self, at: At, collection: CollectionId, document: &str) -> Option<DocumentGrant<'_>> {
        let page = self.pages.get(at.page as usize)?;
        let row = page.sheet.rows().get(at.row as usize)?;
        if page.sheet.document(row) != document {
            return None;
        }
        let grant = self.grant_of(page, at.row, row)?;
        (grant.kind.collection == collection).then_some(grant)
    }

    /// Returns the grant of a row of a page, which counts its rows.
    #[inline]
    fn grant_of<'m>(&'m self, page: &'m Page, index: u32, row: &'m Row) -> Option<DocumentGrant<'m>> {
        Some(DocumentGrant {
            id: DocumentGrantId::new((page.first + index) as usize),
            kind: self.kinds.get(*page.kinds.get(row.kind as usize)? as usize)?,
            sheet: &page.sheet,
            row,
        })
    }

    /// Returns where a grant was declared.
    pub fn origin(&self, id: DocumentGrantId) -> Option<Place<'_>> {
        let number = id.index();
        let next = self.pages.partition_point(|page| page.first as usize <= number);
        // Of pages that begin with the same number all but the last are empty.
        let page = self.pages.get(next.checked_sub(1)?)?;
        let index = number - page.first as usize;
        let row = page.sheet.rows().get(index)?;
        let own = (page.first_line + row.line, row.column);
        let (line, column) = page.places.get(index).copied().unwrap_or(own);
        Some(Place {
            file: &page.file,
            line,
            column,
        })
    }
}

#[inline]
fn hash_of(document: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(document.as_bytes());
    hasher.finish()
}

/// Returns the bucket of a document, of so many.
#[inline]
fn bucket_of(hash: u64, buckets: usize) -> usize {
    let last = (buckets as u64).saturating_sub(1);
    usize::try_from(hash & last).unwrap_or(usize::MAX)
}

/// Returns the bits of a hash that choose no bucket.
#[inline]
fn tag_of(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// Puts the places of grants in order by their holders.
fn crowd(pages: &[Page], places: &[At]) -> Box<[(u32, At)]> {
    let mut crowd = Vec::new();
    for at in places {
        let page = pages.get(at.page as usize);
        let row = page.and_then(|page| Some((page, page.sheet.rows().get(at.row as usize)?)));
        if let Some((page, row)) = row {
            crowd.extend(page.sheet.holders(row).map(|holder| (holder.key(), *at)));
        }
    }
    crowd.sort_unstable();
    crowd.into()
}

/// Returns the places of the grants that one of these may hold, in order and each once.
#[cold]
#[inline(never)]
fn pick<'h>(crowd: &[(u32, At)], holders: impl Iterator<Item = Grantee<'h>>) -> SmallVec<[At; 4]> {
    let mut few = SmallVec::new();
    for hash in holders.map(Grantee::key) {
        let start = crowd.partition_point(|(other, _)| *other < hash);
        let alike = crowd.iter().skip(start).take_while(|(other, _)| *other == hash);
        few.extend(alike.map(|(_, at)| *at));
    }
    few.sort_unstable();
    few.dedup();
    few
}

/// Narrows a number of grants; `validate` has counted them.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
