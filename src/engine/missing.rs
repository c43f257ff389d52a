//! What is missing for an allow: the smallest sets of facts that would turn a deny into one.
//!
//! Found by trying: each set named here was granted to the question, and the answer was an allow; no smaller set was.

use smallvec::SmallVec;

use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::grant::Held;
use crate::model::id::{ActionId, RoleId};
use crate::model::role::RoleKind;
use crate::model::workflow::Transition;
use crate::vocab::effect::Operation;
use crate::vocab::limits::{
    APPROVERS_MAX, MISSING_ALTERNATIVES_MAX, MISSING_REQUEST_TRIALS_MAX, MISSING_TRIALS_MAX,
};
use crate::vocab::network::Network;
use crate::vocab::value::{Object, Value};

use super::approvals;
use super::check::check;
use super::comparison::find_comparison;
use super::decision::{Alternative, Decision, Fact};
use super::facts::Facts;
use super::programs::{Touched, touched};
use super::query::{Approval, Names, Query};
use super::role::{counts, outside};
use super::unknown::{DIGEST, Unknown, unknowns};
use super::validity::valid_until;

/// How many decisions may still be tried: the answers of one request share it, at most [`MISSING_TRIALS_MAX`] each.
#[derive(Clone, Debug)]
pub struct Trials {
    left: usize,
}

impl Trials {
    /// Returns what one request may try, [`MISSING_REQUEST_TRIALS_MAX`] decisions.
    pub fn of_request() -> Self {
        Self {
            left: MISSING_REQUEST_TRIALS_MAX,
        }
    }

    /// Returns a budget of nothing, for answers that do not tell what is missing.
    pub fn none() -> Self {
        Self { left: 0 }
    }
}

/// Returns the smallest sets of facts that would turn a deny into an allow; none if the question is allowed, or if nothing
/// that can be told would help, or nothing was found before the budget was spent. Administrator roles are named only where
/// nothing less helps.
pub fn missing<'q>(
    model: &'q Model,
    query: &'q Query<'q>,
    decision: &Decision<'_>,
    budget: &mut Trials,
) -> Vec<Alternative<'q>> {
    let most = budget.left.min(MISSING_TRIALS_MAX);
    if decision.is_allow() || most == 0 {
        return Vec::new();
    }
    let mut left = most;
    let found = search(model, query, decision, &mut left);
    budget.left = budget.left.saturating_sub(most - left);
    found
}

fn search<'q>(
    model: &'q Model,
    query: &'q Query<'q>,
    decision: &Decision<'_>,
    left: &mut usize,
) -> Vec<Alternative<'q>> {
    let Ok(facts) = Facts::bind(model, query) else {
        return Vec::new();
    };
    let touched = touched(model, query);
    let transition = decision.transition.and_then(|id| model.transition(id));
    let unknowns = unknowns(model, query, &touched, decision, transition);
    let candidates = candidates(&facts, decision, transition, &touched, &unknowns);
    let action = model
        .action_names
        .find(query.action)
        .and_then(|id| model.action(ActionId::new(id)));
    // Each person serves one rule.
    let approvers: u32 = transition
        .map_or(&[][..], |transition| &transition.approvals)
        .iter()
        .map(|rule| rule.count.min(APPROVERS_MAX))
        .sum();
    let places = places(&facts, &touched);
    let mut search = Search {
        model,
        query,
        places,
        winners: Vec::new(),
        facts: &facts,
        transition,
        is_creation: action.is_some_and(|action| action.on_item() == Operation::Create),
        strangers: (0..approvers)
            .map(|number| format!("approver:{number}"))
            .collect(),
        left: *left,
        unknowns,
    };
    for size in 1..=3 {
        let mut found = Vec::new();
        search.sets(&candidates, size, &mut Vec::new(), &mut found);
        *left = search.left;
        if !found.is_empty() {
            return search.compared(tidy(model, found), &touched);
        }
    }
    let administrators = model
        .roles
        .administrators
        .iter()
        .map(RoleId::new)
        .filter(|role| is_claimable(model, *role));
    let found: Vec<_> = administrators
        .map(|role| vec![Fact::Role(role)])
        .filter(|facts| search.helps(facts))
        .collect();
    *left = search.left;
    tidy(model, found)
}

fn is_claimable(model: &Model, role: RoleId) -> bool {
    model
        .roles
        .row(role)
        .is_some_and(|row| row.kind == RoleKind::Role)
}

/// Drops roles that only bring another one named here, and caps the list.
fn tidy<'q>(model: &Model, found: Vec<Vec<Fact<'q>>>) -> Vec<Alternative<'q>> {
    let brings = |role: RoleId, other: RoleId| {
        role != other
            && model
                .roles
                .row(role)
                .is_some_and(|row| row.closure.contains(other.index()))
    };
    let is_wider = |facts: &[Fact<'q>], other: &[Fact<'q>]| {
        facts.len() == other.len()
            && facts != other
            && facts.iter().zip(other).all(|(fact, other)| match (fact, other) {
                (Fact::Role(role), Fact::Role(other)) => role == other || brings(*role, *other),
                (fact, other) => fact == other,
            })
    };
    found
        .iter()
        .filter(|facts| !found.iter().any(|other| is_wider(facts, other)))
        .take(MISSING_ALTERNATIVES_MAX)
        .map(|facts| Alternative {
            facts: facts.iter().cloned().collect(),
            comparisons: Vec::new(),
        })
        .collect()
}

/// What might help, most telling first.
fn candidates<'q>(
    facts: &Facts<'q>,
    decision: &Decision<'_>,
    transition: Option<&Transition>,
    touched: &Touched<'q>,
    unknowns: &[Unknown<'q>],
) -> Vec<Fact<'q>> {
    let model = facts.model;
    let mut candidates = Vec::new();
    if facts.query.context.explanation.trim().is_empty() {
        candidates.push(Fact::Explanation);
    }
    // A transition that is shut for another reason lacks approvals all the same.
    let approvals = match transition {
        Some(transition) if decision.approvals.is_empty() => approvals::count(facts, transition),
        Some(_) | None => decision.approvals.clone(),
    };
    let lacking = approvals.iter().filter(|each| each.given < each.needed);
    candidates.extend(lacking.map(|each| Fact::Approvals {
        rule: each.rule,
        count: each.needed - each.given,
    }));
    candidates.extend(unknowns.iter().map(|unknown| Fact::Attribute(unknown.name)));
    if let Some(moment) = valid_until(model, facts.query, decision) {
        candidates.push(Fact::Time(moment));
    }
    candidates.extend(
        places(facts, touched)
            .into_iter()
            .map(|(networks, _)| Fact::Networks(networks)),
    );
    let roles = (0..model.roles.rows.len()).map(RoleId::new);
    candidates.extend(
        roles
            .filter(|role| is_claimable(model, *role))
            // One that is held here alone may help elsewhere: some rules are for roles that are held on the whole site.
            .filter(|role| !facts.effective.held(Held::Site).contains(role.index()))
            .filter(|role| !model.roles.administrators.contains(role.index()))
            .filter(|role| {
                let closure = model.roles.row(*role).map(|row| &row.closure);
                touched
                    .roles
                    .as_ref()
                    .is_none_or(|roles| closure.is_some_and(|all| all.intersects(roles)))
            })
            .map(Fact::Role),
    );
    match (facts.workflow, facts.collection) {
        (Some(workflow), _) => {
            let states = workflow
                .states
                .iter()
                .map(|state| model.state_names.name(state.id.index()));
            candidates.extend(states.map(Fact::State));
        }
        // Without a workflow, its states are those that rules name.
        (None, Some(collection)) if collection.has_states() => {
            candidates.extend(model.state_names.names().map(Fact::State));
        }
        (None, Some(_) | None) => {}
    }
    if is_owner_asked(facts, touched, unknowns) && facts.identity.id.is_some() && !facts.owns {
        candidates.push(Fact::Ownership);
    }
    candidates
}

/// Whether it may matter who owns the item: to what an allow is for, to who holds a role, or to a condition.
fn is_owner_asked(facts: &Facts<'_>, touched: &Touched<'_>, unknowns: &[Unknown<'_>]) -> bool {
    let model = facts.model;
    let roles = model.roles.owner.iter();
    let brings = roles.filter_map(|role| model.roles.row(*role)).any(|row| {
        touched
            .roles
            .as_ref()
            .is_none_or(|roles| row.closure.intersects(roles))
    });
    let field = facts
        .collection
        .and_then(|collection| collection.owner_field.as_deref());
    // Whoever lacks the field that holds the owner is told what would have to be in it.
    let lacks = field.is_some_and(|field| unknowns.iter().any(|unknown| unknown.name == field));
    touched.is_scoped || brings || touched.reads_owner && !lacks
}

/// Networks that rules and roles of the subject demand and the request does not come from, each with an address in it.
fn places<'q>(facts: &Facts<'q>, touched: &Touched<'q>) -> Vec<(&'q [Network], String)> {
    let model = facts.model;
    let roles = outside(facts)
        .into_iter()
        .filter_map(|role| model.roles.row(role)?.networks.as_deref());
    let mut places: Vec<(&'q [Network], String)> = Vec::new();
    for networks in touched.networks.iter().copied().chain(roles) {
        let is_new = places.iter().all(|(other, _)| *other != networks);
        if let Some(first) = networks.first()
            && is_new
            && !counts(Some(networks), facts.address())
        {
            places.push((networks, first.first()));
        }
    }
    places
}

/// Tries sets of facts.
struct Search<'s, 'q> {
    model: &'q Model,
    query: &'q Query<'q>,
    facts: &'s Facts<'q>,
    /// The transition that was judged.
    transition: Option<&'q Transition>,
    is_creation: bool,
    /// Ids for people who might approve.
    strangers: Vec<String>,
    /// Decisions that may still be tried.
    left: usize,
    unknowns: Vec<Unknown<'q>>,
    /// Networks, each with an address in it.
    places: Vec<(&'q [Network], String)>,
    /// The values with which sets of facts that hold attributes helped.
    winners: Vec<(Vec<Fact<'q>>, Vec<Value<'q>>)>,
}

impl<'q> Search<'_, 'q> {
    /// Tries every set of this size.
    fn sets(
        &mut self,
        candidates: &[Fact<'q>],
        size: usize,
        chosen: &mut Vec<Fact<'q>>,
        found: &mut Vec<Vec<Fact<'q>>>,
    ) {
        if size == 0 {
            if self.helps(chosen) {
                found.push(chosen.clone());
            }
            return;
        }
        for (index, candidate) in candidates.iter().enumerate() {
            let again = chosen.iter().any(|other| match (other, candidate) {
                (Fact::State(_), Fact::State(_)) | (Fact::Time(_), Fact::Time(_)) => true,
                (other, candidate) => other == candidate,
            });
            if again || self.left == 0 {
                continue;
            }
            chosen.push(candidate.clone());
            self.sets(
                candidates.get(index + 1..).unwrap_or_default(),
                size - 1,
                chosen,
                found,
            );
            chosen.pop();
        }
    }

    /// Whether the question with these facts is allowed; an attribute helps if one of the values that rules compare it with
    /// does.
    fn helps(&mut self, facts: &[Fact<'q>]) -> bool {
        let wanted: SmallVec<[&Unknown<'q>; 2]> = facts
            .iter()
            .filter_map(|fact| {
                let name = fact.attribute()?;
                self.unknowns.iter().find(|unknown| unknown.name == name)
            })
            .collect();
        let combinations: usize = wanted.iter().map(|unknown| unknown.values.len().max(1)).product();
        for combination in 0..combinations.min(MISSING_TRIALS_MAX) {
            let Some(left) = self.left.checked_sub(1) else {
                return false;
            };
            self.left = left;
            let mut query = self.granted(facts);
            let mut rest = combination;
            for unknown in &wanted {
                let count = unknown.values.len().max(1);
                if let Some(value) = unknown.values.get(rest % count) {
                    unknown.tell(&mut query, value);
                }
                rest /= count;
            }
            if check(self.model, &query).is_ok_and(|decision| decision.is_allow()) {
                if !wanted.is_empty() {
                    let mut rest = combination;
                    let values = wanted.iter().map(|unknown| {
                        let count = unknown.values.len().max(1);
                        let value = unknown.values.get(rest % count).cloned();
                        rest /= count;
                        value.unwrap_or(Value::Null)
                    });
                    let won = (facts.to_vec(), values.collect());
                    self.winners.push(won);
                }
                return true;
            }
        }
        false
    }

    /// The question with these facts, attributes aside.
    fn granted<'x>(&'x self, facts: &[Fact<'q>]) -> Query<'x> {
        let mut query: Query<'x> = self.query.clone();
        for fact in facts {
            match fact {
                Fact::Role(role) => query
                    .subject
                    .roles
                    .push(self.model.roles.names.name(role.index())),
                Fact::Explanation => query.context.explanation = "explained",
                Fact::Time(moment) => query.context.now = *moment,
                Fact::State(state) => self.put_in_state(&mut query, state),
                Fact::Attribute(name) if *name == DIGEST => query.resource.content_digest = DIGEST,
                Fact::Networks(networks) => {
                    let place = self.places.iter().find(|(each, _)| each == networks);
                    query.context.ip = place.map_or("", |(_, address)| address);
                }
                Fact::Ownership => self.own(&mut query),
                Fact::Attribute(_) | Fact::Approvals { .. } => {}
            }
        }
        for fact in facts {
            if let Fact::Approvals { rule, count } = fact {
                self.approve(&mut query, *rule, *count);
            }
        }
        query
    }

    /// Puts the item into a state, whichever part of the question told another one.
    fn put_in_state<'x>(&'x self, query: &mut Query<'x>, state: &'x str) {
        let field = self
            .facts
            .collection
            .and_then(|collection| collection.state_field.as_deref());
        query.resource.attributes = without(&query.resource.attributes, field);
        query.resource.state = state;
        if self.is_creation {
            query.changes = without(&query.changes, field);
            query.to_state = "";
        }
    }

    /// Gives the item to the subject, whichever part of the question told another owner.
    fn own<'x>(&'x self, query: &mut Query<'x>) {
        let field = self
            .facts
            .collection
            .and_then(|collection| collection.owner_field.as_deref());
        query.resource.attributes = without(&query.resource.attributes, field);
        query.resource.owner.id = self.facts.identity.id.unwrap_or_default();
    }

    /// Adds to ways out what their attributes would have to satisfy.
    fn compared(&self, mut ways: Vec<Alternative<'q>>, touched: &Touched<'q>) -> Vec<Alternative<'q>> {
        for way in &mut ways {
            let Some((facts, values)) = self.winners.iter().find(|(facts, _)| **facts == *way.facts) else {
                continue;
            };
            let names = facts.iter().filter_map(Fact::attribute);
            let mut allowed = self.granted(facts);
            for (name, value) in names.clone().zip(values) {
                if let Some(unknown) = self.unknowns.iter().find(|unknown| unknown.name == name) {
                    unknown.tell(&mut allowed, value);
                }
            }
            way.comparisons = names
                .filter_map(|name| find_comparison(self.facts, &allowed, touched, name))
                .collect();
        }
        ways
    }

    /// Adds approvals of people who have not approved yet.
    fn approve<'x>(&'x self, query: &mut Query<'x>, rule: usize, count: u32) {
        let Some(transition) = self.transition else { return };
        let Some(rule) = transition.approvals.get(rule) else {
            return;
        };
        let named = rule.users.iter().map(AsRef::as_ref);
        let anybody = self.strangers.iter().map(String::as_str);
        let people: Vec<&'x str> = if rule.users.is_empty() {
            anybody.collect()
        } else {
            named.collect()
        };
        let role = rule
            .roles
            .as_ref()
            .and_then(|roles| approver_role(self.model, roles));
        let digest = query.resource.content_digest;
        let mut left = count;
        for subject_id in people {
            let is_new = query
                .context
                .approvals
                .iter()
                .all(|approval| approval.subject_id != subject_id);
            if left == 0 {
                break;
            }
            if is_new {
                left -= 1;
                let roles: Names<'x> = role
                    .map(|role| self.model.roles.names.name(role.index()))
                    .into_iter()
                    .collect();
                let transition = transition.name.as_ref();
                query.context.approvals.push(Approval {
                    subject_id,
                    roles,
                    transition,
                    content_digest: digest,
                });
            }
        }
    }
}

/// Returns an object without a field.
fn without<'x>(object: &Object<'x>, field: Option<&str>) -> Object<'x> {
    let entries = object.iter().filter(|(name, _)| Some(*name) != field);
    Object::new(
        entries
            .map(|(name, value)| (name.to_owned().into(), value.clone()))
            .collect(),
    )
}

/// A role that people can claim and that is, or brings, one of these.
fn approver_role(model: &Model, roles: &Bits) -> Option<RoleId> {
    let named = roles.iter().map(RoleId::new);
    let bringing = (0..model.roles.rows.len()).map(RoleId::new).filter(|role| {
        let row = model.roles.row(*role);
        row.is_some_and(|row| row.closure.intersects(roles))
    });
    named.chain(bringing).find(|role| is_claimable(model, *role))
}
