//! From the engine's answer to the wire: ids become names and origins, reasons become sentences.

use jiff::Timestamp;

use super::convert;
use super::proto::v1;
use super::words;
use crate::engine::decision::{Alternative, Decision, Fact, LeftOut, Rule, Violation};
use crate::engine::query::Query;
use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::id::{ActionId, OriginId, TransitionId};
use crate::model::workflow::ApprovalRule;
use crate::observe::counts::DecisionCounts;
use crate::vocab::call::Call;
use crate::vocab::effect::{Effect, Reason};
use crate::vocab::limits::{DECIDING_GRANTS_MAX, MISSING_ALTERNATIVES_MAX, MISSING_FACTS_MAX};

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
    /// Where decisions are counted; nowhere while an answer is only explained.
    pub(super) counts: Option<&'m DecisionCounts>,
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

impl Encoder<'_> {
    /// Counts a decision.
    pub(super) fn count(&self, effect: Effect, reason: Reason) {
        if let Some(counts) = self.counts {
            counts.add(self.call, effect, reason);
        }
    }

    /// Returns an encoder for what is decided once more, to explain it.
    pub(super) fn uncounted(&self) -> Self {
        Self {
            counts: None,
            ..*self
        }
    }

    /// Counts and writes a decision.
    pub(super) fn decision(
        &self,
        id: String,
        query: &Query<'_>,
        decision: &Decision<'_>,
        outlook: &Outlook<'_>,
    ) -> v1::Decision {
        self.count(decision.effect, decision.reason);
        let is_allow = decision.is_allow();
        v1::Decision {
            id,
            effect: convert::effect(decision.effect).into(),
            reason: convert::reason(decision.reason).into(),
            message: self.message(query, decision),
            grants: self.rules(&decision.deciding),
            obligations: is_allow.then(|| obligations(decision)),
            left_out: if is_allow {
                self.left_out(&decision.left_out)
            } else {
                Vec::new()
            },
            violations: decision
                .violations
                .iter()
                .map(|violation| self.violation(violation))
                .collect(),
            missing: self.missing(decision, &outlook.missing),
            valid_until: outlook.valid_until.map(convert::moment),
            conditional: decision.conditional,
            cms_code: self.cms_code(query, decision),
        }
    }

    /// Writes why a decision is as it is, for people.
    pub(super) fn message(&self, query: &Query<'_>, decision: &Decision<'_>) -> String {
        match self.detail {
            Detail::Full => words::sentence(self.model, query, decision),
            Detail::None | Detail::Code => String::new(),
        }
    }

    /// Writes rules, those with one name once.
    pub(super) fn rules(&self, rules: &[Rule]) -> Vec<v1::GrantRef> {
        let mut written: Vec<v1::GrantRef> = Vec::with_capacity(rules.len().min(DECIDING_GRANTS_MAX));
        if self.detail == Detail::None {
            return written;
        }
        for rule in rules.iter().take(DECIDING_GRANTS_MAX) {
            let rule = self.rule(*rule);
            if !written.contains(&rule) {
                written.push(rule);
            }
        }
        written
    }

    /// Writes a rule.
    pub(super) fn rule(&self, rule: Rule) -> v1::GrantRef {
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
        v1::GrantRef {
            id: self.rule_id(rule),
            origin: rule_origin(self.model, rule).and_then(|id| self.origin(id)),
            effect: effect.map_or(v1::Effect::Unspecified, convert::effect).into(),
            kind: kind.into(),
        }
    }

    /// Returns how answers call a rule: by its own name, else by its place, or by a number where places are not told.
    fn rule_id(&self, rule: Rule) -> String {
        match self.detail {
            Detail::None => String::new(),
            Detail::Code => own_name(self.model, rule).map_or_else(|| number(rule), str::to_owned),
            Detail::Full => rule_name(self.model, rule),
        }
    }

    /// Writes where something was declared, if that is told.
    pub(super) fn origin(&self, id: OriginId) -> Option<v1::Origin> {
        match self.detail {
            Detail::Full => self.model.origin(id).map(convert::origin),
            Detail::None | Detail::Code => None,
        }
    }

    /// Writes fields that are taken away.
    pub(super) fn left_out(&self, fields: &[LeftOut<'_>]) -> Vec<v1::LeftOut> {
        let write = |each: &LeftOut<'_>| v1::LeftOut {
            field: each.field.to_owned(),
            reason: convert::reason(each.reason).into(),
            message: match self.detail {
                Detail::Full => words::field(each.reason, each.field),
                Detail::None | Detail::Code => String::new(),
            },
            grants: self.rules(&each.rules.iter().map(|id| Rule::Grant(*id)).collect::<Vec<_>>()),
        };
        fields.iter().map(write).collect()
    }

    /// Writes ways to turn a denial into an allow.
    pub(super) fn missing(&self, decision: &Decision<'_>, ways: &[Alternative<'_>]) -> Vec<v1::Missing> {
        if decision.is_allow() || self.detail != Detail::Full {
            return Vec::new();
        }
        let small = ways.iter().filter(|way| way.facts.len() <= MISSING_FACTS_MAX);
        let write = |way: &Alternative<'_>| v1::Missing {
            facts: way
                .facts
                .iter()
                .map(|fact| self.fact(decision, way, fact))
                .collect(),
        };
        small.take(MISSING_ALTERNATIVES_MAX).map(write).collect()
    }

    /// Writes names of roles.
    pub(super) fn roles(&self, roles: &Bits) -> Vec<String> {
        roles
            .iter()
            .map(|role| self.model.roles.names.name(role).to_owned())
            .collect()
    }

    /// Writes the roles that may approve, over all rules; nothing if one of them takes anybody.
    pub(super) fn approver_roles(&self, rules: &[ApprovalRule]) -> Vec<String> {
        let mut all = Bits::default();
        for rule in rules {
            match &rule.roles {
                Some(roles) => all.union(roles),
                None => return Vec::new(),
            }
        }
        self.roles(&all)
    }

    /// Writes the code by which the CMS reports such a refusal: that of a rule that refuses, of the action, of the profile.
    fn cms_code(&self, query: &Query<'_>, decision: &Decision<'_>) -> String {
        if decision.is_allow() {
            return String::new();
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
            .to_owned()
    }

    fn violation(&self, violation: &Violation<'_>) -> v1::Violation {
        let tells_words = self.detail == Detail::Full;
        v1::Violation {
            field: violation.field.to_owned(),
            operator: convert::operator_named(violation.operator).into(),
            origin: rule_origin(self.model, violation.rule).and_then(|id| self.origin(id)),
            constraint: self.rule_id(violation.rule),
            message: if tells_words {
                words::violation(self.model, violation)
            } else {
                String::new()
            },
            code: violation.code.to_owned(),
        }
    }

    fn fact(&self, decision: &Decision<'_>, way: &Alternative<'_>, fact: &Fact<'_>) -> v1::MissingFact {
        use v1::missing_fact::Fact as Wire;
        let fact = match fact {
            Fact::Role(role) => Wire::Role(self.model.roles.names.name(role.index()).to_owned()),
            Fact::Explanation => Wire::Explanation(true),
            Fact::Approvals { rule, count } => {
                Wire::Approvals(self.approvals(decision.transition, *rule, *count))
            }
            Fact::State(state) => Wire::State((*state).to_owned()),
            // The engine names a fact of the request that is no attribute by its place there.
            Fact::Attribute("resource.content_digest") => Wire::ContentDigest(true),
            Fact::Attribute(name) => Wire::Attribute(attribute(way, name)),
            Fact::Networks(networks) => Wire::Networks(v1::MissingNetworks {
                networks: networks.iter().map(ToString::to_string).collect(),
            }),
            Fact::Ownership => Wire::Ownership(true),
            Fact::Time(moment) => Wire::Time(convert::moment(*moment)),
        };
        v1::MissingFact { fact: Some(fact) }
    }

    fn approvals(&self, transition: Option<TransitionId>, rule: usize, count: u32) -> v1::MissingApprovals {
        let transition = transition.and_then(|id| self.model.transition(id));
        let rule = transition.and_then(|transition| transition.approvals.get(rule));
        v1::MissingApprovals {
            count,
            roles: rule
                .and_then(|rule| rule.roles.as_ref())
                .map(|roles| self.roles(roles))
                .unwrap_or_default(),
            transition: transition
                .map(|transition| transition.name.to_string())
                .unwrap_or_default(),
        }
    }
}

fn attribute(way: &Alternative<'_>, name: &str) -> v1::MissingAttribute {
    let comparison = way.comparisons.iter().find(|comparison| comparison.name == name);
    let operator = comparison.and_then(|comparison| comparison.operator);
    v1::MissingAttribute {
        path: match comparison.and_then(|comparison| comparison.function) {
            Some(function) => format!("{}({name})", function.name()),
            None => name.to_owned(),
        },
        operator: operator
            .map_or(v1::Operator::Unspecified, convert::operator)
            .into(),
        values: comparison
            .map(|comparison| comparison.values.iter().map(convert::value).collect())
            .unwrap_or_default(),
        absent: true,
    }
}

fn obligations(decision: &Decision<'_>) -> v1::Obligations {
    v1::Obligations {
        explanation_required: decision.explanation_required,
        presets: convert::presets(&decision.presets),
    }
}

/// Returns the name of a rule in answers: its own, else one made of where it stands.
pub(super) fn rule_name(model: &Model, rule: Rule) -> String {
    match own_name(model, rule) {
        Some(name) => name.to_owned(),
        None => rule_origin(model, rule)
            .and_then(|id| model.origin(id))
            .map(|origin| format!("{}:{}:{}", origin.file, origin.line, origin.column))
            .unwrap_or_default(),
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
fn number(rule: Rule) -> String {
    let (kind, index) = match rule {
        Rule::Grant(id) => ("grant", id.index()),
        Rule::Constraint(id) => ("constraint", id.index()),
        Rule::DocumentGrant(id) => ("document-grant", id.index()),
        Rule::Administrator(id) => ("role", id.index()),
        Rule::Transition(id) => ("transition", id.index()),
    };
    format!("{kind}#{}", index + 1)
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
pub(super) fn rule_origin(model: &Model, rule: Rule) -> Option<OriginId> {
    match rule {
        Rule::Grant(id) => model.grant(id).map(|grant| grant.selection.origin),
        Rule::Constraint(id) => model.constraint(id).map(|constraint| constraint.selection.origin),
        Rule::DocumentGrant(id) => model.document_grants.rows.get(id.index()).map(|row| row.origin),
        Rule::Administrator(_) => None,
        Rule::Transition(id) => model.transition(id).map(|transition| transition.origin),
    }
}
