//! Who lies over whom: ids, bases, and the order in which profiles can be loaded.
//!
//! Only the profile files are read for this, in a source map that nobody sees; complaints about their text are made when
//! the profile itself is loaded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::dialect::profile::ProfileFile;
use crate::dialect::{self, Dialect};
use crate::load::LoadedProfile;
use crate::load::discover::{Scan, ScannedProfile};
use crate::load::profile::{layered_names, read_profile_file};
use crate::source::file::SourceMap;
use crate::vocab::limits::BASES_MAX;

/// One profile directory as far as its profile file tells.
pub(super) struct Link<'s> {
    pub(super) scanned: &'s ScannedProfile,
    pub(super) id: Arc<str>,
    pub(super) dialect: Option<&'static dyn Dialect>,
    /// What each entry of `extends` leads to.
    pub(super) bases: Vec<Base>,
    /// Another directory with the same id.
    pub(super) twin: Option<String>,
    /// The ids along a circle of bases in which the profile lies.
    pub(super) circle: Option<Vec<Arc<str>>>,
}

/// What an entry of `extends` leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// A profile, by its index in the scan.
    Found(usize),
    /// No profile has the id.
    Unknown,
    /// Several profiles have the id.
    Ambiguous,
    /// The profile has more bases than the limit, and this is one of those beyond it.
    TooMany,
}

/// All profiles of a scan, with the way from each to its bases.
pub(super) struct Chains<'s> {
    links: Vec<Link<'s>>,
    order: Vec<usize>,
    chains: Vec<Vec<usize>>,
}

impl<'s> Chains<'s> {
    /// Reads the profile files and finds the bases.
    pub(super) fn find(scan: &'s Scan, previous: &[Arc<LoadedProfile>]) -> Self {
        let mut files = Vec::with_capacity(scan.profiles.len());
        let mut links: Vec<Link<'s>> = Vec::with_capacity(scan.profiles.len());
        for scanned in &scan.profiles {
            let file = open_profile_file(scanned, previous);
            links.push(Link {
                scanned,
                id: file.id.as_str().into(),
                dialect: None,
                bases: Vec::new(),
                twin: None,
                circle: None,
            });
            files.push(file);
        }
        resolve(&mut links, &files);
        let order = sort_bases_first(&mut links);
        let chains = flatten(&links, &order);
        for &index in &order {
            let inherited = links
                .get(index)
                .and_then(|link| link.bases.iter().rev().find_map(|&base| dialect_of(base, &links)));
            if let (Some(link), Some(file)) = (links.get_mut(index), files.get(index)) {
                link.dialect = find_dialect(file, link.scanned).or_else(|| {
                    // A file that names a dialect names an unknown one: that is a complaint, not a gap to fill.
                    inherited.filter(|_| file.dialect.is_none())
                });
            }
        }
        Self { links, order, chains }
    }

    /// Returns the indices of all profiles, each after its bases; profiles of a circle stand in some order.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Returns what is known of a profile.
    pub(super) fn link(&self, index: usize) -> Option<&Link<'s>> {
        self.links.get(index)
    }

    /// Returns the indices of the profiles that a profile consists of, in the order in which they are laid over each other; the last is
    /// the profile itself.
    pub(super) fn chain(&self, index: usize) -> &[usize] {
        self.chains.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the digest of a profile: of everything that its load can see.
    pub(super) fn digest(&self, index: usize) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for link in self.chain(index).iter().filter_map(|&member| self.link(member)) {
            let mut part = |bytes: &[u8]| {
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            };
            part(link.id.as_bytes());
            part(&link.scanned.digest);
            part(link.twin.as_deref().unwrap_or_default().as_bytes());
            let marks: Vec<u8> = link.bases.iter().map(|base| base.mark()).collect();
            part(&marks);
            part(link.circle.iter().flatten().cloned().collect::<Vec<_>>().join("\n").as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

impl Base {
    fn mark(self) -> u8 {
        match self {
            Self::Found(_) => 0,
            Self::Unknown => 1,
            Self::Ambiguous => 2,
            Self::TooMany => 3,
        }
    }
}

/// Reads a profile file without keeping its complaints.
fn open_profile_file(scanned: &ScannedProfile, previous: &[Arc<LoadedProfile>]) -> ProfileFile {
    let (mut map, mut unseen) = (SourceMap::new(), Vec::new());
    let (mut file, is_whole) = read_profile_file(scanned, &mut map, &mut unseen);
    if !is_whole {
        // While a profile file is broken its directory stays the profile that it was, or its last good version would look
        // as if it had been removed.
        let earlier = previous.iter().find(|earlier| earlier.directory == scanned.name);
        file.id = earlier.map_or(file.id, |earlier| earlier.id.as_ref().to_owned());
    }
    file
}

fn find_dialect(file: &ProfileFile, scanned: &ScannedProfile) -> Option<&'static dyn Dialect> {
    dialect::find_dialect(file, &layered_names(scanned, file), &mut Vec::new())
}

fn dialect_of(base: Base, links: &[Link<'_>]) -> Option<&'static dyn Dialect> {
    match base {
        Base::Found(index) => links.get(index).and_then(|link| link.dialect),
        Base::Unknown | Base::Ambiguous | Base::TooMany => None,
    }
}

fn resolve(links: &mut [Link<'_>], files: &[ProfileFile]) {
    let mut by_id: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
    for (index, link) in links.iter().enumerate() {
        by_id.entry(Arc::clone(&link.id)).or_default().push(index);
    }
    let directories: Vec<String> = links.iter().map(|link| link.scanned.name.clone()).collect();
    for (index, (link, file)) in links.iter_mut().zip(files).enumerate() {
        let twin = by_id.get(&link.id).and_then(|all| all.iter().find(|&&other| other != index));
        link.twin = twin.and_then(|&other| directories.get(other).cloned());
        let resolve_one = |(count, id): (usize, &str)| {
            if count >= BASES_MAX {
                return Base::TooMany;
            }
            match by_id.get(id).map(Vec::as_slice) {
                Some([only]) => Base::Found(*only),
                Some(_) => Base::Ambiguous,
                None => Base::Unknown,
            }
        };
        let ids = file.extends.iter().map(|id| id.value.as_str());
        link.bases = ids.enumerate().map(resolve_one).collect();
    }
}

/// Orders profiles so that each comes after its bases, and marks those that lie in a circle.
fn sort_bases_first(links: &mut [Link<'_>]) -> Vec<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; links.len()];
    let mut order = Vec::with_capacity(links.len());
    for start in 0..links.len() {
        // The way from `start` to where we stand, each with the number of its bases that were looked at.
        let mut way = vec![(start, 0)];
        while let Some((index, seen)) = way.pop() {
            let Some(mark) = marks.get_mut(index) else { continue };
            if *mark == Mark::Done {
                continue;
            }
            *mark = Mark::Open;
            let base = links.get(index).and_then(|link| link.bases.get(seen).copied());
            let Some(base) = base else {
                *mark = Mark::Done;
                order.push(index);
                continue;
            };
            way.push((index, seen + 1));
            let Base::Found(base) = base else { continue };
            match marks.get(base) {
                Some(Mark::New) => way.push((base, 0)),
                Some(Mark::Open) => mark_circle(links, &way, base),
                Some(Mark::Done) | None => {}
            }
        }
    }
    order
}

/// Marks every profile on the way from `first` to its end, which extends `first`.
fn mark_circle(links: &mut [Link<'_>], way: &[(usize, usize)], first: usize) {
    let members: Vec<usize> =
        way.iter().map(|&(index, _)| index).skip_while(|&index| index != first).collect();
    let ids = |from: usize| -> Vec<Arc<str>> {
        let round = members.iter().cycle().skip(from).take(members.len() + 1);
        round.filter_map(|&index| links.get(index)).map(|link| Arc::clone(&link.id)).collect()
    };
    let circles: Vec<_> = (0..members.len()).map(ids).collect();
    for (&index, circle) in members.iter().zip(circles) {
        if let Some(link) = links.get_mut(index) {
            link.circle.get_or_insert(circle);
        }
    }
}

/// Lists for each profile what it consists of: all that its bases consist of, each once and where it first appears, then
/// itself.
fn flatten(links: &[Link<'_>], order: &[usize]) -> Vec<Vec<usize>> {
    let mut chains: Vec<Vec<usize>> = vec![Vec::new(); links.len()];
    for &index in order {
        let Some(link) = links.get(index) else { continue };
        let (mut chain, mut taken) = (Vec::new(), HashSet::new());
        // What a profile in a circle consists of cannot be said; it is broken whatever that is.
        let bases = if link.circle.is_some() { &[] } else { link.bases.as_slice() };
        for base in bases {
            let Base::Found(base) = *base else { continue };
            for &member in chains.get(base).map(Vec::as_slice).unwrap_or_default() {
                if taken.insert(member) {
                    chain.push(member);
                }
            }
        }
        chain.push(index);
        if let Some(place) = chains.get_mut(index) {
            *place = chain;
        }
    }
    chains
}
