//! What there is to complain about before and around the reading of a profile: its directory, its id, its bases.

use std::collections::HashSet;

use crate::dialect::profile::ProfileFile;
use crate::load::chain::{Base, Link};
use crate::load::discover::{ProblemKind, ScannedProfile};
use crate::load::profile::Done;
use crate::source::code::Code;
use crate::source::diagnostic::{self, Diagnostic, Severity, quote};
use crate::source::file::SourceMap;
use crate::source::span::Span;
use crate::vocab::limits::BASES_MAX;

/// Makes complaints of what is wrong with the directory.
pub(super) fn report_problems(
    scanned: &ScannedProfile,
    map: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for problem in &scanned.problems {
        let code = match problem.kind {
            ProblemKind::Unreadable
            | ProblemKind::Changing
            | ProblemKind::Dangling
            | ProblemKind::LeavesRoot
            | ProblemKind::Cycle
            | ProblemKind::Duplicate
            | ProblemKind::NotAFile
            | ProblemKind::NameNotText
            | ProblemKind::Stray => Code::UnreadableFile,
            ProblemKind::TooDeep | ProblemKind::TooManyFiles | ProblemKind::TooManyEntries => {
                Code::TooManyFiles
            }
            ProblemKind::FileTooLarge | ProblemKind::ProfileTooLarge => Code::FileTooLarge,
            ProblemKind::Empty => Code::EmptyDirectory,
        };
        let span = place(&problem.path, map);
        diagnostics.push(Diagnostic::new(code, span, problem.message.as_str()));
    }
}

/// Complains about the profile's id and about bases that cannot be had.
pub(super) fn report_links(
    link: &Link<'_>,
    own: &ProfileFile,
    done: &Done,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if let Some(twin) = &link.twin {
        let (id, twin) = (quote(&link.id), quote(twin));
        let message = format!("the directory {twin} holds a profile with the id {id}, too");
        let complaint = Diagnostic::new(Code::DuplicateId, own.origin, message);
        diagnostics.push(complaint.help("give each profile an `id` of its own in its `profile.json`"));
    }
    if let Some(circle) = &link.circle {
        let ids: Vec<String> = circle.iter().map(|id| quote(id)).collect();
        let message = format!(
            "profiles extend each other in a circle: {}",
            ids.join(" extends ")
        );
        let span = own.extends.first().map_or(own.origin, |id| id.span);
        diagnostics.push(Diagnostic::new(Code::ExtendsCycle, span, message));
        return;
    }
    for (base, id) in link.bases.iter().zip(&own.extends) {
        let name = quote(&id.value);
        let complaint = match *base {
            Base::Unknown => {
                let ids = done.iter().flatten().map(|other| other.id.as_ref());
                let near = diagnostic::did_you_mean(&id.value, ids)
                    .map(|near| format!("did you mean {}?", quote(near)));
                let mut complaint =
                    Diagnostic::new(Code::UnknownBase, id.span, format!("there is no profile {name}"));
                complaint.help = near;
                complaint
            }
            Base::Ambiguous => Diagnostic::new(
                Code::ExtendsBroken,
                id.span,
                format!("several profiles have the id {name}"),
            ),
            Base::TooMany => {
                let message = format!("a profile extends at most {BASES_MAX} others");
                Diagnostic::new(Code::UnknownBase, id.span, message)
            }
            Base::Found(index) => {
                let loaded = done.get(index).and_then(Option::as_ref);
                if loaded.is_some_and(|loaded| loaded.model.is_some()) {
                    continue;
                }
                Diagnostic::new(
                    Code::ExtendsBroken,
                    id.span,
                    format!("the profile {name} is broken"),
                )
                .help("mend that profile first; its own complaints say how")
            }
        };
        diagnostics.push(complaint);
    }
}

/// Drops warnings that a base was given already, since its files were read once more.
pub(super) fn drop_complaints_of_bases(
    bases: &[usize],
    done: &Done,
    map: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let bases = bases
        .iter()
        .filter_map(|&base| done.get(base).and_then(Option::as_ref));
    let known: HashSet<(Code, &str, u32, &str)> = bases
        .flat_map(|base| {
            base.diagnostics
                .iter()
                .map(|complaint| (complaint, &base.sources))
        })
        .map(|(complaint, map)| key(complaint, map))
        .collect();
    diagnostics
        .retain(|complaint| complaint.severity == Severity::Error || !known.contains(&key(complaint, map)));
}

fn key<'d>(complaint: &'d Diagnostic, map: &'d SourceMap) -> (Code, &'d str, u32, &'d str) {
    (
        complaint.code,
        map.path(complaint.span.file),
        complaint.span.start,
        &complaint.message,
    )
}

/// Makes the complaint about a fault of ours.
pub(super) fn fault(origin: Span) -> Diagnostic {
    Diagnostic::new(Code::Fault, origin, "this profile makes Placet itself fail")
        .help("please report this with the profile, or with a part of it that still fails")
}

/// Returns the place of something on disk that has no text.
pub(super) fn place(path: &str, map: &mut SourceMap) -> Span {
    let file = map.add(path.to_owned(), String::new());
    Span::new(file, 0, 0)
}
