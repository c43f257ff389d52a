//! From the engine's answer to the wire: ids become names and origins, reasons become sentences.

use jiff::Timestamp;

use super::out::{Nested, Out, Text, Words};
use super::proto::fields as field;
use super::proto::v1;
use super::{DecisionId, convert, words};
use crate::engine::decision::{Alternative, Decision, Fact, LeftOut, Rule, Violation};
use crate::engine::query::Query;
use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::id::{ActionId, OriginId, TransitionId};
use crate::model::origin::{Origin, Place};
use crate::model::workflow::ApprovalRule;
use crate::observe::counts::DecisionCounts;
use crate::vocab::call::Call;
use crate::vocab::effect::{Effect, Reason};
use crate::vocab::limits::{DECIDING_GRANTS_MAX, MISSING_ALTERNATIVES_MAX, MISSING_FACTS_MAX};
use crate::vocab::value::Value;

/// How much an answer explains; set per listener, since ids and origins tell about other people's rights.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Effect and reason alone.
    None,
    /// And the ids of rules.
    Code,
    /// Everything.
    #[default]
    Full,
}

/// Writes answers of one model in so much detail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder<'m> {
    /// What names and origins come from.
    pub(super) model: &'m Model,
    /// How much is told.
    pub(super) detail: Detail,
    /// Where decisions are counted.
    pub(super) counts: &'m DecisionCounts,
    /// The call that is answered.
    pub(super) call: Call,
}

/// What an answer tells beyond its decision.
#[derive(Debug, Default)]
pub(super) struct Outlook<'q> {
    /// Ways to turn a denial into an allow.
    pub(super) missing: Vec<Alternative<'q>>,
    /// Until when the answer holds.
    pub(super) valid_until: Option<Timestamp>,
}

impl<'m> Encoder<'m> {
    /// Counts a decision.
    pub(super) fn count(&self, effect: Effect, reason: Reason) {
        self.counts.add(self.call, effect, reason);
    }

    /// Counts and writes a decision.
    pub(super) fn decision(
        &self,
        out: &mut Out<'_>,
        id: DecisionId<'_>,
        query: &Query<'_>,
        decision: &Decision<'_>,
        outlook: &Outlook<'_>,
    ) {
        self.count(decision.effect, decision.reason);
        out.words(field::decision::ID, |words| id.write(words));
        out.word(field::decision::EFFECT, convert::effect(decision.effect));
        out.word(field::decision::REASON, convert::reason(decision.reason));
        self.message(out, field::decision::MESSAGE, query, decision);
        self.rules(out, field::decision::GRANTS, decision.deciding.iter().copied());
        if decision.is_allow() {
            out.part(field::decision::OBLIGATIONS, |out| {
                out.flag(
                    field::obligations::EXPLANATION_REQUIRED,
                    decision.explanation_required,
                );
                presets(out, field::obligations::PRESETS, &decision.presets);
            });
            self.left_out(out, field::decision::LEFT_OUT, &decision.left_out);
        }
        for violation in &decision.violations {
            out.part(field::decision::VIOLATIONS, |out| self.violation(out, violation));
        }
        self.missing(out, field::decision::MISSING, decision, &outlook.missing);
        out.moment(field::decision::VALID_UNTIL, outlook.valid_until);
        out.flag(field::decision::CONDITIONAL, decision.conditional);
        out.text(field::decision::CMS_CODE, self.cms_code(query, decision));
    }

    /// Writes why a decision is as it is, for people.
    pub(super) fn message(&self, out: &mut Out<'_>, to: Text, query: &Query<'_>, decision: &Decision<'_>) {
        self.told(out, to, |text| words::sentence(text, self.model, query, decision));
    }

    /// Writes what is for people, and only where everything is told.
    pub(super) fn told(&self, out: &mut Out<'_>, to: Text, write: impl FnOnce(&mut Words<'_>)) {
        match self.detail {
            Detail::Full => out.words(to, write),
            Detail::None | Detail::Code => {}
        }
    }

    /// Writes rules, those with one name once.
    pub(super) fn rules(&self, out: &mut Out<'_>, to: Nested, rules: impl Iterator<Item = Rule>) {
        if self.detail != Detail::None {
            out.distinct(to, rules.take(DECIDING_GRANTS_MAX), |out, rule| {
                self.rule(out, rule)
            });
        }
    }

    /// Writes a rule.
    pub(super) fn rule(&self, out: &mut Out<'_>, rule: Rule) {
        let (kind, effect) = match rule {
            Rule::Grant(id) => (
                v1::RuleKind::Grant,
                self.model.grant(id).map(|grant| grant.effect),
            ),
            Rule::Constraint(_) => (v1::RuleKind::Constraint, None),
            Rule::DocumentGrant(_) => (v1::RuleKind::DocumentGrant, Some(Effect::Allow)),
            Rule::Administrator(_) => (v1::RuleKind::Role, Some(Effect::Allow)),
            Rule::Transition(_) => (v1::RuleKind::Transition, None),
        };
        self.rule_id(out, field::grant_ref::ID, rule);
        self.place(out, field::grant_ref::ORIGIN, rule_origin(self.model, rule));
        let effect = effect.map_or(v1::Effect::Unspecified, convert::effect);
        out.word(field::grant_ref::EFFECT, effect);
        out.word(field::grant_ref::KIND, kind);
    }

    /// Writes how answers call a rule: by its own name, else by its place, or by a number where places are not told.
    fn rule_id(&self, out: &mut Out<'_>, to: Text, rule: Rule) {
        match (self.detail, own_name(self.model, rule)) {
            (Detail::None, _) => {}
            (Detail::Code | Detail::Full, Some(name)) => out.text(to, name),
            (Detail::Code, None) => out.words(to, |words| number(words, rule)),
            (Detail::Full, None) => out.words(to, |words| rule_name(words, self.model, rule)),
        }
    }

    /// Writes where something was declared, if that is told.
    pub(super) fn origin(&self, out: &mut Out<'_>, to: Nested, id: Option<OriginId>) {
        self.place(
            out,
            to,
            id.and_then(|id| self.model.origin(id)).map(Origin::place),
        );
    }

    fn place(&self, out: &mut Out<'_>, to: Nested, place: Option<Place<'_>>) {
        let place = match self.detail {
            Detail::Full => place,
            Detail::None | Detail::Code => None,
        };
        if let Some(place) = place {
            out.part(to, |out| {
                out.text(field::origin::FILE, place.file);
                out.number(field::origin::LINE, place.line);
                out.number(field::origin::COLUMN, place.column);
            });
        }
    }

    /// Writes fields that are taken away.
    pub(super) fn left_out(&self, out: &mut Out<'_>, to: Nested, fields: &[LeftOut<'_>]) {
        for each in fields {
            out.part(to, |out| {
                out.text(field::left_out::FIELD, each.field);
                out.word(field::left_out::REASON, convert::reason(each.reason));
                self.told(out, field::left_out::MESSAGE, |text| {
                    words::field(text, each.reason, each.field);
                });
                let rules = each.rules.iter().map(|id| Rule::Grant(*id));
                self.rules(out, field::left_out::GRANTS, rules);
            });
        }
    }

    /// Writes ways to turn a denial into an allow.
    pub(super) fn missing(
        &self,
        out: &mut Out<'_>,
        to: Nested,
        decision: &Decision<'_>,
        ways: &[Alternative<'_>],
    ) {
        if decision.is_allow() || self.detail != Detail::Full {
            return;
        }
        let small = ways.iter().filter(|way| way.facts.len() <= MISSING_FACTS_MAX);
        for way in small.take(MISSING_ALTERNATIVES_MAX) {
            out.part(to, |out| {
                for fact in &way.facts {
                    out.part(field::missing::FACTS, |out| self.fact(out, decision, way, fact));
                }
            });
        }
    }

    /// Returns the names of roles.
    pub(super) fn roles(&self, roles: &Bits) -> impl Iterator<Item = &'m str> {
        let model = self.model;
        roles.iter().map(|role| model.roles.names.name(role))
    }

    /// Returns the roles that may approve, over all rules; nothing if one of them takes anybody.
    pub(super) fn approver_roles(&self, rules: &[ApprovalRule]) -> Bits {
        let mut all = Bits::default();
        for rule in rules {
            match &rule.roles {
                Some(roles) => all.union(roles),
                None => return Bits::default(),
            }
        }
        all
    }

    /// Returns the code by which the CMS reports such a refusal: that of a rule that refuses, of the action, of the profile.
    fn cms_code(&self, query: &Query<'_>, decision: &Decision<'_>) -> &'m str {
        if decision.is_allow() {
            return "";
        }
        let model = self.model;
        let reason = &decision.reason;
        let of_rule = || decision.deciding.iter().find_map(|rule| rule_code(model, *rule));
        let action = match query.action {
            "" => decision
                .transition
                .and_then(|id| model.transition(id)?.actions.first().copied())
                .and_then(|id| model.action(id)),
            name => model
                .action_names
                .find(name)
                .and_then(|id| model.action(ActionId::new(id))),
        };
        let of_action = || {
            let action = action?;
            let listed = action
                .any_item_codes
                .get(reason)
                .filter(|_| query.resource.any_item);
            let code = listed.or_else(|| action.codes.get(reason));
            code.map(AsRef::as_ref)
        };
        of_rule()
            .or_else(of_action)
            .or_else(|| model.settings.codes.get(reason).map(AsRef::as_ref))
            .unwrap_or_default()
    }

    fn violation(&self, out: &mut Out<'_>, violation: &Violation<'_>) {
        let rule = violation.rule;
        out.text(field::violation::FIELD, violation.field);
        out.word(
            field::violation::OPERATOR,
            convert::operator_named(violation.operator),
        );
        self.place(out, field::violation::ORIGIN, rule_origin(self.model, rule));
        self.rule_id(out, field::violation::CONSTRAINT, rule);
        self.told(out, field::violation::MESSAGE, |text| {
            words::violation(text, self.model, violation);
        });
        out.text(field::violation::CODE, violation.code);
    }

    fn fact(&self, out: &mut Out<'_>, decision: &Decision<'_>, way: &Alternative<'_>, fact: &Fact<'_>) {
        use field::missing_fact as to;
        match fact {
            Fact::Role(role) => out.text(to::ROLE, self.model.roles.names.name(role.index())),
            Fact::Explanation => out.flag(to::EXPLANATION, true),
            Fact::Approvals { rule, count } => out.part(to::APPROVALS, |out| {
                self.approvals(out, decision.transition, *rule, *count);
            }),
            Fact::State(state) => out.text(to::STATE, state),
            // The engine names a fact of the request that is no attribute by its place there.
            Fact::Attribute("resource.content_digest") => out.flag(to::CONTENT_DIGEST, true),
            Fact::Attribute(name) => out.part(to::ATTRIBUTE, |out| attribute(out, way, name)),
            Fact::Networks(networks) => out.part(to::NETWORKS, |out| {
                for network in *networks {
                    out.words(field::missing_networks::NETWORKS, |words| {
                        words.show(network);
                    });
                }
            }),
            Fact::Ownership => out.flag(to::OWNERSHIP, true),
            Fact::Time(moment) => out.moment(to::TIME, Some(*moment)),
        }
    }

    fn approvals(&self, out: &mut Out<'_>, transition: Option<TransitionId>, rule: usize, count: u32) {
        let transition = transition.and_then(|id| self.model.transition(id));
        let rule = transition.and_then(|transition| transition.approvals.get(rule));
        out.number(field::missing_approvals::COUNT, count);
        for role in rule
            .and_then(|rule| rule.roles.as_ref())
            .into_iter()
            .flat_map(|roles| self.roles(roles))
        {
            out.text(field::missing_approvals::ROLES, role);
        }
        let name = transition.map_or("", |transition| &transition.name);
        out.text(field::missing_approvals::TRANSITION, name);
    }
}

fn attribute(out: &mut Out<'_>, way: &Alternative<'_>, name: &str) {
    use field::missing_attribute as to;
    let comparison = way.comparisons.iter().find(|comparison| comparison.name == name);
    match comparison.and_then(|comparison| comparison.function) {
        Some(function) => out.words(to::PATH, |words| {
            words.put(function.name()).put("(").put(name).put(")");
        }),
        None => out.text(to::PATH, name),
    }
    let operator = comparison.and_then(|comparison| comparison.operator);
    out.word(
        to::OPERATOR,
        operator.map_or(v1::Operator::Unspecified, convert::operator),
    );
    for value in comparison.iter().flat_map(|comparison| &comparison.values) {
        out.value(to::VALUES, value);
    }
    out.flag(to::ABSENT, true);
}

/// Writes presets; nothing if there are none.
pub(super) fn presets(out: &mut Out<'_>, to: Nested, from: &[(&str, Value<'_>)]) {
    if from.is_empty() {
        return;
    }
    let mut sorted: Vec<_> = from.iter().map(|(name, value)| (*name, value)).collect();
    sorted.sort_by_key(|(name, _)| *name);
    out.named(to, sorted.into_iter());
}

/// Writes the name of a rule in answers: its own, else one made of where it stands.
pub(super) fn rule_name(out: &mut Words<'_>, model: &Model, rule: Rule) {
    if let Some(name) = own_name(model, rule) {
        out.put(name);
    } else if let Some(origin) = rule_origin(model, rule) {
        out.put(origin.file).put(":").count(origin.line.into());
        out.put(":").count(origin.column.into());
    }
}

/// Returns the name that the profile gives a rule.
fn own_name(model: &Model, rule: Rule) -> Option<&str> {
    match rule {
        Rule::Grant(id) => model.grant(id)?.name.as_deref(),
        Rule::Constraint(id) => model.constraint(id)?.name.as_deref(),
        Rule::DocumentGrant(_) => None,
        Rule::Administrator(id) => Some(model.roles.names.name(id.index())),
        Rule::Transition(id) => model.transition(id).map(|transition| transition.name.as_ref()),
    }
}

/// Numbers a rule without a name among those of its kind, from 1: the same as long as the profile is, and telling no place.
fn number(out: &mut Words<'_>, rule: Rule) {
    let (kind, index) = match rule {
        Rule::Grant(id) => ("grant", id.index()),
        Rule::Constraint(id) => ("constraint", id.index()),
        Rule::DocumentGrant(id) => ("document-grant", id.index()),
        Rule::Administrator(id) => ("role", id.index()),
        Rule::Transition(id) => ("transition", id.index()),
    };
    out.put(kind).put("#").count(index as u64 + 1);
}

/// Returns the code by which the CMS reports that a rule refuses.
fn rule_code(model: &Model, rule: Rule) -> Option<&str> {
    match rule {
        Rule::Grant(id) => model.grant(id)?.code.as_deref(),
        Rule::Constraint(id) => model.constraint(id)?.code.as_deref(),
        Rule::DocumentGrant(_) | Rule::Administrator(_) | Rule::Transition(_) => None,
    }
}

/// Returns where a rule was declared.
fn rule_origin(model: &Model, rule: Rule) -> Option<Place<'_>> {
    let origin = match rule {
        Rule::Grant(id) => model.grant(id)?.selection.origin,
        Rule::Constraint(id) => model.constraint(id)?.selection.origin,
        Rule::DocumentGrant(id) => return model.document_grants.origin(id),
        Rule::Administrator(_) => return None,
        Rule::Transition(id) => model.transition(id)?.origin,
    };
    model.origin(origin).map(Origin::place)
}
