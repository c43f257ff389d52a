//! What an answer rests on: the rules that it names are enough for it, what the trace says of a rule is why, and an allow that
//! rests on nothing open is an allow however the rest is told.

use std::collections::BTreeSet;

use placet::engine::check::{check, check_traced};
use placet::engine::decision::{Decision, Rule};
use placet::engine::trace::{Event, Outcome, Recorder};
use placet::model::Model;
use placet::model::condition::Node;
use placet::policy::{Policy, Selector};
use placet::source::span::Spanned;
use placet::vocab::effect::{Effect, Reason};
use placet::vocab::limits::DECIDING_GRANTS_MAX;

use crate::agreement::each;
use crate::properties;

/// Gives every grant and constraint a name by which it is found again in another model.
fn named(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    let name = |kind: &str, index: usize, span| {
        Some(Spanned {
            value: format!("{kind}{index}"),
            span,
        })
    };
    for (index, grant) in policy.grants.iter_mut().enumerate() {
        grant.id = name("grant", index, grant.origin);
    }
    for (index, constraint) in policy.constraints.iter_mut().enumerate() {
        constraint.id = name("constraint", index, constraint.origin);
    }
    policy
}

fn name_of(model: &Model, rule: Rule) -> String {
    match rule {
        Rule::Grant(id) => model.grant(id).unwrap().name.as_deref().unwrap().to_owned(),
        Rule::Constraint(id) => model.constraint(id).unwrap().name.as_deref().unwrap().to_owned(),
        Rule::DocumentGrant(id) => format!("document{}", id.index()),
        Rule::Administrator(id) => model.roles.names.name(id.index()).to_owned(),
        Rule::Transition(id) => model.transition(id).unwrap().name.to_string(),
    }
}

fn names(model: &Model, decision: &Decision<'_>) -> BTreeSet<String> {
    decision
        .deciding
        .iter()
        .map(|rule| name_of(model, *rule))
        .collect()
}

/// Whether which related items count depends on other allows than those of the question.
fn asks_what_is_permitted(model: &Model) -> bool {
    fn asks(node: &Node) -> bool {
        match node {
            Node::All(parts) | Node::Any(parts) => parts.iter().any(asks),
            Node::Not(part) | Node::Coded(_, part) => asks(part),
            Node::Related(related) => related.permitted.is_some() || asks(&related.program.root),
            Node::Neutral | Node::Leaf(_) => false,
        }
    }
    model.conditions.iter().any(|program| asks(&program.root))
}

/// Lets the allows that are not among these match nothing; they stay in reach.
fn with_allows(policy: &Policy, kept: &BTreeSet<String>) -> Policy {
    let mut policy = policy.clone();
    for grant in &mut policy.grants {
        let is_allow = grant.effect == Effect::Allow && grant.broken.is_none();
        if is_allow && !kept.contains(&grant.id.as_ref().unwrap().value) {
            grant.networks = Some(Vec::new());
        }
    }
    let mut documents: Vec<_> = policy.document_grants.iter().collect();
    let mut names = Vec::new();
    for (index, grant) in documents.iter_mut().enumerate() {
        if !kept.contains(&format!("document{index}")) {
            let mut idle = grant.clone();
            idle.users.clear();
            idle.groups.clear();
            names.push(idle);
            // The roles that it gives are facts about the subject.
            grant.actions.clear();
        }
    }
    documents.extend(names);
    policy.document_grants = documents.into_iter().collect();
    policy
}

/// Lets the denies that are not among these match nothing, and the constraints that are not demand nothing.
fn with_refusals(policy: &Policy, kept: &BTreeSet<String>) -> Policy {
    let mut policy = policy.clone();
    for grant in &mut policy.grants {
        let is_allow = grant.effect == Effect::Allow && grant.broken.is_none();
        if !is_allow && !kept.contains(&grant.id.as_ref().unwrap().value) {
            grant.networks = Some(Vec::new());
        }
    }
    for constraint in &mut policy.constraints {
        if !kept.contains(&constraint.id.as_ref().unwrap().value) {
            constraint.require = None;
            constraint.submitted = None;
            constraint.networks = None;
        }
    }
    policy
}

/// What a caller sees of an answer, and by which rules.
fn told(model: &Model, decision: &Decision<'_>) -> String {
    // Why a field is left out may be because of an allow that nearly covers it.
    let left_out: Vec<_> = decision.left_out.iter().map(|each| each.field).collect();
    format!(
        "{:?} {:?} about {:?} by {:?}, left out {left_out:?}, explain {}, presets {:?}, conditional {}",
        decision.effect,
        decision.reason,
        decision.about,
        names(model, decision),
        decision.explanation_required,
        decision.presets,
        decision.conditional,
    )
}

#[test]
fn the_allows_that_an_answer_names_are_enough_for_it() {
    let (asked, fewer) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    each(|policy, model, query| {
        // Which allows let select and sort by fields is not told.
        let mut query = query.clone();
        query.filter_fields = Default::default();
        let query = &query;
        let is_allow = check(model, query).is_ok_and(|decision| decision.is_allow());
        if !is_allow || asks_what_is_permitted(model) {
            return;
        }
        let policy = named(policy);
        let before = properties::model(&policy).unwrap();
        let decision = check(&before, query).unwrap();
        let kept = names(&before, &decision);
        if decision.deciding.len() >= DECIDING_GRANTS_MAX {
            return;
        }
        let after = properties::model(&with_allows(&policy, &kept)).unwrap();
        let again = check(&after, query).unwrap();
        assert_eq!(told(&after, &again), told(&before, &decision), "{query:?}");
        asked.set(asked.get() + 1);
        let others = policy
            .grants
            .iter()
            .any(|grant| grant.effect == Effect::Allow && !kept.contains(&grant.id.as_ref().unwrap().value));
        fewer.set(fewer.get() + usize::from(others));
    });
    assert!(
        asked.get() > 100 && fewer.get() > 50,
        "{} {}",
        asked.get(),
        fewer.get()
    );
}

#[test]
fn the_rules_that_a_refusal_names_are_enough_for_it() {
    let asked = std::cell::Cell::new(0);
    each(|policy, model, query| {
        let Ok(decision) = check(model, query) else { return };
        let is_by_rule = |rule: &Rule| matches!(rule, Rule::Grant(_) | Rule::Constraint(_));
        if decision.is_allow() || !decision.deciding.iter().any(is_by_rule) {
            return;
        }
        // That an allow demands what the item lacks, or an explanation, is a matter of the allows.
        let is_by_allow = decision.reason == Reason::ExplanationRequired
            || decision.reason == Reason::Violation && matches!(decision.deciding[0], Rule::Grant(_));
        if is_by_allow {
            return;
        }
        let policy = named(policy);
        let before = properties::model(&policy).unwrap();
        let decision = check(&before, query).unwrap();
        let kept = names(&before, &decision);
        let after = properties::model(&with_refusals(&policy, &kept)).unwrap();
        let again = check(&after, query).unwrap();
        asked.set(asked.get() + 1);
        let Some(field) = decision.about.filter(|_| decision.reason == Reason::Denied) else {
            assert_eq!(again.reason, decision.reason, "{query:?}");
            assert_eq!(names(&after, &again), kept, "{query:?}");
            return;
        };
        // Without other denies something else may pass, but not this field.
        let by_left_out = |rules: &[placet::model::id::GrantId]| -> BTreeSet<String> {
            rules.iter().map(|id| name_of(&after, Rule::Grant(*id))).collect()
        };
        if again.is_allow() {
            let left_out = again.left_out.iter().find(|each| each.field == field).unwrap();
            assert_eq!(left_out.reason, Reason::Denied, "{query:?}");
            assert_eq!(by_left_out(&left_out.rules), kept, "{query:?}");
        } else {
            assert_eq!(
                (again.reason, again.about),
                (Reason::Denied, Some(field)),
                "{query:?}"
            );
            assert_eq!(names(&after, &again), kept, "{query:?}");
        }
    });
    assert!(asked.get() > 50, "{}", asked.get());
}

/// Whether an event says of a rule what an answer for this reason that names it rests on.
fn is_ground(reason: Reason, event: &Event) -> bool {
    let Event { outcome, open, .. } = *event;
    match (event.rule, reason) {
        (Rule::Grant(_) | Rule::Transition(_) | Rule::DocumentGrant(_), Reason::Allowed) => {
            outcome == Outcome::Matched && !open
        }
        (Rule::Grant(_) | Rule::DocumentGrant(_), Reason::ExplanationRequired) => {
            matches!(outcome, Outcome::Matched | Outcome::Explanation) && !open
        }
        // What may be denied is denied.
        (Rule::Grant(_), Reason::Denied) => open != (outcome == Outcome::Matched),
        (Rule::Grant(_), Reason::BrokenRule) => outcome == Outcome::Broken,
        (Rule::Grant(_), Reason::Violation) => outcome == Outcome::Validate && !open,
        (Rule::Constraint(_), Reason::Violation) => {
            matches!(outcome, Outcome::Require | Outcome::Submitted) && !open
        }
        (Rule::Constraint(_), Reason::Network) => outcome == Outcome::Network && !open,
        (Rule::Constraint(_), Reason::MissingAttribute | Reason::Fault) => {
            matches!(outcome, Outcome::Require | Outcome::Submitted) && open
        }
        (Rule::Transition(_), Reason::NotOffered) => {
            matches!(outcome, Outcome::NotOffered | Outcome::Time | Outcome::Condition) && !open
        }
        (Rule::Transition(_), Reason::ApprovalMissing) => outcome == Outcome::Approvals && !open,
        (Rule::Grant(_) | Rule::Transition(_), Reason::MissingAttribute | Reason::Fault) => open,
        _ => false,
    }
}

#[test]
fn the_trace_says_once_of_each_rule_why() {
    let asked = std::cell::Cell::new(0);
    each(|_, model, query| {
        let mut trace = Recorder::default();
        let Ok(decision) = check_traced(model, query, &mut trace) else {
            return;
        };
        // Of several ways to a state each asks anew.
        let is_plain = |event: &Event| !matches!(event.rule, Rule::Transition(_));
        if trace.events.iter().all(is_plain) {
            let mut seen = BTreeSet::new();
            // A question may tell one document twice among those above the item.
            let is_once = |event: &&Event| !matches!(event.rule, Rule::DocumentGrant(_));
            for event in trace.events.iter().filter(is_once) {
                let key = (format!("{:?}", event.rule), event.action);
                assert!(seen.insert(key), "{event:?} again\n{query:?}");
            }
        }
        for rule in &decision.deciding {
            if matches!(rule, Rule::Administrator(_)) {
                continue;
            }
            asked.set(asked.get() + 1);
            let of_rule: Vec<_> = trace.events.iter().filter(|event| event.rule == *rule).collect();
            assert!(
                of_rule.iter().any(|event| is_ground(decision.reason, event)),
                "{rule:?} {decision:?}\n{of_rule:?}\n{query:?}"
            );
        }
    });
    assert!(asked.get() > 300, "{}", asked.get());
}

#[test]
fn a_violation_says_by_which_rules_and_what_lacks_is_not_told() {
    let (violations, lacking) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    each(|_, model, query| {
        let Ok(decision) = check(model, query) else { return };
        if decision.reason == Reason::Violation {
            violations.set(violations.get() + 1);
            let by: BTreeSet<String> = decision
                .violations
                .iter()
                .map(|each| format!("{:?}", each.rule))
                .collect();
            let named: BTreeSet<String> = decision.deciding.iter().map(|each| format!("{each:?}")).collect();
            assert_eq!(by, named, "{decision:?}\n{query:?}");
        }
        if decision.reason == Reason::MissingAttribute {
            lacking.set(lacking.get() + 1);
            assert!(!decision.lacking.is_empty(), "{decision:?}\n{query:?}");
            let tells_state = !query.resource.state.is_empty();
            assert!(
                !(tells_state && decision.lacking.contains(&"resource.state")),
                "{decision:?}\n{query:?}"
            );
        }
    });
    assert!(
        violations.get() > 10 && lacking.get() > 20,
        "{} {}",
        violations.get(),
        lacking.get()
    );
}

/// Takes the part out of a grant by which it did not fit; `None` for what cannot be taken out of it alone.
fn mended(policy: &Policy, index: usize, outcome: Outcome) -> Option<Policy> {
    let mut policy = policy.clone();
    let grant = &mut policy.grants[index];
    let is_allow = grant.effect == Effect::Allow && grant.broken.is_none();
    match outcome {
        Outcome::Held => grant.selection.held = Default::default(),
        Outcome::State => grant.selection.states = Selector::Any,
        Outcome::TargetState => grant.selection.to_states = None,
        Outcome::Scope => grant.selection.scope = Default::default(),
        Outcome::Network => grant.networks = None,
        Outcome::Condition => grant.selection.when = None,
        Outcome::Validate => grant.validate = None,
        Outcome::Fields if is_allow => grant.fields = Selector::Any,
        _ => return None,
    }
    Some(policy)
}

/// The steps in which a grant is looked at.
fn rank(outcome: Outcome) -> usize {
    use Outcome::{Condition, Fields, Held, Network, Roles, Scope, State, TargetState, Validate};
    [
        Roles,
        Held,
        State,
        TargetState,
        Scope,
        Network,
        Condition,
        Fields,
        Validate,
    ]
    .iter()
    .position(|each| *each == outcome)
    .unwrap_or(usize::MAX)
}

#[test]
fn a_grant_without_the_part_that_the_trace_blames_gets_further() {
    let blamed = std::cell::RefCell::new(std::collections::BTreeMap::<String, usize>::new());
    each(|policy, model, query| {
        let mut trace = Recorder::default();
        if check_traced(model, query, &mut trace).is_err() || asks_what_is_permitted(model) {
            return;
        }
        let policy = named(policy);
        let before = properties::model(&policy).unwrap();
        let mut trace = Recorder::default();
        check_traced(&before, query, &mut trace).unwrap();
        for event in &trace.events {
            let Rule::Grant(id) = event.rule else { continue };
            let name = before.grant(id).unwrap().name.as_deref().unwrap();
            let index: usize = name["grant".len()..].parse().unwrap();
            let kind = format!("{:?} {}", event.outcome, event.open);
            if blamed.borrow().get(&kind).is_some_and(|count| *count >= 40) {
                continue;
            }
            let Some(mended) = mended(&policy, index, event.outcome) else {
                continue;
            };
            let Ok(after) = properties::model(&mended) else {
                continue;
            };
            *blamed.borrow_mut().entry(kind).or_default() += 1;
            let mut again = Recorder::default();
            check_traced(&after, query, &mut again).unwrap();
            let same = |other: &&Event| {
                let is_same = matches!(other.rule, Rule::Grant(id) if after.grant(id).unwrap().name.as_deref() == Some(name));
                is_same
                    && other.action.map(|id| after.action_names.name(id.index()))
                        == event.action.map(|id| before.action_names.name(id.index()))
            };
            for other in again.events.iter().filter(same) {
                // What is sure not to fit is told before what may not.
                let gets_further = rank(other.outcome) > rank(event.outcome) || other.open && !event.open;
                assert!(gets_further, "{name}: {event:?}\n{other:?}\n{query:?}");
            }
        }
    });
    println!("{:?}", blamed.borrow());
    for part in [
        "Held",
        "State",
        "TargetState",
        "Scope",
        "Network",
        "Condition",
        "Fields",
        "Validate",
    ] {
        assert!(blamed.borrow().contains_key(&format!("{part} false")), "{part}");
    }
}

#[test]
fn an_allow_for_some_item_that_is_not_conditional_is_one_for_each() {
    let (asked, open) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    each(|_, model, query| {
        let mut some = query.clone();
        some.resource.any_item = true;
        let Ok(decision) = check(model, &some) else { return };
        if !decision.is_allow() {
            return;
        }
        if decision.conditional {
            open.set(open.get() + 1);
            return;
        }
        asked.set(asked.get() + 1);
        let mut this = some.clone();
        this.resource.any_item = false;
        let one = check(model, &this).unwrap();
        assert!(one.is_allow(), "{decision:?}\n{one:?}\n{query:?}");
    });
    assert!(
        asked.get() > 100 && open.get() > 10,
        "{} {}",
        asked.get(),
        open.get()
    );
}
