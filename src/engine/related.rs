//! Which related items a grant of the same action admits: what `_some_permitted` counts.

use std::borrow::Cow;

use crate::model::bits::Bits;
use crate::model::grant::{Grant, Held, Mask, Scope};
use crate::model::id::{ActionId, CollectionId, StateId};
use crate::vocab::limits::PERMITTED_DEPTH_MAX;
use crate::vocab::value::{Value, View};

use super::compare::view_text;
use super::condition::{Item, Notes, Scene, Truth};
use super::facts::{Position, State};
use super::role::counts;

/// Tells whether the subject's grants of this action admit a related item; without any such grant every item is admitted.
///
/// The roles are those that are held site-wide, and that of the owner where the subject owns the related item: local roles
/// are of the item that the question is about.
pub(super) fn admits<'s, 'm: 's>(
    scene: &Scene<'s>,
    collection: CollectionId,
    action: ActionId,
    item: &'s Value<'s>,
    notes: &mut Notes<'m>,
) -> Truth {
    let facts = scene.facts;
    if facts.effective.administrator.is_some() {
        return Truth::True;
    }
    if scene.depth >= PERMITTED_DEPTH_MAX {
        notes.fault = true;
        return Truth::Open;
    }
    let owner = owner_of(scene, collection, item);
    let owns = owner
        .as_deref()
        .is_some_and(|owner| !owner.is_empty() && facts.identity.id == Some(owner));
    let mut roles = facts.effective.site.clone();
    if owns {
        for role in facts
            .model
            .roles
            .owner
            .iter()
            .filter_map(|role| facts.model.roles.row(*role))
        {
            roles.union(&role.closure);
        }
    }
    let state = state_of(scene, collection, item);
    let position = Position {
        target: state.clone(),
        state,
        stays: Truth::True,
    };
    let mut admitted = Truth::False;
    let mut has_grant = false;
    for id in facts
        .model
        .allows
        .find(Some(collection), action)
        .into_iter()
        .flatten()
    {
        let Some(grant) = facts.model.grant(*id) else {
            continue;
        };
        if !is_held(grant, &roles, &facts.effective.site) {
            continue;
        }
        if grant.selection.except_collections.contains(&collection) {
            continue;
        }
        has_grant = true;
        let mut truth = position
            .is_in(&grant.selection.states)
            .and(position.leads_to(grant.selection.to_states.as_ref()))
            .and(Truth::of(in_scope(scene, grant, owner.as_deref(), owns)));
        if let Some(networks) = grant.networks.as_deref() {
            truth = truth.and(Truth::of(counts(Some(networks), facts.address())));
        }
        if truth != Truth::False
            && let Some(program) = grant.selection.when.and_then(|when| facts.model.condition(when))
        {
            let inner = Scene {
                item: Item::Related(item.view()),
                state: None,
                depth: scene.depth + 1,
                ..*scene
            };
            let mut inner_notes = Notes::new();
            truth = truth.and(inner.run(program, &mut inner_notes));
            notes.fault |= inner_notes.fault;
        }
        admitted = admitted.or(truth);
        if admitted == Truth::True {
            break;
        }
    }
    if has_grant { admitted } else { Truth::True }
}

fn is_held(grant: &Grant, roles: &Bits, site: &Bits) -> bool {
    let held = match grant.selection.held {
        Held::Anywhere => roles,
        Held::Site | Held::Shared => site,
    };
    match &grant.selection.roles {
        Mask::Any => true,
        Mask::Only(only) => only.intersects(held),
        Mask::Except(except) => !held.is_within(except),
    }
}

fn in_scope(scene: &Scene<'_>, grant: &Grant, owner: Option<&str>, owns: bool) -> bool {
    match grant.selection.scope {
        Scope::Any => true,
        Scope::Mine => owns,
        Scope::Role => {
            owns || owner.filter(|owner| !owner.is_empty()).is_some_and(|owner| {
                let others = super::role::roles_of_other(scene.facts.model, owner, &[]);
                match &grant.selection.roles {
                    Mask::Only(roles) => others.intersection(roles).intersects(&scene.facts.effective.site),
                    Mask::Any | Mask::Except(_) => others.intersects(&scene.facts.effective.site),
                }
            })
        }
    }
}

fn owner_of<'s>(scene: &Scene<'s>, collection: CollectionId, item: &'s Value<'s>) -> Option<Cow<'s, str>> {
    let row = scene.facts.model.collection(collection)?;
    let Value::Object(object) = item else { return None };
    match object.get(row.owner_field.as_deref()?)? {
        Value::Object(owner) => view_text(owner.get("id")?.view()),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) => {
            view_text(value.view())
        }
    }
}

fn state_of<'s>(scene: &Scene<'s>, collection: CollectionId, item: &'s Value<'s>) -> State<'s> {
    let model = scene.facts.model;
    let Some(row) = model.collection(collection).filter(|row| row.has_states()) else {
        return State::None;
    };
    let field = row.state_field.as_deref();
    let value = match item.view() {
        View::Object(object) => field.and_then(|field| object.get(field)),
        View::Null | View::Bool(_) | View::Number(_) | View::Text(_) | View::List(_) => None,
    };
    match value {
        None => State::Open,
        Some(value) => match view_text(value.view()) {
            Some(text) => {
                let id = model.state_names.find(&text).map(StateId::new);
                State::Named(text, id)
            }
            None => State::None,
        },
    }
}
