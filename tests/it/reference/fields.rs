//! Steps 4 and 5: the allows, and the fields that they cover.

use std::collections::BTreeSet;

use placet::policy::Selector;
use placet::policy::collection::{Filtering, Unreadable, Unwritable};
use placet::policy::grant::Grant;
use placet::vocab::effect::{Effect, Operation, Reason};

use super::bind;
use super::condition::{self, Table, is_neutral};
use super::decide::{Granted, Judge, Step, Written};
use super::kleene::Kleene;
use super::matching;

/// An allow that is in reach.
#[derive(Clone, Copy)]
pub(crate) enum Allow<'a> {
    Grant(&'a Grant),
    /// A grant on this very document: all fields.
    Document,
}

impl Allow<'_> {
    fn selects(&self, field: &str) -> bool {
        match self {
            Allow::Grant(grant) => grant.fields.selects(field),
            Allow::Document => true,
        }
    }

    fn names_no_field(&self) -> bool {
        match self {
            Allow::Grant(grant) => matches!(&grant.fields, Selector::Only(names) if names.is_empty()),
            Allow::Document => false,
        }
    }

    fn explains(&self) -> bool {
        match self {
            Allow::Grant(grant) => grant.explain,
            Allow::Document => false,
        }
    }
}

/// The allows for one action.
#[derive(Default)]
pub(crate) struct Allows<'a> {
    pub(crate) in_reach: Vec<Allow<'a>>,
    pub(crate) matching: Vec<Allow<'a>>,
    /// Neutral ones that match, where a condition stands beside them for some of what is asked: they count for single fields
    /// that no allow with a condition covers.
    pub(crate) neutral: Vec<Allow<'a>>,
    /// Whether the subject is an administrator, who needs none.
    pub(crate) all: bool,
}

/// The fields that a question asks for.
pub(crate) fn asked(judge: &Judge<'_>, action: &str) -> Vec<String> {
    let (query, facts) = (judge.case.query, &judge.case.facts);
    let mut found: Vec<String> = query.fields.iter().map(|&field| field.to_owned()).collect();
    if bind::operation(judge.case.policy, action) != Operation::Read {
        // Whatever may be read is no field that is written.
        found.retain(|field| field != "*");
        found.extend(query.changes.iter().map(|(field, _)| field.to_owned()));
        if facts.moves {
            found.extend(
                facts
                    .collection
                    .and_then(|each| each.state_field.as_ref())
                    .map(|field| field.value.clone()),
            );
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|field| seen.insert(field.clone()));
    found
}

fn covers(judge: &Judge<'_>, action: &str, allow: &Allow<'_>, field: &str) -> bool {
    let writes = bind::operation(judge.case.policy, action) != Operation::Read;
    let state_field = judge
        .case
        .facts
        .collection
        .and_then(|each| each.state_field.as_ref());
    let moves_state = match allow {
        Allow::Grant(grant) => grant.selection.to_states.is_some(),
        Allow::Document => false,
    };
    allow.selects(field) || (writes && moves_state && state_field.is_some_and(|each| each.value == field))
}

fn touches(judge: &Judge<'_>, action: &str, grant: &Grant, asked: &[String]) -> bool {
    let allow = Allow::Grant(grant);
    asked.is_empty()
        || asked.iter().any(|field| {
            if field == "*" {
                !allow.names_no_field()
            } else {
                covers(judge, action, &allow, field)
            }
        })
}

/// Step 4: finds the allows in reach and those that match.
pub(crate) fn allows<'a>(judge: &Judge<'a>, action: &str) -> Step<Allows<'a>> {
    let case = judge.case;
    if case.roles.administrator.is_some() {
        return Ok(Allows {
            all: true,
            ..Allows::default()
        });
    }
    let policy = case.policy;
    let grants: Vec<&Grant> = policy
        .grants
        .iter()
        .filter(|grant| grant.effect == Effect::Allow && grant.broken.is_none())
        .filter(|grant| matching::reaches(case, &grant.selection, action) != Kleene::False)
        .collect();
    let mut allows = Allows::default();
    let mut reached = Vec::new();
    for grant in grants.iter().copied() {
        if judge.favour(matching::reaches(case, &grant.selection, action)) == Kleene::True {
            reached.push(grant);
            allows.in_reach.push(Allow::Grant(grant));
        }
    }
    let asked = asked(judge, action);
    let conditional = reached.iter().any(|grant| {
        touches(judge, action, grant, &asked)
            && grant
                .selection
                .when
                .as_ref()
                .is_some_and(|when| !is_neutral(when))
    });
    let mut open = false;
    judge.fault.set(false);
    for grant in grants {
        let set_aside = conditional && grant.selection.when.as_ref().is_some_and(is_neutral);
        let reach = judge.favour(matching::reaches(case, &grant.selection, action));
        match judge.favour(judge.grant_matches(grant, action)) {
            Kleene::True if set_aside => allows.neutral.push(Allow::Grant(grant)),
            Kleene::True => allows.matching.push(Allow::Grant(grant)),
            Kleene::Open => open = true,
            Kleene::Fault => {
                open = true;
                // Of an allow that may not even be in reach, that lacks first.
                judge.fault.set(judge.fault.get() || reach == Kleene::True);
            }
            Kleene::False => {}
        }
    }
    if on_document(judge, action) {
        allows.in_reach.push(Allow::Document);
        allows.matching.push(Allow::Document);
    }
    let writes = bind::operation(policy, action) != Operation::Read;
    let is_alone = |about: &dyn Fn(&Allow<'_>) -> bool| !lone_neutrals(&allows, about).is_empty();
    let written = || {
        asked
            .iter()
            .any(|field| is_alone(&|allow| covers(judge, action, allow, field)))
    };
    let filtered = || {
        let mut fields = case.query.filter_fields.iter();
        fields.any(|field| is_alone(&|allow| allow.selects(field)))
    };
    let by_field = writes && (written() || filtered());
    match (
        allows.matching.is_empty() && !by_field,
        allows.in_reach.is_empty(),
    ) {
        (false, _) => Ok(allows),
        (true, _) if open => Err(judge.untold()),
        (true, false) => Err(Reason::NoMatchingGrant),
        (true, true) if names_only_unknown(judge) => Err(Reason::UnknownRole),
        (true, true) => Err(Reason::NoGrant),
    }
}

/// The neutral allows set aside that are about a field which no allow with a condition is about.
fn lone_neutrals<'a>(allows: &Allows<'a>, about: &dyn Fn(&Allow<'_>) -> bool) -> Vec<Allow<'a>> {
    let conditioned = allows.in_reach.iter().any(|allow| match allow {
        Allow::Grant(grant) => {
            grant
                .selection
                .when
                .as_ref()
                .is_some_and(|when| !is_neutral(when))
                && about(allow)
        }
        Allow::Document => false,
    });
    let covering = allows.neutral.iter().copied().filter(|allow| about(allow));
    if conditioned {
        Vec::new()
    } else {
        covering.collect()
    }
}

fn on_document(judge: &Judge<'_>, action: &str) -> bool {
    let case = judge.case;
    let resource = &case.query.resource;
    // Every document that reaches the item: itself, and what lies above it up to the first that blocks.
    let mut nodes = vec![(resource.collection, resource.id, true)];
    let mut blocked = resource.block_inheritance;
    for ancestor in resource.ancestors.iter().rev() {
        if !blocked {
            nodes.push((ancestor.collection, ancestor.id, false));
        }
        blocked |= ancestor.block_inheritance;
    }
    case.policy.document_grants.iter().any(|grant| {
        nodes.iter().any(|&(collection, id, is_itself)| {
            !id.is_empty()
                && grant.collection.value == collection
                && grant.document.value == id
                && (is_itself || grant.descendants)
        }) && grant.actions.iter().any(|each| each.value == action)
            && (grant
                .users
                .iter()
                .any(|user| Some(&user.value) == case.roles.identity.as_ref())
                || grant
                    .groups
                    .iter()
                    .any(|group| case.roles.groups.contains(&group.value)))
    })
}

/// The subject names roles or groups, and none of them is known.
fn names_only_unknown(judge: &Judge<'_>) -> bool {
    let (policy, subject) = (judge.case.policy, &judge.case.query.subject);
    let named = !subject.roles.is_empty() || !subject.groups.is_empty();
    let role_known = subject.roles.iter().any(|&role| {
        policy
            .roles
            .iter()
            .any(|each| each.id.value == role && each.kind == placet::policy::role::RoleKind::Role)
    });
    let group_known = subject
        .groups
        .iter()
        .any(|&group| policy.groups.iter().any(|each| each.id.value == group));
    named && !role_known && !group_known
}

/// What step 5 looks at.
struct Fields<'f, 'a> {
    judge: &'f Judge<'a>,
    action: &'f str,
    allows: &'f Allows<'a>,
    /// Whether each matching allow's `validate` holds, and that of each neutral one set aside.
    valid: Vec<Kleene>,
    valid_neutral: Vec<Kleene>,
    /// The denies that take fields away.
    taken: Vec<&'f Selector>,
    writes: bool,
}

/// Step 5: decides on the fields.
pub(crate) fn decide<'a>(
    judge: &Judge<'a>,
    action: &str,
    allows: &Allows<'a>,
    written: &Written,
) -> Step<Granted> {
    let case = judge.case;
    let writes = bind::operation(case.policy, action) != Operation::Read;
    let judge_valid = |allow: &Allow<'_>| -> Kleene {
        let truth = match allow {
            Allow::Grant(Grant {
                validate: Some(validate),
                ..
            }) if writes => {
                let scene = judge.scene(action, Table::Stored, &written.future, &written.submitted);
                condition::holds(scene, validate)
            }
            Allow::Grant(_) | Allow::Document => Kleene::True,
        };
        judge.fault.set(judge.fault.get() || truth == Kleene::Fault);
        judge.favour(truth)
    };
    let valid = allows.matching.iter().map(judge_valid).collect();
    let valid_neutral = allows.neutral.iter().map(judge_valid).collect();
    let mut taken = Vec::new();
    for grant in &case.policy.grants {
        if grant.effect == Effect::Deny
            && grant.fields != Selector::Any
            && judge.oppose(judge.grant_matches(grant, action)) != Kleene::False
        {
            taken.push(&grant.fields);
        }
    }
    let fields = Fields {
        judge,
        action,
        allows,
        valid,
        valid_neutral,
        taken,
        writes,
    };
    let asked = asked(judge, action);
    let left_out = fields.decide_asked(&asked)?;
    fields.decide_filters()?;
    let presets = written
        .presets
        .iter()
        .filter(|(field, _)| judge.is_used(field))
        .filter_map(|(field, value)| Some((field.clone(), value.clone()?)))
        .collect();
    Ok(Granted {
        left_out,
        explain: fields.demands_explanation(&asked),
        presets,
    })
}

impl Fields<'_, '_> {
    fn denied(&self, field: &str) -> bool {
        self.taken.iter().any(|selector| selector.selects(field))
    }

    fn nothing_names_a_field(&self) -> bool {
        !self.allows.all && self.allows.in_reach.iter().all(Allow::names_no_field)
    }

    /// Returns why a field does not pass; `plain` looks only at allows that demand no explanation.
    fn refusal(&self, field: &str, plain: bool) -> Option<Reason> {
        if field == "*" {
            return self.refusal_of_all(plain);
        }
        let denied = self.denied(field).then_some(Reason::Denied);
        if self.allows.all {
            return denied;
        }
        let covered = |allow: &Allow<'_>| covers(self.judge, self.action, allow, field);
        if !self.allows.in_reach.iter().any(covered) {
            return Some(Reason::FieldOutOfReach);
        }
        let mut covering: Vec<Kleene> = self
            .matching(plain)
            .into_iter()
            .filter(|(allow, _)| covered(allow))
            .map(|(_, valid)| valid)
            .collect();
        if self.writes || self.is_visible() {
            covering.extend(self.alone(field, plain));
        }
        if covering.is_empty() {
            return Some(Reason::FieldNotCovered);
        }
        if denied.is_some() || !self.writes {
            return denied;
        }
        invalid(self.judge, &covering)
    }

    /// Whether the item as a whole is shown: some allow that touches what is asked matches.
    fn is_visible(&self) -> bool {
        let asked = asked(self.judge, self.action);
        self.allows.matching.iter().any(|allow| match allow {
            Allow::Grant(grant) => touches(self.judge, self.action, grant, &asked),
            Allow::Document => true,
        })
    }

    /// The `validate` of neutral allows that count for this field by itself.
    fn alone(&self, field: &str, plain: bool) -> Vec<Kleene> {
        let about = |allow: &Allow<'_>| covers(self.judge, self.action, allow, field);
        let lone = !lone_neutrals(self.allows, &about).is_empty();
        let each = self.allows.neutral.iter().zip(&self.valid_neutral);
        each.filter(|(allow, _)| lone && about(allow))
            .filter(|(allow, _)| !plain || !allow.explains())
            .map(|(_, valid)| *valid)
            .collect()
    }

    fn matching(&self, plain: bool) -> Vec<(Allow<'_>, Kleene)> {
        let all = self
            .allows
            .matching
            .iter()
            .copied()
            .zip(self.valid.iter().copied());
        all.filter(|(allow, _)| !plain || !allow.explains()).collect()
    }

    /// Whatever may be read: something must be left of what some allow selects.
    fn refusal_of_all(&self, plain: bool) -> Option<Reason> {
        if self.nothing_names_a_field() {
            return self.matching(plain).is_empty().then_some(Reason::FieldNotCovered);
        }
        if self.allows.all {
            return (!self.leaves_any(&Selector::Any)).then_some(Reason::Denied);
        }
        let selecting: Vec<Allow<'_>> = self
            .matching(plain)
            .into_iter()
            .map(|(allow, _)| allow)
            .filter(|allow| !allow.names_no_field())
            .collect();
        if selecting.is_empty() {
            return Some(Reason::FieldNotCovered);
        }
        let left = selecting.iter().any(|allow| match allow {
            Allow::Grant(grant) => self.leaves_any(&grant.fields),
            Allow::Document => self.leaves_any(&Selector::Any),
        });
        (!left).then_some(Reason::Denied)
    }

    /// Tells whether a field that the selector selects is not taken away.
    fn leaves_any(&self, selector: &Selector) -> bool {
        let collection = self.judge.case.facts.collection;
        let mut names: Vec<String> = Vec::new();
        if !collection.is_some_and(|each| each.lists_fields) {
            // A name that nobody writes stands for all others.
            names.push("\u{0}any other name".to_owned());
        }
        let declared = collection.into_iter().flat_map(|each| &each.fields);
        names.extend(declared.map(|field| field.name.value.clone()));
        names.extend(selector.names().iter().map(|name| name.value.clone()));
        for taken in &self.taken {
            names.extend(taken.names().iter().map(|name| name.value.clone()));
        }
        names
            .iter()
            .any(|name| selector.selects(name) && !self.denied(name))
    }

    fn decide_asked(&self, asked: &[String]) -> Step<Vec<(String, Reason)>> {
        if asked.is_empty() {
            let valid: Vec<Kleene> = self.matching(false).into_iter().map(|(_, valid)| valid).collect();
            // Neutral ones that count for fields which select or sort do not count for the item as a whole.
            let refused = match (self.allows.all, valid.is_empty()) {
                (true, _) => None,
                (false, true) => Some(Reason::NoMatchingGrant),
                (false, false) => invalid(self.judge, &valid),
            };
            return refused.map_or(Ok(Vec::new()), Err);
        }
        let refused: Vec<(String, Reason)> = asked
            .iter()
            .filter_map(|field| Some((field.clone(), self.refusal(field, false)?)))
            .collect();
        if self.writes {
            self.decide_write(asked, refused)
        } else {
            self.decide_read(asked, refused)
        }
    }

    fn decide_write(&self, asked: &[String], refused: Vec<(String, Reason)>) -> Step<Vec<(String, Reason)>> {
        let drops = self
            .judge
            .case
            .facts
            .collection
            .is_some_and(|collection| collection.unwritable == Unwritable::Drop);
        match refused.first() {
            Some((_, reason)) if !drops || refused.len() == asked.len() => Err(*reason),
            Some(_) | None => Ok(refused),
        }
    }

    fn decide_read(&self, asked: &[String], refused: Vec<(String, Reason)>) -> Step<Vec<(String, Reason)>> {
        let collection = self.judge.case.facts.collection;
        let out_of_reach = |(_, reason): &(String, Reason)| *reason == Reason::FieldOutOfReach;
        if collection.is_none_or(|each| each.unreadable == Unreadable::Refuse) {
            if self.nothing_names_a_field() {
                return Ok(refused);
            }
            if refused.iter().any(out_of_reach) {
                return Err(Reason::FieldOutOfReach);
            }
        }
        if refused.len() < asked.len() {
            // Whatever may be read is no field, and nothing is left out of it.
            return Ok(refused.into_iter().filter(|(field, _)| field != "*").collect());
        }
        let reached: Vec<&(String, Reason)> = refused.iter().filter(|each| !out_of_reach(each)).collect();
        let all_denied = !reached.is_empty() && reached.iter().all(|(_, reason)| *reason == Reason::Denied);
        Err(if all_denied {
            Reason::Denied
        } else {
            Reason::FieldNotCovered
        })
    }

    fn decide_filters(&self) -> Step<()> {
        let collection = self.judge.case.facts.collection;
        let by_reach = collection.is_some_and(|each| each.filtering == Filtering::Reach);
        for field in &self.judge.case.query.filter_fields {
            if !self.allows.all && !self.allows.in_reach.iter().any(|allow| allow.selects(field)) {
                return Err(Reason::FieldOutOfReach);
            }
            if self.denied(field) {
                return Err(Reason::Denied);
            }
            // A neutral allow does not count for a field that an allow with a condition is about.
            let conditioned = self.allows.in_reach.iter().any(|allow| {
                matches!(allow, Allow::Grant(grant) if grant.fields.selects(field)
                    && grant.selection.when.as_ref().is_some_and(|when| !is_neutral(when)))
            });
            let is_aside = |allow: &Allow<'_>| {
                conditioned
                    && matches!(allow, Allow::Grant(grant) if grant.selection.when.as_ref().is_some_and(is_neutral))
            };
            let covered = self
                .allows
                .matching
                .iter()
                .any(|allow| allow.selects(field) && !is_aside(allow))
                || !lone_neutrals(self.allows, &|allow| allow.selects(field)).is_empty();
            if !self.allows.all && !by_reach && !covered {
                return Err(Reason::FieldNotCovered);
            }
        }
        Ok(())
    }

    /// Step 7: whether less would pass without the allows that demand an explanation.
    fn demands_explanation(&self, asked: &[String]) -> bool {
        if self.allows.all {
            return false;
        }
        if asked.is_empty() || (!self.writes && self.nothing_names_a_field()) {
            let plain: Vec<Kleene> = self.matching(true).into_iter().map(|(_, valid)| valid).collect();
            return invalid(self.judge, &plain).is_some();
        }
        asked
            .iter()
            .any(|field| self.refusal(field, false).is_none() && self.refusal(field, true).is_some())
    }
}

/// Returns why none of some allows is valid.
fn invalid(judge: &Judge<'_>, valid: &[Kleene]) -> Option<Reason> {
    match valid.iter().max() {
        Some(Kleene::True) => None,
        Some(Kleene::Open | Kleene::Fault) => Some(judge.untold()),
        Some(Kleene::False) | None => Some(Reason::Violation),
    }
}
