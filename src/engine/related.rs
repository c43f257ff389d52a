//! Which related items a grant of the same action admits: what `_some_permitted` counts.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::model::bits::Bits;
use crate::model::grant::{Grant, Held, Mask, Scope};
use crate::model::id::{ActionId, CollectionId};
use crate::vocab::limits::PERMITTED_DEPTH_MAX;
use crate::vocab::value::{Value, View};

use super::condition::{Item, Notes, Scene, Truth};
use super::facts::{Facts, Position, State, owner_of_value, state_by_value, told_owner_roles};
use super::role::{counts, of_owners, roles_of_owner};

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
    let mut roles = facts.effective.site().clone();
    if owns {
        roles.union(&of_owners(facts));
    }
    let owner_roles = match (owner.as_deref(), item) {
        (Some(id), Value::Object(attributes)) => {
            let told = told_owner_roles(facts.model.collection(collection), attributes);
            let names: Vec<&str> = told.iter().map(AsRef::as_ref).collect();
            roles_of_owner(facts.model, id, &names)
        }
        (None, _) | (Some(_), _) => Bits::default(),
    };
    let state = state_of(scene, collection, item);
    let position = Position::resting(state);
    let Some(counting) = counting(facts, collection, action, &roles) else {
        return Truth::True;
    };
    let place = Place {
        position,
        owner: owner.as_deref(),
        owns,
        owner_roles,
    };
    let mut admitted = Truth::False;
    for grant in counting {
        admitted = admitted.or(matches_item(scene, grant, item, &place, notes));
        if admitted == Truth::True {
            break;
        }
    }
    admitted
}

/// Returns the allows by which somebody who holds these roles may be admitted; `None` if there is none, so that everybody is.
pub(super) fn counting<'q>(
    facts: &Facts<'q>,
    collection: CollectionId,
    action: ActionId,
    roles: &Bits,
) -> Option<SmallVec<[&'q Grant; 8]>> {
    let model = facts.model;
    let held = model.allows.find(Some(collection), action);
    let mut held: SmallVec<[&Grant; 8]> = held
        .filter_map(|id| model.grant(id))
        .filter(|grant| is_held(grant, roles, facts.effective.site()))
        .filter(|grant| !grant.selection.except_collections.contains(&collection))
        .collect();
    if held.is_empty() {
        return None;
    }
    // A neutral grant drops out beside others that have conditions.
    let is_conditioned = |grant: &&Grant| grant.selection.when.is_some() && !grant.neutral;
    if held.iter().any(is_conditioned) {
        held.retain(|grant| !grant.neutral);
    }
    Some(held)
}

/// Returns the roles through which a grant may be held of an item that is related: local roles are of another one.
pub(super) fn through(grant: &Grant, site: &Bits) -> Bits {
    match &grant.selection.roles {
        Mask::Any => site.clone(),
        Mask::Only(roles) => site.intersection(roles),
        Mask::Except(roles) => site.without(roles),
    }
}

/// Where a related item stands, and whose it is.
struct Place<'s> {
    position: Position<'s>,
    owner: Option<&'s str>,
    owns: bool,
    owner_roles: Bits,
}

fn matches_item<'s>(
    scene: &Scene<'s>,
    grant: &'s Grant,
    item: &'s Value<'s>,
    place: &Place<'_>,
    notes: &mut Notes<'_>,
) -> Truth {
    let facts = scene.facts;
    let truth = place
        .position
        .is_in(&grant.selection.states)
        .and(place.position.leads_to(grant.selection.to_states.as_ref()))
        .and(Truth::of(in_scope(
            scene,
            grant,
            place.owner,
            place.owns,
            &place.owner_roles,
        )))
        .and(Truth::of(counts(grant.networks.as_deref(), facts.address())));
    let program = grant.selection.when.and_then(|when| facts.model.condition(when));
    match program {
        Some(program) if truth != Truth::False => {
            let inner = Scene {
                item: Item::Related(item.view()),
                depth: scene.depth + 1,
                ..*scene
            };
            let mut inner_notes = Notes::new();
            let holds = inner.run(program, &mut inner_notes);
            notes.fault |= inner_notes.fault;
            truth.and(holds)
        }
        Some(_) | None => truth,
    }
}

fn is_held(grant: &Grant, roles: &Bits, site: &Bits) -> bool {
    let held = match grant.selection.held {
        // An administrator does not get here, so no role is put aside.
        Held::Anywhere | Held::Aside => roles,
        Held::Site | Held::Shared => site,
    };
    match &grant.selection.roles {
        Mask::Any => true,
        Mask::Only(only) => only.intersects(held),
        Mask::Except(except) => !held.is_within(except),
    }
}

fn in_scope(scene: &Scene<'_>, grant: &Grant, owner: Option<&str>, owns: bool, owner_roles: &Bits) -> bool {
    match grant.selection.scope {
        Scope::Any => true,
        Scope::Mine => owns,
        Scope::Role => {
            let through = through(grant, scene.facts.effective.site());
            owns || owner.is_some_and(|owner| !owner.is_empty()) && owner_roles.intersects(&through)
        }
    }
}

fn owner_of<'s>(scene: &Scene<'s>, collection: CollectionId, item: &'s Value<'s>) -> Option<Cow<'s, str>> {
    let row = scene.facts.model.collection(collection)?;
    let Value::Object(object) = item else { return None };
    let field = row.owner_field.as_deref()?;
    owner_of_value(scene.facts.model, row, field, object.get(field)?)
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
    value.map_or(State::Open, |value| state_by_value(model, value.view()))
}
