//! What policies and questions are made of, and how often each construct decides an answer.
//!
//! A construct **decides** an answer if the reference answers otherwise once the construct is taken out of the policy (or out of
//! the question), or turned into its opposite. [`policy`] lists such changes for the rules of a policy, [`condition`] for its
//! conditions, [`facts`] for its roles, people, collections and workflows, and [`query`] for questions. They take the types of
//! `policy` apart field by field, so that a new field does not compile before somebody has said what it is worth here.

pub(crate) mod condition;
pub(crate) mod facts;
pub(crate) mod policy;
pub(crate) mod query;

use std::collections::BTreeMap;
use std::rc::Rc;

use placet::engine::query::Query;
use placet::policy::Policy;
use placet::vocab::effect::Reason;

use crate::reference::{self, Malformed, Outcome};

/// A way of changing a policy in place.
pub(crate) type Edit = Box<dyn Fn(&mut Policy)>;

/// Constructs, and changes after which they are not what they were.
pub(crate) struct Change {
    /// What is changed; all of them decide if one of the edits changes an answer.
    pub(crate) names: Vec<String>,
    pub(crate) edits: Vec<Edit>,
    /// Which questions it may matter to at all; absent: any. It only saves asking.
    pub(crate) about: Option<About>,
}

/// Whether something may matter to a question.
pub(crate) type About = Rc<dyn Fn(&Query<'static>) -> bool>;

impl Change {
    pub(crate) fn new(name: impl Into<String>, edit: impl Fn(&mut Policy) + 'static) -> Self {
        Self {
            names: vec![name.into()],
            edits: vec![Box::new(edit)],
            about: None,
        }
    }
}

/// How many answers each construct decided.
pub(crate) struct Counts {
    decided: BTreeMap<String, usize>,
    /// From where on a construct is not looked at any more.
    enough: usize,
}

/// What the reference answers.
pub(crate) type Answer = Result<Outcome, Malformed>;

impl Counts {
    /// Starts with nothing decided; what has decided `enough` answers is not counted further.
    pub(crate) fn new(enough: usize) -> Self {
        let decided = names().into_iter().map(|name| (name, 0)).collect();
        Self { decided, enough }
    }

    /// Adds what somebody else counted.
    pub(crate) fn add(&mut self, other: &Counts) {
        for (name, count) in &other.decided {
            *self.decided.get_mut(name).unwrap() += count;
        }
    }

    /// Counts what decides the answers to some questions about a policy.
    pub(crate) fn count(&mut self, policy: &Policy, questions: &[Query<'static>]) {
        let asked: Vec<(&Query<'static>, Answer)> = questions
            .iter()
            .map(|query| (query, reference::check(policy, query)))
            .collect();
        // Related items by the thousand are for the engine; what they decide is slow to count and the same as of few.
        if asked.iter().any(|(_, answer)| is_fault(answer)) {
            return;
        }
        let mut changes = policy::changes(policy);
        changes.extend(facts::changes(policy));
        for change in changes {
            if self.is_wanted(&change.names) {
                self.count_change(policy, &asked, &change);
            }
        }
        for (question, answer) in &asked {
            for (name, edit) in query::changes() {
                if !self.is_wanted(std::slice::from_ref(&name)) {
                    continue;
                }
                let mut other = (*question).clone();
                edit(&mut other);
                if reference::check(policy, &other) != *answer {
                    self.bump(&name);
                }
            }
        }
    }

    fn count_change(&mut self, policy: &Policy, asked: &[(&Query<'static>, Answer)], change: &Change) {
        let mut decided = vec![false; asked.len()];
        for edit in &change.edits {
            let mut changed = policy.clone();
            edit(&mut changed);
            for ((question, answer), decided) in asked.iter().zip(&mut decided) {
                let about = change.about.as_ref();
                if *decided || about.is_some_and(|about| !about(question)) {
                    continue;
                }
                *decided = reference::check(&changed, question) != *answer;
            }
        }
        for _ in decided.into_iter().filter(|decided| *decided) {
            change.names.iter().for_each(|name| self.bump(name));
        }
    }

    fn is_wanted(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.decided_by(name) < self.enough)
    }

    fn decided_by(&self, name: &str) -> usize {
        *self
            .decided
            .get(name)
            .unwrap_or_else(|| panic!("`{name}` is in no table of constructs"))
    }

    fn bump(&mut self, name: &str) {
        *self.decided.get_mut(name).unwrap() += 1;
    }

    /// Returns the constructs with their counts, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, usize)> {
        self.decided.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

fn is_fault(answer: &Answer) -> bool {
    answer
        .as_ref()
        .is_ok_and(|outcome| outcome.reason == Reason::Fault)
}

/// The name of every construct.
fn names() -> Vec<String> {
    let mut names = policy::names();
    names.extend(condition::names());
    names.extend(facts::names());
    names.extend(query::names());
    names
}
