//! Grants and constraints, and the slots that lead to them.

use std::collections::BTreeMap;

use crate::model::bits::Bits;
use crate::model::collection::Collection;
use crate::model::grant::{self as compiled, Mask, TargetMask};
use crate::model::id::{ActionId, CollectionId, ConstraintId, FieldId, GrantId};
use crate::model::slot::Slots;
use crate::policy::condition::{Condition, Left, Node};
use crate::policy::grant::{Constraint, Grant, Held, Scope, Selection, TargetStates};
use crate::policy::{Policy, Selector};
use crate::source::span::Span;
use crate::vocab::effect::Effect;
use crate::vocab::operator::FieldType;

use super::condition::{Place, compile_condition, compile_operand, is_neutral};
use super::intern::Interner;
use super::workflow::state_mask;

pub(super) fn compile_grants(policy: &Policy, interner: &mut Interner<'_>) {
    let mut refusals = SlotsBuilder::new(interner);
    let mut takings = SlotsBuilder::new(interner);
    let mut allows = SlotsBuilder::new(interner);
    for grant in &policy.grants {
        let conditions = [grant.selection.when.as_ref(), grant.validate.as_ref()];
        for spread in spread(&grant.selection, &conditions, interner) {
            let id = GrantId::new(interner.model.grants.len());
            let is_deny = grant.effect == Effect::Deny || grant.broken.is_some();
            let slots = match (is_deny, &grant.fields) {
                (true, Selector::Any) => &mut refusals,
                (true, Selector::Only(_) | Selector::Except(_)) => &mut takings,
                (false, _) => &mut allows,
            };
            slots.add(&grant.selection, &spread, id, interner);
            let compiled = compile_grant(grant, spread, interner);
            interner.model.demands_explanations |= compiled.explain;
            interner.model.grants.push(compiled);
        }
    }
    let grants = &interner.model.grants;
    let selection = |id: GrantId| Some(&grants.get(id.index())?.selection);
    let [refusals, takings, allows] = [refusals, takings, allows].map(|slots| slots.finish(selection));
    interner.model.refusals = refusals;
    interner.model.takings = takings;
    interner.model.allows = allows;
}

pub(super) fn compile_constraints(policy: &Policy, interner: &mut Interner<'_>) {
    let mut slots = SlotsBuilder::new(interner);
    for constraint in &policy.constraints {
        let conditions = [
            constraint.selection.when.as_ref(),
            constraint.require.as_ref(),
            constraint.submitted.as_ref(),
        ];
        for spread in spread(&constraint.selection, &conditions, interner) {
            let id = ConstraintId::new(interner.model.constraints.len());
            slots.add(&constraint.selection, &spread, id, interner);
            let compiled = compile_constraint(constraint, spread, interner);
            interner.model.constraints.push(compiled);
        }
    }
    let constraints = &interner.model.constraints;
    let slots = slots.finish(|id: ConstraintId| Some(&constraints.get(id.index())?.selection));
    interner.model.constraint_slots = slots;
}

fn compile_grant(grant: &Grant, spread: Spread, interner: &mut Interner<'_>) -> compiled::Grant {
    let place = spread.place;
    compiled::Grant {
        name: grant.id.as_ref().map(|id| id.value.as_str().into()),
        effect: if grant.broken.is_some() {
            Effect::Deny
        } else {
            grant.effect
        },
        fields: field_mask(&grant.fields, &spread, interner),
        selection: compile_selection(&grant.selection, spread, grant.origin, interner),
        validate: grant
            .validate
            .as_ref()
            .map(|condition| compile_condition(condition, place, interner)),
        explain: grant.explain,
        neutral: grant.selection.when.as_ref().is_some_and(is_neutral),
        networks: networks(grant.networks.as_deref()),
        broken: grant.broken.as_deref().map(Into::into),
        code: grant.code.as_deref().map(Into::into),
    }
}

fn compile_constraint(
    constraint: &Constraint,
    spread: Spread,
    interner: &mut Interner<'_>,
) -> compiled::Constraint {
    let place = spread.place;
    compiled::Constraint {
        name: constraint.id.as_ref().map(|id| id.value.as_str().into()),
        require: constraint
            .require
            .as_ref()
            .map(|condition| compile_condition(condition, place, interner)),
        submitted: constraint
            .submitted
            .as_ref()
            .map(|condition| compile_condition(condition, place, interner)),
        networks: networks(constraint.networks.as_deref()),
        presets: constraint
            .presets
            .iter()
            .map(|(field, value)| (interner.field(&field.value), compile_operand(value)))
            .collect(),
        code: constraint.code.as_deref().map(Into::into),
        selection: compile_selection(&constraint.selection, spread, constraint.origin, interner),
    }
}

fn compile_selection(
    selection: &Selection,
    spread: Spread,
    origin: Span,
    interner: &mut Interner<'_>,
) -> compiled::Selection {
    compiled::Selection {
        roles: role_mask(&selection.roles, interner),
        held: match selection.held {
            Held::Anywhere => compiled::Held::Anywhere,
            Held::Site => compiled::Held::Site,
            Held::Shared => compiled::Held::Shared,
            Held::Aside => compiled::Held::Aside,
        },
        scope: match selection.scope {
            Scope::Any => compiled::Scope::Any,
            Scope::Role => compiled::Scope::Role,
            Scope::Mine => compiled::Scope::Mine,
        },
        states: state_mask(&selection.states, interner),
        to_states: selection
            .to_states
            .as_ref()
            .map(|target| target_mask(target, interner)),
        when: selection
            .when
            .as_ref()
            .map(|when| compile_condition(when, spread.place, interner)),
        except_collections: match spread.target {
            Target::Named(_) => Box::default(),
            Target::AllBut(collections) => collections.into(),
        },
        origin: interner.origin(origin),
    }
}

fn target_mask(target: &TargetStates, interner: &mut Interner<'_>) -> TargetMask {
    TargetMask {
        states: state_mask(&target.selector, interner),
        same: target.same,
    }
}

fn role_mask(selector: &Selector, interner: &Interner<'_>) -> Mask<Bits> {
    let names = &interner.model.roles.names;
    let bits = Bits::of(selector.names().iter().filter_map(|name| names.find(&name.value)));
    match selector {
        Selector::Any => Mask::Any,
        Selector::Only(_) => Mask::Only(bits),
        Selector::Except(_) => Mask::Except(bits),
    }
}

fn field_mask(selector: &Selector, spread: &Spread, interner: &mut Interner<'_>) -> Mask<Box<[FieldId]>> {
    let mut ids: Vec<FieldId> = selector
        .names()
        .iter()
        .map(|name| interner.field(&name.value))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    match &spread.target {
        Target::Named(collections) => {
            for collection in collections {
                interner
                    .mentioned
                    .entry(Some(*collection))
                    .or_default()
                    .extend(&ids);
            }
        }
        Target::AllBut(_) => interner.mentioned.entry(None).or_default().extend(&ids),
    }
    match selector {
        Selector::Any => Mask::Any,
        Selector::Only(_) => Mask::Only(ids.into()),
        Selector::Except(_) => Mask::Except(ids.into()),
    }
}

fn networks(
    networks: Option<&[crate::source::span::Spanned<crate::vocab::network::Network>]>,
) -> Option<Box<[crate::vocab::network::Network]>> {
    networks.map(|networks| networks.iter().map(|network| network.value).collect())
}

/// A part of a rule: the collections for which its conditions mean the same.
struct Spread {
    target: Target,
    place: Place,
}

enum Target {
    Named(Vec<CollectionId>),
    AllBut(Vec<CollectionId>),
}

/// Splits a rule by collection where what is declared of fields changes what its conditions mean: a moment is compared as
/// a moment, a related item by its key.
fn spread(selection: &Selection, conditions: &[Option<&Condition>], interner: &Interner<'_>) -> Vec<Spread> {
    let mut fields = Vec::new();
    for condition in conditions.iter().flatten() {
        first_steps(condition, &mut fields);
    }
    let find = |name: &str| interner.model.collection_names.find(name).map(CollectionId::new);
    let named: Vec<CollectionId> = selection
        .collections
        .names()
        .iter()
        .filter_map(|name| find(&name.value))
        .collect();
    let special = |collection: &CollectionId| {
        interner
            .model
            .collection(*collection)
            .is_some_and(|collection| has_facts(collection, &fields))
    };
    let (own, target) = match &selection.collections {
        Selector::Only(_) => {
            let (own, rest): (Vec<_>, Vec<_>) = named.into_iter().partition(|each| special(each));
            (own, Target::Named(rest))
        }
        Selector::Any | Selector::Except(_) => {
            let own: Vec<CollectionId> = if fields.is_empty() {
                Vec::new()
            } else {
                let all = (0..interner.model.collections.len()).map(CollectionId::new);
                all.filter(|each| !named.contains(each) && special(each))
                    .collect()
            };
            let mut except = named;
            except.extend(&own);
            (own, Target::AllBut(except))
        }
    };
    let mut parts: Vec<Spread> = own
        .into_iter()
        .map(|each| Spread {
            target: Target::Named(vec![each]),
            place: Place {
                collection: Some(each),
            },
        })
        .collect();
    if !matches!(&target, Target::Named(rest) if rest.is_empty()) {
        parts.push(Spread {
            target,
            place: Place { collection: None },
        });
    }
    parts
}

fn has_facts(collection: &Collection, fields: &[&str]) -> bool {
    fields
        .iter()
        .filter_map(|name| collection.field(name))
        .any(|field| {
            field.relation.is_some()
                || field.kind.is_some_and(|kind| {
                    matches!(kind, FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
                })
        })
}

/// Collects the first step of every field path.
fn first_steps<'c>(condition: &'c Condition, fields: &mut Vec<&'c str>) {
    match &condition.node {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| first_steps(part, fields)),
        Node::Not(part) => first_steps(part, fields),
        Node::Coded(coded) => first_steps(&coded.condition, fields),
        Node::Neutral => {}
        Node::Related(related) => fields.extend(related.path.first().map(|step| step.value.as_str())),
        Node::Leaf(leaf) => match &leaf.left {
            Left::Field(path) => fields.extend(path.first().map(|step| step.value.as_str())),
            Left::Fact(_) => {}
        },
    }
}

/// Rules by collection and action, while they are gathered.
struct SlotsBuilder<T> {
    named: Vec<BTreeMap<ActionId, Vec<T>>>,
    any: Vec<Vec<T>>,
}

impl<T: Copy> SlotsBuilder<T> {
    fn new(interner: &Interner<'_>) -> Self {
        Self {
            named: vec![BTreeMap::new(); interner.model.collection_names.len()],
            // One more than there are names: what is for any action is for unknown ones, too.
            any: vec![Vec::new(); interner.model.action_names.len() + 1],
        }
    }

    fn add(&mut self, selection: &Selection, spread: &Spread, rule: T, interner: &Interner<'_>) {
        let names = &interner.model.action_names;
        let written: Bits = Bits::of(
            selection
                .actions
                .names()
                .iter()
                .filter_map(|name| names.find(&name.value)),
        );
        let actions: Vec<ActionId> = match &selection.actions {
            Selector::Any | Selector::Except(_) => (0..=names.len())
                .filter(|index| !written.contains(*index))
                .map(ActionId::new)
                .collect(),
            Selector::Only(_) => written.iter().map(ActionId::new).collect(),
        };
        for action in actions {
            match &spread.target {
                Target::Named(collections) => {
                    for collection in collections {
                        if let Some(slot) = self.named.get_mut(collection.index()) {
                            slot.entry(action).or_default().push(rule);
                        }
                    }
                }
                Target::AllBut(_) => {
                    if let Some(slot) = self.any.get_mut(action.index()) {
                        slot.push(rule);
                    }
                }
            }
        }
    }

    fn finish<'r>(self, selection: impl Fn(T) -> Option<&'r compiled::Selection>) -> Slots<T> {
        let named = self.named.into_iter();
        Slots::new(
            named.map(|actions| actions.into_iter().collect()),
            self.any.into_iter(),
            selection,
        )
    }
}
