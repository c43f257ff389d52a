//! Whether a rule is for this question: roles, names, states, scope.

use std::collections::BTreeSet;

use placet::engine::query::Query;
use placet::policy::grant::{Held, Scope, Selection};
use placet::policy::workflow::Workflow;
use placet::policy::{Policy, Selector};

use super::bind::{self, Afterwards, Facts, State};
use super::kleene::Kleene;
use super::lookup;
use super::roles::{self, Roles};

/// One question with all its facts.
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) query: &'a Query<'static>,
    pub(crate) facts: Facts<'a>,
    pub(crate) roles: Roles,
    /// The roles of the owner of the item that is asked about.
    pub(crate) owner_names: Vec<String>,
    /// The roles of the owner of the item at hand, which may be a related one.
    pub(crate) owner_roles: BTreeSet<String>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(policy: &'a Policy, query: &'a Query<'static>) -> Result<Self, super::Malformed> {
        let facts = bind::bind(policy, query)?;
        let roles = roles::resolve(policy, query, &facts.owner);
        let by_attribute = lookup::owner_roles(&query.resource.attributes, facts.collection);
        let owner_names = roles::owner_names(policy, query, &facts.owner, by_attribute);
        let owner_roles = roles::owner_closure(policy, &facts.owner, &owner_names);
        let owner_names = owner_roles.iter().cloned().collect();
        Ok(Self {
            policy,
            query,
            facts,
            roles,
            owner_names,
            owner_roles,
        })
    }
}

/// Tells whether a workflow's selector of states is for a state.
pub(crate) fn state_matches(selector: &Selector, state: &State) -> Kleene {
    match (selector, state) {
        (Selector::Any, _) => Kleene::True,
        (_, State::Named(name)) => selector.selects(name).into(),
        (Selector::Only(_), State::None) => Kleene::False,
        (Selector::Except(_), State::None) => Kleene::True,
        (Selector::Only(_) | Selector::Except(_), State::Open) => Kleene::Open,
    }
}

/// Returns the states that offer a transition.
pub(crate) fn offering(workflow: &Workflow, transition: &str) -> Selector {
    let states = workflow
        .states
        .iter()
        .filter(|state| state.transitions.iter().any(|t| t.value == transition));
    Selector::Only(states.map(|state| state.id.clone()).collect())
}

fn target_matches(selection: &Selection, facts: &Facts<'_>) -> Kleene {
    let Some(target) = &selection.to_states else {
        return Kleene::True;
    };
    // Where nobody tells the state before or afterwards, whether it is the same is open, unless nothing moves it.
    let is_told = facts.state != State::Open && facts.afterwards != Afterwards::Unknown;
    let same = match (target.same, facts.stays || is_told) {
        (false, _) => Kleene::False,
        (true, true) => facts.stays.into(),
        (true, false) => Kleene::Open,
    };
    let named = |names: &Selector| match &facts.afterwards {
        Afterwards::Named(name) => names.names().iter().any(|each| each.value == *name).into(),
        Afterwards::Unknown => Kleene::Open,
        Afterwards::None => Kleene::False,
    };
    match &target.selector {
        Selector::Any => Kleene::True,
        names @ Selector::Only(_) => named(names).max(same),
        names @ Selector::Except(_) => named(names).max(same).not(),
    }
}

/// Returns the roles through which a selection is held; `None` if it binds everybody.
pub(crate) fn through<'r>(selection: &Selection, roles: &'r Roles) -> Option<Vec<&'r str>> {
    match &selection.roles {
        Selector::Any => None,
        named @ (Selector::Only(_) | Selector::Except(_)) => Some(
            roles
                .held(selection.held)
                .into_iter()
                .filter(|role| named.selects(role))
                .collect(),
        ),
    }
}

/// Tells whether a selection is for the subject; of some item that nobody told the owner of, the subject may be the owner.
fn holds(case: &Case<'_>, selection: &Selection) -> Kleene {
    if through(selection, &case.roles).is_none_or(|held| !held.is_empty()) {
        return Kleene::True;
    }
    let may_own =
        case.facts.owner_open && case.roles.identity.is_some() && case.roles.administrator.is_none();
    let as_owner = roles::of_owners(case.policy, case.query.context.ip);
    let fits = selection.held == Held::Anywhere && as_owner.iter().any(|role| selection.roles.selects(role));
    if may_own && fits {
        Kleene::Open
    } else {
        Kleene::False
    }
}

/// Tells whether a selection is for the roles, the collection, the action, and the states.
pub(crate) fn reaches(case: &Case<'_>, selection: &Selection, action: &str) -> Kleene {
    let collection = case.query.resource.collection;
    let names = selection.collections.selects(collection) && selection.actions.selects(action);
    Kleene::from(names)
        .min(holds(case, selection))
        .min(state_matches(&selection.states, &case.facts.state))
        .min(target_matches(selection, &case.facts))
}

/// Tells whether the item is in a selection's scope.
pub(crate) fn in_scope(case: &Case<'_>, selection: &Selection) -> Kleene {
    let owner = &case.facts.owner;
    let mine = !owner.is_empty() && Some(owner) == case.roles.identity.as_ref();
    let fits = match selection.scope {
        Scope::Any => true,
        Scope::Mine => mine,
        Scope::Role => {
            let held = through(selection, &case.roles).unwrap_or_else(|| case.roles.held(selection.held));
            mine || (!owner.is_empty() && held.iter().any(|role| case.owner_roles.contains(*role)))
        }
    };
    if !fits && case.facts.owner_open && case.roles.identity.is_some() {
        return Kleene::Open;
    }
    fits.into()
}
