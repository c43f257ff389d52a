//! Allows that a deny for everybody takes back entirely.

use rustc_hash::FxHashMap;

use crate::policy::Selector;
use crate::policy::grant::{Grant, Held, Scope};
use crate::policy::role::Implicit;
use crate::source::code::Code;
use crate::source::diagnostic::Diagnostic;
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::Effect;

use super::names::Names;
use super::report::Report;

/// The actions that a deny names for a collection, and where it stands.
type Both<'p> = (&'p [Spanned<String>], Span);

/// The denies that refuse everybody whatever the item, by what they refuse.
#[derive(Default)]
pub(super) struct Shadows<'p> {
    everything: Option<Span>,
    by_collection: FxHashMap<&'p str, Span>,
    by_action: FxHashMap<&'p str, Span>,
    /// Denies that name both: by collection, the actions.
    by_both: FxHashMap<&'p str, Vec<Both<'p>>>,
}

impl<'p> Shadows<'p> {
    /// Collects the denies of a policy that refuse without a condition; those that except something are not looked at.
    pub(super) fn new(names: &Names<'p>) -> Self {
        let mut shadows = Self::default();
        for deny in names
            .policy
            .grants
            .iter()
            .filter(|grant| is_absolute(names, grant))
        {
            let origin = deny.origin;
            match (&deny.selection.collections, &deny.selection.actions) {
                (Selector::Any, Selector::Any) => shadows.everything = shadows.everything.or(Some(origin)),
                (Selector::Only(collections), Selector::Any) => collections.iter().for_each(|collection| {
                    shadows.by_collection.entry(&collection.value).or_insert(origin);
                }),
                (Selector::Any, Selector::Only(actions)) => actions.iter().for_each(|action| {
                    shadows.by_action.entry(&action.value).or_insert(origin);
                }),
                (Selector::Only(collections), Selector::Only(actions)) => {
                    collections.iter().for_each(|collection| {
                        shadows
                            .by_both
                            .entry(&collection.value)
                            .or_default()
                            .push((actions, origin));
                    })
                }
                (Selector::Except(_), _) | (_, Selector::Except(_)) => {}
            }
        }
        shadows
    }

    /// Warns of an allow of which nothing is left.
    pub(super) fn check_shadowed(&self, grant: &Grant, report: &mut Report<'_>) {
        if grant.effect != Effect::Allow {
            return;
        }
        if let Some(deny) = self.find_shadow(grant) {
            let message = "a deny for everybody refuses all that the allow is for";
            let diagnostic = Diagnostic::new(Code::UnmatchableGrant, grant.origin, message);
            report.add(diagnostic.label(deny, "the deny"));
        }
    }

    /// Returns a deny that takes part in refusing everything that the allow is for.
    fn find_shadow(&self, grant: &Grant) -> Option<Span> {
        if self.everything.is_some() {
            return self.everything;
        }
        let collections = only(&grant.selection.collections);
        let actions = only(&grant.selection.actions);
        let all_of = |list: Option<&[Spanned<String>]>, denied: &FxHashMap<&str, Span>| {
            let list = list.filter(|list| !list.is_empty() && !denied.is_empty())?;
            list.iter()
                .map(|name| denied.get(name.value.as_str()).copied())
                .collect::<Option<Vec<Span>>>()
        };
        let whole = all_of(collections, &self.by_collection).or_else(|| all_of(actions, &self.by_action));
        if let Some(first) = whole.and_then(|denies| denies.first().copied()) {
            return Some(first);
        }
        if self.by_both.is_empty() && (self.by_collection.is_empty() || self.by_action.is_empty()) {
            return None;
        }
        let (collections, actions) = (collections?, actions?);
        let pairs = collections
            .iter()
            .flat_map(|collection| actions.iter().map(move |action| (collection, action)));
        let denies: Option<Vec<Span>> = pairs
            .map(|(collection, action)| self.find(collection, action))
            .collect();
        denies.and_then(|denies| denies.first().copied())
    }

    fn find(&self, collection: &Spanned<String>, action: &Spanned<String>) -> Option<Span> {
        let both = self
            .by_both
            .get(collection.value.as_str())
            .map_or(&[][..], Vec::as_slice);
        let both = || {
            both.iter()
                .find(|(actions, _)| actions.iter().any(|each| each.value == action.value))
        };
        let one = self.by_collection.get(collection.value.as_str());
        let one = one.or_else(|| self.by_action.get(action.value.as_str())).copied();
        one.or_else(|| both().map(|(_, origin)| *origin))
    }
}

fn only(selector: &Selector) -> Option<&[Spanned<String>]> {
    match selector {
        Selector::Only(names) => Some(names),
        Selector::Any | Selector::Except(_) => None,
    }
}

/// Tells whether the grant is a deny that refuses everybody, whatever the item and wherever the request comes from.
fn is_absolute(names: &Names<'_>, grant: &Grant) -> bool {
    let selection = &grant.selection;
    let everybody = match &selection.roles {
        Selector::Any => true,
        Selector::Only(roles) => roles.iter().any(|role| is_everyone(names, &role.value)),
        Selector::Except(roles) => roles.is_empty(),
    };
    grant.effect == Effect::Deny
        && everybody
        && selection.held == Held::Anywhere
        && selection.states == Selector::Any
        && selection.to_states.is_none()
        && selection.scope == Scope::Any
        && selection.when.is_none()
        && grant.validate.is_none()
        && grant.fields == Selector::Any
        && grant.networks.is_none()
}

fn is_everyone(names: &Names<'_>, role: &str) -> bool {
    match names.roles.get(role) {
        Some(declared) => declared.implicit == Some(Implicit::Everyone) && declared.networks.is_none(),
        None => role == Implicit::Everyone.name() && names.implicit.contains(&role),
    }
}
