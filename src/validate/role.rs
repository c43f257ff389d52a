//! Roles, groups and known users.

use crate::policy::role::{Administrator, Group, Implicit, Role, RoleKind};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::span::Spanned;

use super::names::Names;
use super::report::Report;

/// Checks roles, groups and users.
pub(super) fn validate_roles(names: &Names<'_>, report: &mut Report<'_>) {
    let policy = names.policy;
    for role in &policy.roles {
        validate_role(names, role, report);
    }
    validate_implicit(&policy.roles, report);
    for path in find_cycles(names) {
        report_cycle(&path, report);
    }
    for group in &policy.groups {
        validate_group(names, group, report);
    }
    for user in &policy.users {
        user.roles.iter().for_each(|role| names.check_role(role, report));
        user.groups
            .iter()
            .for_each(|group| names.check_group(group, report));
    }
}

fn validate_role(names: &Names<'_>, role: &Role, report: &mut Report<'_>) {
    role.inherits
        .iter()
        .for_each(|inherited| names.check_role(inherited, report));
    let id = quote(&role.id.value);
    if role.networks.as_ref().is_some_and(Vec::is_empty) {
        let message = format!("the list of networks is empty, so the role {id} counts nowhere");
        report.add(Diagnostic::new(Code::EmptyList, role.id.span, message));
    }
    // Of bundles it is common: what they bring belongs to people who are no administrators by another way.
    if role.administrator == Administrator::No || role.kind != RoleKind::Role {
        return;
    }
    let is_ordinary = |name: &&Spanned<String>| {
        names
            .roles
            .get(name.value.as_str())
            .is_none_or(|role| role.administrator == Administrator::No)
    };
    if let Some(idle) = role.inherits.iter().find(is_ordinary) {
        let message = format!(
            "the administrator {id} inherits {}, which is put aside",
            quote(&idle.value)
        );
        let help =
            "an administrator is allowed everything already, and rules for what he inherits do not bind him";
        report.add(Diagnostic::new(Code::IdleInheritance, idle.span, message).help(help));
    }
}

fn validate_group(names: &Names<'_>, group: &Group, report: &mut Report<'_>) {
    group.roles.iter().for_each(|role| names.check_role(role, report));
    for within in group.context.iter().filter(|within| within.values.is_empty()) {
        let message = format!(
            "the list for {} is empty, so the group {} counts nowhere",
            quote(&within.attribute.value),
            quote(&group.id.value)
        );
        report.add(Diagnostic::new(Code::EmptyList, within.attribute.span, message));
    }
}

fn validate_implicit(roles: &[Role], report: &mut Report<'_>) {
    let mut first: [Option<&Role>; Implicit::ALL.len()] = [None; Implicit::ALL.len()];
    for role in roles {
        let place = Implicit::ALL
            .iter()
            .position(|implicit| Some(*implicit) == role.implicit);
        let Some((implicit, seen)) = role.implicit.zip(place.and_then(|place| first.get_mut(place))) else {
            continue;
        };
        let earlier = *seen.get_or_insert(role);
        // Two declarations of one role are another complaint.
        if earlier.id.value != role.id.value {
            let message = format!("two roles are implicit for {}", quote(implicit.name()));
            let diagnostic = Diagnostic::new(Code::DuplicateId, role.id.span, message)
                .label(earlier.id.span, "the first one")
                .help("let one of them inherit the other");
            report.add(diagnostic);
        }
    }
}

/// Returns the circles of inheritance, each once: its names in the order in which they bring each other.
fn find_cycles<'p>(names: &Names<'p>) -> Vec<Vec<&'p Spanned<String>>> {
    let roles = &names.policy.roles;
    let index: rustc_hash::FxHashMap<&str, usize> = roles
        .iter()
        .enumerate()
        .rev()
        .map(|(index, role)| (role.id.value.as_str(), index))
        .collect();
    let mut cycles = Vec::new();
    let mut colors = vec![Color::New; roles.len()];
    for start in 0..roles.len() {
        // A walk in depth with a stack of its own: (role, how many of its parents were followed).
        let mut walk: Vec<(usize, usize)> = vec![(start, 0)];
        if colors.get(start) != Some(&Color::New) {
            continue;
        }
        while let Some((role, followed)) = walk.last_mut() {
            set(&mut colors, *role, Color::Open);
            let parent = roles.get(*role).and_then(|role| role.inherits.get(*followed));
            *followed += 1;
            let Some(parent) = parent else {
                set(&mut colors, *role, Color::Done);
                walk.pop();
                continue;
            };
            let Some(next) = index.get(parent.value.as_str()).copied() else {
                continue;
            };
            match colors.get(next) {
                Some(Color::New) => walk.push((next, 0)),
                Some(Color::Open) => cycles.push(close_cycle(roles, &walk, next)),
                Some(Color::Done) | None => {}
            }
        }
    }
    cycles
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Color {
    New,
    Open,
    Done,
}

fn set(colors: &mut [Color], index: usize, color: Color) {
    if let Some(place) = colors.get_mut(index) {
        *place = color;
    }
}

/// Returns the names on the walk from the role where the circle closes, each as the one before it writes it.
fn close_cycle<'p>(roles: &'p [Role], walk: &[(usize, usize)], closing: usize) -> Vec<&'p Spanned<String>> {
    let circle = walk.iter().skip_while(|(role, _)| *role != closing);
    circle
        .filter_map(|(role, followed)| roles.get(*role)?.inherits.get(followed.checked_sub(1)?))
        .collect()
}

fn report_cycle(path: &[&Spanned<String>], report: &mut Report<'_>) {
    let (Some(first), Some(last)) = (path.first(), path.last()) else {
        return;
    };
    let names = std::iter::once(last).chain(path).map(|name| quote(&name.value));
    let message = format!(
        "roles inherit each other in a circle: {}",
        names.collect::<Vec<_>>().join(" → ")
    );
    report.add(Diagnostic::new(Code::Cycle, first.span, message));
}
