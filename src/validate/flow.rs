//! Workflows as graphs: names as numbers, and where transitions lead.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::policy::Selector;
use crate::policy::workflow::{Target, Workflow};
use crate::source::code::Code;
use crate::source::diagnostic::quote;
use crate::source::span::Spanned;

use super::report::Report;

/// A workflow, its names as numbers.
pub(super) struct Flow<'p> {
    pub(super) workflow: &'p Workflow,
    pub(super) states: FxHashMap<&'p str, usize>,
    pub(super) transitions: FxHashMap<&'p str, usize>,
    /// The collections that use it.
    pub(super) places: Vec<usize>,
    /// Where transitions lead from each state, each target once.
    pub(super) targets: Vec<Vec<usize>>,
    /// From where transitions lead to each state, each source once.
    pub(super) sources: Vec<Vec<usize>>,
    /// The states from which a transition leads to a place that only the CMS knows.
    pub(super) leads_anywhere: Vec<bool>,
}

impl<'p> Flow<'p> {
    /// Makes the graph of a workflow; names that lead nowhere are left out.
    pub(super) fn new(workflow: &'p Workflow) -> Self {
        let mut states = FxHashMap::default();
        for (index, state) in workflow.states.iter().enumerate() {
            states.entry(state.id.value.as_str()).or_insert(index);
        }
        let mut transitions = FxHashMap::default();
        for (index, transition) in workflow.transitions.iter().enumerate() {
            transitions.entry(transition.id.value.as_str()).or_insert(index);
        }
        let count = workflow.states.len();
        let mut flow = Self {
            workflow,
            states,
            transitions,
            places: Vec::new(),
            targets: vec![Vec::new(); count],
            sources: vec![Vec::new(); count],
            leads_anywhere: vec![false; count],
        };
        flow.collect_edges();
        flow
    }

    fn collect_edges(&mut self) {
        let starts = self.starts();
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for (transition, sources) in self.workflow.transitions.iter().zip(&starts) {
            for source in sources {
                match &transition.to {
                    Target::State(name) => {
                        edges.extend(
                            self.states
                                .get(name.value.as_str())
                                .map(|target| (*source, *target)),
                        );
                    }
                    Target::Map(pairs) => {
                        let of_source = |from: &str| self.states.get(from) == Some(source);
                        let targets = pairs.iter().filter(|(from, _)| of_source(&from.value));
                        let targets = targets.filter_map(|(_, to)| self.states.get(to.value.as_str()));
                        edges.extend(targets.map(|target| (*source, *target)));
                    }
                    Target::Unknown => self
                        .leads_anywhere
                        .iter_mut()
                        .skip(*source)
                        .take(1)
                        .for_each(|each| *each = true),
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        for (source, target) in edges {
            if let Some(targets) = self.targets.get_mut(source) {
                targets.push(target);
            }
            if let Some(sources) = self.sources.get_mut(target) {
                sources.push(source);
            }
        }
    }

    /// Returns for each transition the states it can be executed from.
    pub(super) fn starts(&self) -> Vec<Vec<usize>> {
        let mut starts: Vec<Vec<usize>> = vec![Vec::new(); self.workflow.transitions.len()];
        for (source, state) in self.workflow.states.iter().enumerate() {
            for name in &state.transitions {
                let transition = self.transitions.get(name.value.as_str());
                if let Some(starts) = transition.and_then(|transition| starts.get_mut(*transition)) {
                    starts.push(source);
                }
            }
        }
        for (transition, starts) in self.workflow.transitions.iter().zip(&mut starts) {
            if let Some(from) = &transition.from {
                *starts = self.selected(from);
            }
        }
        starts
    }

    /// Returns the states that a selector is for.
    pub(super) fn selected(&self, selector: &Selector) -> Vec<usize> {
        let named: FxHashSet<usize> = selector
            .names()
            .iter()
            .filter_map(|name| self.states.get(name.value.as_str()).copied())
            .collect();
        let all = 0..self.workflow.states.len();
        match selector {
            Selector::Any => all.collect(),
            Selector::Only(_) => all.filter(|state| named.contains(state)).collect(),
            Selector::Except(_) => all.filter(|state| !named.contains(state)).collect(),
        }
    }

    pub(super) fn check_state(&self, name: &Spanned<String>, report: &mut Report<'_>) {
        if !self.states.contains_key(name.value.as_str()) {
            let workflow = quote(&self.workflow.id.value);
            let message = format!("workflow {workflow} has no state {}", quote(&name.value));
            report.unknown(Code::UnknownState, message, name, self.states.keys().copied());
        }
    }
}

/// Returns for each name of a state the workflows that have it, by number.
pub(super) fn collect_states<'p>(flows: &[Flow<'p>]) -> FxHashMap<&'p str, Vec<usize>> {
    let mut states: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    for (index, flow) in flows.iter().enumerate() {
        for name in flow.states.keys() {
            states.entry(name).or_default().push(index);
        }
    }
    states
}
