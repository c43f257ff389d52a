//! Denies, allows and the fields that they cover: steps three to five of a decision.

use crate::model::bits::Bits;
use crate::model::document::DocumentGrant;
use crate::model::grant::Grant;
use crate::model::id::{ActionId, CollectionId, GrantId};
use crate::model::slot::{Found, Rules, Sketch, Slots};
use crate::vocab::effect::{Operation, Reason};

use super::condition::{Notes, Truth};
use super::constraints::Presets;
use super::coverage::{Asked, Denied, Match, Tally, Weighing, administer, selects_some};
use super::decision::{Decision, Rule};
use super::facts::State;
use super::identity::{grantees, is_grantee};
use super::query::Ancestor;
use super::selection::{Bout, Fit};
use super::trace::{Outcome, Trace};

/// The document that a grant may be on: the item, or one that lies above it.
struct Node<'q> {
    collection: Option<CollectionId>,
    id: &'q str,
    is_above: bool,
}

impl<'q> Bout<'_, 'q> {
    /// Runs steps three to five; `demanded` becomes true if the request is covered only with an explanation.
    pub(super) fn cover<T: Trace>(
        &self,
        asked: &Asked<'q>,
        presets: &Presets<'_>,
        demanded: &mut bool,
        trace: &mut T,
    ) -> Decision<'q> {
        let model = self.facts.model;
        let mut notes = Notes::new();
        let mut tally = Tally::default();
        let refused = if model.refusals.is_empty() {
            None
        } else {
            self.refuse(&mut notes, &mut tally.conditional, trace)
        };
        if let Some(refused) = refused.as_ref()
            && !T::ENABLED
        {
            return refused.clone();
        }
        let mut denied = Denied::default();
        if !model.takings.is_empty() {
            self.deny_fields(asked, &mut denied, &mut tally.conditional, trace);
        }
        if let Some(administrator) = self.facts.effective.administrator {
            let decision = Decision::allow_by(Rule::Administrator(administrator), tally.conditional);
            return refused.unwrap_or_else(|| administer(asked, &denied, self.drops(), decision));
        }
        if let Some(rule) = self.allows(asked, &denied, presets, &mut tally, &mut notes, trace) {
            return Decision::allow_by(rule, tally.conditional);
        }
        if tally.any_neutral {
            self.settle_neutral(asked, &mut tally, trace);
        }
        match refused {
            Some(decision) => decision,
            None => self.weigh(asked, &denied, presets, &tally, &notes, demanded),
        }
    }

    /// Returns the rules of a slot that may be for the subject's roles; all of them where somebody listens.
    #[inline(always)]
    fn rules<'s, T: Trace>(
        &self,
        slots: &'s Slots<GrantId>,
        found: &'s mut Found<GrantId>,
    ) -> impl Iterator<Item = (GrantId, &'q Grant)> + use<'s, 'q, T>
    where
        'q: 's,
    {
        let facts = self.facts;
        let model = facts.model;
        let rules = match self.action {
            None => Rules::default(),
            // For some item, roles of owners may be held, too.
            Some(action) if T::ENABLED || facts.query.resource.any_item => {
                slots.find(facts.collection_id, action)
            }
            Some(action) => {
                let held = &facts.effective.all;
                let sketch = self.position.narrow(Sketch::of_holder(held));
                slots.find_held(facts.collection_id, action, held, sketch, found)
            }
        };
        rules.filter_map(move |id| Some((id, model.grant(id)?)))
    }

    /// Tells how a rule fits, and the trace what failed first if it does not at all.
    fn fit<'m, T: Trace>(
        &self,
        id: GrantId,
        grant: &Grant,
        notes: &mut Notes<'m>,
        trace: &mut T,
    ) -> Option<Fit>
    where
        'q: 'm,
    {
        let rule = Rule::Grant(id);
        let standing = self.stands(&grant.selection);
        if standing == Truth::False {
            self.stray(trace, rule, &grant.selection);
            return None;
        }
        let reach = self.reaches(&grant.selection, standing);
        let mut fit = reach;
        if reach.truth != Truth::False {
            fit = reach.meet(self.matches(&grant.selection, grant.networks.as_deref(), notes));
        }
        if fit.truth == Truth::False {
            self.event(trace, rule, fit.part, false, |event| {
                event.leaf = self.blame(&grant.selection, fit.part);
            });
        }
        Some(fit)
    }

    /// Step three: a deny without fields refuses.
    fn refuse<T: Trace>(
        &self,
        notes: &mut Notes<'q>,
        conditional: &mut bool,
        trace: &mut T,
    ) -> Option<Decision<'q>> {
        let mut refused: Option<(Reason, GrantId)> = None;
        let mut found = Found::new();
        for (id, grant) in self.rules::<T>(&self.facts.model.refusals, &mut found) {
            let Some(fit) = self.fit(id, grant, notes, trace) else {
                continue;
            };
            if fit.truth == Truth::False {
                continue;
            }
            let is_aside = fit.is_aside(self.facts.query.resource.any_item);
            let outcome = if grant.broken.is_some() && !is_aside {
                Outcome::Broken
            } else {
                fit.part
            };
            self.event(
                trace,
                Rule::Grant(id),
                outcome,
                fit.truth == Truth::Open,
                |event| {
                    event.leaf = self.settled(&grant.selection, fit);
                },
            );
            if is_aside {
                *conditional = true;
                continue;
            }
            let reason = match (fit.truth, &grant.broken) {
                (_, Some(_)) => Reason::BrokenRule,
                (Truth::True, None) => Reason::Denied,
                (Truth::Open | Truth::False, None) if fit.fault => Reason::Fault,
                (Truth::Open | Truth::False, None) => {
                    self.note_open_state(fit, notes);
                    Reason::MissingAttribute
                }
            };
            // What is sure outweighs what is broken, and that what is open, of which a fault is the worst; so the order of
            // files does not matter.
            let weight = |reason| {
                [Reason::Fault, Reason::BrokenRule, Reason::Denied]
                    .iter()
                    .position(|each| *each == reason)
            };
            if refused.is_none_or(|(other, _)| weight(reason) > weight(other)) {
                refused = Some((reason, id));
            }
            if reason == Reason::Denied && !T::ENABLED {
                break;
            }
        }
        let (reason, id) = refused?;
        let mut decision = Decision::deny(reason);
        decision.deciding.push(Rule::Grant(id));
        if reason == Reason::MissingAttribute {
            decision.lacking = notes.lacking.clone();
        }
        Some(decision)
    }

    /// An open state is a fact that lacks, too.
    fn note_open_state(&self, fit: Fit, notes: &mut Notes<'_>) {
        if matches!(fit.part, Outcome::State | Outcome::TargetState) && notes.lacking.is_empty() {
            notes.lacking.push(self.untold_state());
        }
    }

    /// Names the state that is open: where the present one is told, it is the one afterwards.
    fn untold_state(&self) -> &'static str {
        match self.position.state {
            State::Open => "resource.state",
            State::None | State::Named(..) => "to_state",
        }
    }

    /// Step five, first half: the fields that denies take away.
    fn deny_fields<T: Trace>(
        &self,
        asked: &Asked<'q>,
        denied: &mut Denied<'q>,
        conditional: &mut bool,
        trace: &mut T,
    ) {
        let mut notes = Notes::new();
        let mut found = Found::new();
        for (id, grant) in self.rules::<T>(&self.facts.model.takings, &mut found) {
            let Some(fit) = self.fit(id, grant, &mut notes, trace) else {
                continue;
            };
            if fit.truth == Truth::False {
                continue;
            }
            let is_aside = fit.is_aside(self.facts.query.resource.any_item);
            self.event(
                trace,
                Rule::Grant(id),
                fit.part,
                fit.truth == Truth::Open,
                |event| {
                    event.leaf = self.settled(&grant.selection, fit);
                    if !is_aside {
                        let taken = asked.names.iter().filter(|field| grant.fields.selects(field.id));
                        event.fields = taken.map(|field| field.name.to_owned()).collect();
                    }
                },
            );
            if is_aside {
                *conditional = true;
                continue;
            }
            for (index, field) in asked.names.iter().enumerate() {
                if grant.fields.selects(field.id) {
                    denied.bits.insert(index);
                }
            }
            denied.masks.push(&grant.fields);
            denied.rules.push(id);
        }
    }

    /// Step four: the allows in reach, and which of them match. Where nobody listens, it ends with the first allow that
    /// settles the question, and returns that one.
    fn allows<T: Trace>(
        &self,
        asked: &Asked<'q>,
        denied: &Denied<'q>,
        presets: &Presets<'_>,
        tally: &mut Tally,
        notes: &mut Notes<'q>,
        trace: &mut T,
    ) -> Option<Rule> {
        let asks_nothing = !T::ENABLED && asked.names.is_empty() && !asked.star;
        let mut found = Found::new();
        for (id, grant) in self.rules::<T>(&self.facts.model.allows, &mut found) {
            let Some(found) = self.allow(id, grant, asked, denied, presets, tally, notes, trace) else {
                continue;
            };
            if asks_nothing && tally.is_settled_by(&found) {
                return Some(found.rule);
            }
            tally.matching.push(found);
        }
        if !self.facts.model.document_grants.is_empty() {
            return self.document_allows(asked, tally, trace);
        }
        None
    }

    /// Looks at one allow: what it adds to the tally, and how it matches if it does.
    #[expect(
        clippy::too_many_arguments,
        reason = "one step of a loop, apart for its length"
    )]
    #[inline]
    fn allow<T: Trace>(
        &self,
        id: GrantId,
        grant: &'q Grant,
        asked: &Asked<'q>,
        denied: &Denied<'q>,
        presets: &Presets<'_>,
        tally: &mut Tally,
        notes: &mut Notes<'q>,
        trace: &mut T,
    ) -> Option<Match> {
        let rule = Rule::Grant(id);
        let standing = self.stands(&grant.selection);
        if standing == Truth::False {
            self.stray(trace, rule, &grant.selection);
            return None;
        }
        let any_item = self.facts.query.resource.any_item;
        let reach = self.reaches(&grant.selection, standing);
        if reach.truth == Truth::False || reach.truth == Truth::Open && !any_item {
            if reach.truth == Truth::Open && self.may_match(grant) {
                tally.any_open = true;
                notes.lacking.push(self.untold_state());
            }
            return self.passed_over(trace, rule, reach.part, reach.truth == Truth::Open);
        }
        let bits = asked.touched(grant);
        let stars = asked.star && denied.leaves(&grant.fields, self);
        let selects = selects_some(&grant.fields);
        let touches = asked.is_plain() || asked.touches(&bits) || asked.star && selects;
        tally.any_in_reach = true;
        tally.any_selects |= selects;
        tally.in_reach.union(&bits);
        if grant.selection.when.is_some() && !grant.neutral {
            tally.conditioned.union(&bits);
            tally.any_conditioned |= touches;
        }
        // An allow of no field at all shows the bare item, if nothing else is in reach.
        let is_asked = touches || !bits.is_empty() || !selects;
        if !is_asked && !T::ENABLED && tally.any_matched {
            return None;
        }
        let fit = reach.meet(self.matches(&grant.selection, grant.networks.as_deref(), notes));
        if fit.truth == Truth::False || fit.truth == Truth::Open && !fit.is_aside(any_item) {
            tally.any_open |= fit.truth == Truth::Open;
            self.event(trace, rule, fit.part, fit.truth == Truth::Open, |event| {
                event.leaf = self.blame(&grant.selection, fit.part);
            });
            return None;
        }
        if grant.neutral {
            tally.any_neutral = true;
        } else {
            tally.any_matched = true;
        }
        if !is_asked {
            return self.passed_over(trace, rule, Outcome::Fields, false);
        }
        let (valid, is_assumed) = self.valid(grant, asked, presets, notes);
        if valid != Truth::True {
            self.event(trace, rule, Outcome::Validate, valid == Truth::Open, |event| {
                let program = grant.validate.and_then(|id| self.facts.model.condition(id));
                event.leaf = program.and_then(|program| self.as_would_be(presets).blame(program));
            });
        } else if !grant.neutral {
            self.fits(trace, rule, grant.explain, asked, &bits);
        }
        Some(Match {
            rule,
            bits,
            touches,
            stars,
            neutral: grant.neutral,
            explain: grant.explain,
            open: fit.truth == Truth::Open || is_assumed,
            valid,
        })
    }

    /// Tells the trace why an allow does not count.
    #[inline]
    fn passed_over<T: Trace>(
        &self,
        trace: &mut T,
        rule: Rule,
        outcome: Outcome,
        open: bool,
    ) -> Option<Match> {
        self.event(trace, rule, outcome, open, |_| {});
        None
    }

    /// Whether an allow whose states are open might match.
    fn may_match(&self, grant: &Grant) -> bool {
        let mut notes = Notes::new();
        self.matches(&grant.selection, grant.networks.as_deref(), &mut notes)
            .truth
            != Truth::False
    }

    /// Whether the item as it would be holds what the allow demands, and whether that is only taken in favour of some item. Only
    /// writes have such an item.
    fn valid(
        &self,
        grant: &Grant,
        asked: &Asked<'q>,
        presets: &Presets<'_>,
        notes: &mut Notes<'q>,
    ) -> (Truth, bool) {
        if asked.operation == Operation::Read {
            return (Truth::True, false);
        }
        let Some(program) = grant.validate.and_then(|id| self.facts.model.condition(id)) else {
            return (Truth::True, false);
        };
        let before = std::mem::take(&mut notes.fault);
        let truth = self.as_would_be(presets).run(program, notes);
        let is_assumed = truth == Truth::Open && self.facts.query.resource.any_item && !notes.fault;
        notes.fault |= before;
        (if is_assumed { Truth::True } else { truth }, is_assumed)
    }

    /// Grants on this document, and those on its ancestors that come down to it, are allows of all fields.
    fn document_allows<T: Trace>(&self, asked: &Asked<'q>, tally: &mut Tally, trace: &mut T) -> Option<Rule> {
        let facts = self.facts;
        let resource = &facts.query.resource;
        let action = self.action?;
        if facts.model.document_grants.any_descends() {
            for (index, ancestor) in resource.inherited() {
                // A document that is told twice, or lies below itself, gives what it gives once.
                let is_same =
                    |other: &Ancestor<'_>| other.id == ancestor.id && other.collection == ancestor.collection;
                let is_item = resource.id == ancestor.id && resource.collection == ancestor.collection;
                let mut before = resource.inherited().take_while(|(other, _)| *other < index);
                if is_item || before.any(|(_, other)| is_same(other)) {
                    continue;
                }
                let node = Node {
                    collection: facts.model.collection_names.id(ancestor.collection),
                    id: ancestor.id,
                    is_above: true,
                };
                if let Some(rule) = self.grants_on(&node, action, asked, tally, trace) {
                    return Some(rule);
                }
            }
        }
        let node = Node {
            collection: facts.collection_id,
            id: resource.id,
            is_above: false,
        };
        self.grants_on(&node, action, asked, tally, trace)
    }

    /// Looks at the grants on one document, and ends as [`Self::allows`] does.
    fn grants_on<T: Trace>(
        &self,
        node: &Node<'q>,
        action: ActionId,
        asked: &Asked<'q>,
        tally: &mut Tally,
        trace: &mut T,
    ) -> Option<Rule> {
        let collection = node.collection.filter(|_| !node.id.is_empty())?;
        let grants = &self.facts.model.document_grants;
        let mut look = |grant: DocumentGrant<'_>| self.grant_on(node, grant, action, asked, tally, trace);
        // Whoever listens hears of the grants of others, too.
        if T::ENABLED {
            grants.find(collection, node.id).find_map(&mut look)
        } else {
            let facts = self.facts;
            let holders = grantees(facts.model, facts.query, &facts.identity);
            grants.find_held(collection, node.id, holders).find_map(&mut look)
        }
    }

    /// Looks at one grant on a document.
    fn grant_on<T: Trace>(
        &self,
        node: &Node<'q>,
        grant: DocumentGrant<'_>,
        action: ActionId,
        asked: &Asked<'q>,
        tally: &mut Tally,
        trace: &mut T,
    ) -> Option<Rule> {
        let kind = grant.kind;
        if !kind.actions.contains(action.index()) || node.is_above && !kind.descendants {
            return None;
        }
        let rule = Rule::DocumentGrant(grant.id);
        let facts = self.facts;
        let is_holder = |holder| is_grantee(facts.model, facts.query, &facts.identity, holder);
        if !grant.holders().any(is_holder) {
            self.event(trace, rule, Outcome::Roles, false, |_| {});
            return None;
        }
        let bits = Bits::of(0..asked.names.len());
        tally.any_in_reach = true;
        tally.any_selects = true;
        tally.any_matched = true;
        tally.in_reach.union(&bits);
        self.fits(trace, rule, false, asked, &bits);
        let found = Match {
            rule,
            bits,
            touches: true,
            stars: true,
            neutral: false,
            explain: false,
            open: false,
            valid: Truth::True,
        };
        let asks_nothing = !T::ENABLED && asked.names.is_empty() && !asked.star;
        if asks_nothing && tally.is_settled_by(&found) {
            return Some(rule);
        }
        tally.matching.push(found);
        None
    }

    /// Tells the trace that an allow fits, and which fields it covers.
    fn fits<T: Trace>(&self, trace: &mut T, rule: Rule, explain: bool, asked: &Asked<'q>, bits: &Bits) {
        let lacks = explain && self.facts.query.context.explanation.trim().is_empty();
        let outcome = if lacks {
            Outcome::Explanation
        } else {
            Outcome::Matched
        };
        self.event(trace, rule, outcome, false, |event| {
            let covered = bits.iter().filter_map(|index| asked.names.get(index));
            event.fields = covered.map(|field| field.name.to_owned()).collect();
        });
    }

    /// Lets neutral allows count where no condition stands beside them.
    fn settle_neutral<T: Trace>(&self, asked: &Asked<'q>, tally: &mut Tally, trace: &mut T) {
        let any_conditioned = tally.any_conditioned;
        let conditioned = std::mem::take(&mut tally.conditioned);
        let mut any_neutral = !any_conditioned;
        for each in tally.matching.iter_mut().filter(|each| each.neutral) {
            each.bits = Bits::of(each.bits.iter().filter(|field| !conditioned.contains(*field)));
            each.touches &= !any_conditioned;
            each.stars &= !any_conditioned;
            // A read is of an item as a whole, a write of each field.
            any_neutral |= each.touches || asked.operation != Operation::Read && !each.bits.is_empty();
            if each.valid != Truth::True {
                continue;
            }
            if each.touches || each.stars || !each.bits.is_empty() {
                self.fits(trace, each.rule, each.explain, asked, &each.bits);
            } else {
                self.event(trace, each.rule, Outcome::Neutral, false, |_| {});
            }
        }
        tally.any_matched |= any_neutral;
    }

    fn drops(&self) -> bool {
        self.facts
            .collection
            .is_some_and(|collection| collection.drops_unwritable)
    }

    /// Step five, second half: whether the fields are covered.
    fn weigh(
        &self,
        asked: &Asked<'q>,
        denied: &Denied<'q>,
        presets: &Presets<'_>,
        tally: &Tally,
        notes: &Notes<'q>,
        demanded: &mut bool,
    ) -> Decision<'q> {
        let open = if notes.fault {
            Reason::Fault
        } else {
            Reason::MissingAttribute
        };
        let refusal = |reason, about| refused(reason, about, tally, notes);
        if !tally.any_matched {
            let reason = match (tally.any_open, tally.any_in_reach) {
                (true, _) => open,
                (false, true) => Reason::NoMatchingGrant,
                (false, false) if self.facts.effective.is_stranger => Reason::UnknownRole,
                (false, false) => Reason::NoGrant,
            };
            return refusal(reason, None);
        }
        let weighing = Weighing {
            asked,
            denied,
            tally,
            omits: self
                .facts
                .collection
                .is_some_and(|collection| collection.omits_unreadable),
            drops: self.drops(),
            filters_by_reach: self
                .facts
                .collection
                .is_some_and(|collection| collection.filters_by_reach),
        };
        let outcome = match weighing
            .fields()
            .and_then(|passing| weighing.filters().map(|()| passing))
        {
            Ok(outcome) => outcome,
            Err((Reason::MissingAttribute, about)) => return refusal(open, about),
            Err((reason, about)) => {
                let mut decision = refusal(reason, about);
                let index = about.and_then(|about| asked.names.iter().position(|field| field.name == about));
                if reason == Reason::Denied {
                    let takers = denied.takers(index.and_then(|index| asked.names.get(index)));
                    decision.deciding.extend(takers.into_iter().map(Rule::Grant));
                }
                if reason == Reason::Violation {
                    self.blame_validate(index, tally, presets, &mut decision);
                }
                return decision;
            }
        };
        let mut decision = Decision::allow();
        decision.left_out = outcome.left_out;
        let (deciding, is_open) = weighing.deciding(&outcome.passing, outcome.demanded);
        decision.deciding = deciding;
        decision.conditional = tally.conditional || is_open;
        *demanded |= outcome.demanded;
        decision
    }
}

/// A refusal for a reason, about a field.
fn refused<'q>(reason: Reason, about: Option<&'q str>, tally: &Tally, notes: &Notes<'q>) -> Decision<'q> {
    let mut decision = Decision::deny(reason);
    decision.about = about;
    decision.conditional = tally.conditional;
    if reason == Reason::MissingAttribute {
        decision.lacking = notes.lacking.clone();
    }
    decision
}
