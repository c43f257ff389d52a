//! All answers of the engine are views of one relation: what lists say is what single questions say.

use placet::engine::check::{check, check_traced};
use placet::engine::decision::{Decision, Fact};
use placet::engine::missing::{Trials, missing};
use placet::engine::query::{Approval, Query};
use placet::engine::trace::Recorder;
use placet::engine::validity::valid_until;
use placet::engine::{actions, fields, transitions};
use placet::model::Model;
use placet::model::bits::Bits;
use placet::model::role::RoleKind;
use placet::policy::Policy;
use placet::vocab::effect::{Operation, Reason};
use placet::vocab::value::Object;

use crate::generate::random::Random;
use crate::generate::{near, policy, query};
use crate::properties::{model, show, told};
use crate::reference::views;

/// Visits random policies and questions; the number is printed if a visit panics.
pub(crate) fn each(visit: impl Fn(&Policy, &Model, &Query<'static>)) {
    let usual = if cfg!(debug_assertions) { 1_500 } else { 20_000 };
    let count = told("PLACET_CASES").unwrap_or(usual);
    let mut random = Random::new(told("PLACET_SEED").unwrap_or(7));
    let mut asked = 0;
    while asked < count {
        let policy = policy::policy(&mut random);
        let Ok(model) = model(&policy) else { continue };
        for index in 0..20 {
            // Half of them are about anything, so that no rule is looked at from near alone.
            let query = if index % 2 == 0 {
                query::query(&mut random)
            } else {
                near::near(&mut random, &policy)
            };
            let _shown = Shown(&policy);
            visit(&policy, &model, &query);
            asked += 1;
        }
    }
}

/// Prints a policy if a visit of it panics.
struct Shown<'p>(&'p Policy);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", show(self.0));
        }
    }
}

/// The question without what only single questions have.
fn bare(query: &Query<'static>) -> Query<'static> {
    let mut query = query.clone();
    query.action = "";
    query.transition = "";
    query.to_state = "";
    query.fields = Default::default();
    query.filter_fields = Default::default();
    query.changes = Object::default();
    query
}

#[test]
fn a_traced_answer_is_the_answer() {
    each(|_, model, query| {
        let mut recorder = Recorder::default();
        assert_eq!(
            check(model, query),
            check_traced(model, query, &mut recorder),
            "{query:?}"
        );
    });
}

#[test]
fn listed_actions_are_those_that_are_allowed() {
    each(|policy, model, query| {
        let query = bare(query);
        let Ok(listed) = actions::list(model, &query) else {
            return;
        };
        assert_eq!(listed.len(), model.action_names.len());
        for (action, decision) in &listed {
            let mut single = query.clone();
            let name = model.action_names.name(action.index()).to_owned();
            single.action = &name;
            assert_eq!(
                check(model, &single).unwrap().reason,
                decision.reason,
                "{name} {query:?}"
            );
        }
        for (action, outcome) in views::actions(policy, &query) {
            let Ok(outcome) = outcome else { continue };
            let index = model.action_names.find(&action).unwrap();
            assert_eq!(listed[index].1.reason, outcome.reason, "{action} {query:?}");
        }
    });
}

#[test]
fn listed_transitions_are_offered_and_allowed() {
    each(|policy, model, query| {
        let query = bare(query);
        let Ok(offered) = transitions::list(model, &query) else {
            return;
        };
        let mut listed = Vec::new();
        for each in &offered {
            let Some(id) = each.transition else { continue };
            let name = model.transition(id).unwrap().name.to_string();
            let mut single = query.clone();
            single.transition = &name;
            let decision = check(model, &single).unwrap();
            assert_eq!(decision.reason, each.decision.reason, "{name} {query:?}");
            if each.listed && decision.is_allow() {
                listed.push(name.clone());
            }
        }
        if let Ok(expected) = views::transitions(policy, &query) {
            assert_eq!(listed, expected, "{query:?}");
        }
    });
}

#[test]
fn a_field_is_kept_exactly_when_a_question_for_it_alone_passes() {
    each(|_, model, query| {
        let mut query = bare(query);
        query.action = "update";
        query.fields = ["title", "body", "status", "author", "nowhere"]
            .into_iter()
            .collect();
        query.filter_fields = ["score", "nowhere"].into_iter().collect();
        let Ok(filtered) = fields::filter(model, &query) else {
            return;
        };
        assert_eq!(filtered.allowed.len() + filtered.denied.len(), query.fields.len());
        for field in &query.fields {
            let mut single = query.clone();
            single.fields = std::iter::once(*field).collect();
            single.filter_fields = Default::default();
            let decision = check(model, &single).unwrap();
            let passes =
                decision.is_allow() && decision.left_out.iter().all(|left_out| left_out.field != *field);
            assert_eq!(filtered.allowed.contains(field), passes, "{field} {query:?}");
        }
        for field in &query.filter_fields {
            let mut single = query.clone();
            single.fields = Default::default();
            single.filter_fields = std::iter::once(*field).collect();
            let denied = filtered.filter_denied.iter().any(|(name, _)| name == field);
            assert_eq!(
                !check(model, &single).unwrap().is_allow(),
                denied,
                "{field} {query:?}"
            );
        }
    });
}

fn same(one: &Decision<'_>, other: &Decision<'_>) -> bool {
    let left_out = |decision: &Decision<'_>| {
        let mut all: Vec<_> = decision
            .left_out
            .iter()
            .map(|each| (each.field.to_owned(), each.reason))
            .collect();
        all.sort();
        all
    };
    one.reason == other.reason
        && one.explanation_required == other.explanation_required
        && left_out(one) == left_out(other)
}

#[test]
fn an_answer_holds_until_the_moment_it_names_and_not_at_it() {
    let (changing, idle) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    each(|_, model, query| {
        let Ok(decision) = check(model, query) else { return };
        let Some(until) = valid_until(model, query, &decision) else {
            for moment in crate::generate::MOMENTS {
                let moment: jiff::Timestamp = moment.parse().unwrap();
                let mut later = query.clone();
                later.context.now = moment;
                if moment > query.context.now {
                    let other = check(model, &later).unwrap();
                    assert!(
                        same(&decision, &other),
                        "{moment} {query:?}\n{decision:?}\n{other:?}"
                    );
                }
            }
            return;
        };
        changing.set(changing.get() + 1);
        assert!(until > query.context.now);
        let tick = jiff::SignedDuration::from_nanos(1);
        let mut before = query.clone();
        before.context.now = until.checked_sub(tick).unwrap();
        let mut at = query.clone();
        at.context.now = until;
        assert!(
            same(&decision, &check(model, &before).unwrap()),
            "until {until} {query:?}"
        );
        // Where many moments leave the answer as it is, one that was not tried is named.
        if check(model, &at).is_ok_and(|other| same(&decision, &other)) {
            idle.set(idle.get() + 1);
        }
    });
    assert!(
        idle.get() * 10 <= changing.get(),
        "of {} moments {} change nothing",
        changing.get(),
        idle.get()
    );
    assert!(
        changing.get() >= 5,
        "only {} answers change with time",
        changing.get()
    );
}

/// Grants facts to a question, apart from attributes; `None` if one of them is an attribute.
pub(crate) fn granted<'x>(
    model: &'x Model,
    query: &Query<'x>,
    decision: &Decision<'x>,
    facts: &[Fact<'x>],
) -> Option<Query<'x>> {
    const PEOPLE: [&str; 8] = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"];
    let mut query = query.clone();
    for fact in facts {
        match fact {
            Fact::Role(role) => query.subject.roles.push(model.roles.names.name(role.index())),
            Fact::Explanation => query.context.explanation = "so it must be",
            Fact::Time(moment) => query.context.now = *moment,
            Fact::State(state) => {
                let collection = model.collection_names.find(query.resource.collection)?;
                let field = model.collections[collection].state_field.as_deref();
                let without = |object: &Object<'x>| {
                    let kept = object.iter().filter(|(name, _)| Some(*name) != field);
                    Object::new(
                        kept.map(|(name, value)| (name.to_owned().into(), value.clone()))
                            .collect(),
                    )
                };
                query.resource.attributes = without(&query.resource.attributes);
                query.resource.state = state;
                let action = model
                    .action_names
                    .find(query.action)
                    .map(|index| model.actions[index].on_item());
                if action == Some(Operation::Create) {
                    query.changes = without(&query.changes);
                    query.to_state = "";
                }
            }
            Fact::Approvals { rule, count } => {
                let transition = model.transition(decision.transition?)?;
                let rule = &transition.approvals[*rule];
                let people: Vec<&str> = if rule.users.is_empty() {
                    PEOPLE.to_vec()
                } else {
                    rule.users.iter().map(AsRef::as_ref).collect()
                };
                let has = |id: &str| {
                    query
                        .context
                        .approvals
                        .iter()
                        .any(|approval| approval.subject_id == id)
                };
                let fresh: Vec<&str> = people
                    .into_iter()
                    .filter(|id| !has(id))
                    .take(*count as usize)
                    .collect();
                let role = rule.roles.as_ref().and_then(|roles| claimable(model, roles));
                for subject_id in fresh {
                    query.context.approvals.push(Approval {
                        subject_id,
                        roles: role
                            .map(|role| model.roles.names.name(role))
                            .into_iter()
                            .collect(),
                        transition: &transition.name,
                        content_digest: query.resource.content_digest,
                    });
                }
            }
            Fact::Networks(networks) => {
                let address: &'static str = crate::reference::intern(&networks[0].first());
                query.context.ip = address;
            }
            Fact::Ownership => {
                let collection =
                    &model.collections[model.collection_names.find(query.resource.collection)?];
                let kept = query.resource.attributes.iter();
                let kept = kept.filter(|(name, _)| Some(*name) != collection.owner_field.as_deref());
                query.resource.attributes = Object::new(
                    kept.map(|(name, value)| (name.to_owned().into(), value.clone()))
                        .collect(),
                );
                query.resource.owner.id = match query.subject.id {
                    "" => &model.settings.anonymous_id,
                    id => id,
                };
            }
            Fact::Attribute(_) => return None,
        }
    }
    Some(query)
}

/// A role that an approver may claim, and that is or brings one of these.
fn claimable(model: &Model, roles: &Bits) -> Option<usize> {
    let can_be_claimed = |role: &usize| model.roles.rows[*role].kind == RoleKind::Role;
    let bringing =
        (0..model.roles.rows.len()).filter(|role| model.roles.rows[*role].closure.intersects(roles));
    roles.iter().chain(bringing).find(can_be_claimed)
}

#[test]
fn what_is_missing_helps_and_nothing_less_does() {
    let helped = std::cell::Cell::new(0);
    each(|_, model, query| {
        let Ok(decision) = check(model, query) else { return };
        let alternatives = missing(model, query, &decision, &mut Trials::of_request());
        if decision.is_allow() {
            assert!(alternatives.is_empty());
            return;
        }
        for alternative in &alternatives {
            let Some(with) = granted(model, query, &decision, &alternative.facts) else {
                continue;
            };
            let other = check(model, &with).unwrap();
            assert!(other.is_allow(), "{alternative:?} {query:?}\n{other:?}");
            helped.set(helped.get() + 1);
            for left_out in 0..alternative.facts.len() {
                let mut fewer = alternative.facts.to_vec();
                fewer.remove(left_out);
                let Some(with) = granted(model, query, &decision, &fewer) else {
                    continue;
                };
                let still = check(model, &with).map_or(true, |other| !other.is_allow());
                assert!(still, "{alternative:?} is more than is needed: {query:?}");
            }
        }
        if decision.reason == Reason::ExplanationRequired {
            let with = granted(model, query, &decision, &[Fact::Explanation]).unwrap();
            assert_ne!(
                check(model, &with).unwrap().reason,
                Reason::ExplanationRequired,
                "{query:?}"
            );
        }
    });
    assert!(helped.get() > 100, "only {} sets of facts helped", helped.get());
}
