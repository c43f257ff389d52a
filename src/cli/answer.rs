//! Answers as people read them.

use crate::cli::output::Output;
use crate::rpc::proto::v1;
use crate::source::diagnostic::quote;

/// Writes a text in a colour, if colours are wanted.
pub(super) fn paint(output: &Output, text: &str, color: &str) -> String {
    if output.color {
        format!("\u{1b}[{color}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// The colour of what is allowed.
pub(super) const GOOD: &str = "1;32";
/// The colour of what is not.
pub(super) const BAD: &str = "1;31";

/// Writes a decision.
pub(super) fn write_decision(decision: &v1::Decision, output: &mut Output) {
    let is_allow = decision.effect() == v1::Effect::Allow;
    let word = if is_allow {
        paint(output, "ALLOW", GOOD)
    } else {
        paint(output, "DENY", BAD)
    };
    let reason = reason_word(decision.reason());
    let mut head = if is_allow {
        word
    } else {
        format!("{word} {reason}")
    };
    if decision.conditional {
        head.push_str(" (for some items)");
    }
    if !decision.message.is_empty() {
        head.push_str(&format!(": {}", decision.message));
    }
    output.line(&head);
    if !decision.cms_code.is_empty() {
        output.line(&format!("  the CMS reports it as {}", quote(&decision.cms_code)));
    }
    write_rules("decided by", &decision.grants, output);
    for violation in &decision.violations {
        output.line(&format!("  violated: {}", violation_text(violation)));
    }
    for left_out in &decision.left_out {
        output.line(&format!("  leave out {}", left_out_text(left_out)));
    }
    if let Some(obligations) = &decision.obligations {
        write_obligations(obligations, output);
    }
    write_missing(&decision.missing, output);
    if let Some(moment) = &decision.valid_until {
        output.line(&format!("  holds until {moment}"));
    }
}

/// Writes which version answered.
pub(super) fn write_snapshot(snapshot: Option<&v1::SnapshotInfo>, output: &mut Output) {
    if let Some(snapshot) = snapshot {
        let stale = if snapshot.stale {
            ", stale: the files are newer but broken"
        } else {
            ""
        };
        let digest: String = snapshot.digest.chars().take(12).collect();
        output.line(&format!(
            "  answered by {} ({digest}{stale})",
            quote(&snapshot.profile)
        ));
    }
}

/// Writes rules, one a line.
pub(super) fn write_rules(label: &str, rules: &[v1::GrantRef], output: &mut Output) {
    for rule in rules {
        output.line(&format!("  {label} {}", rule_text(rule)));
    }
}

/// Writes ways out of a denial, one a line.
pub(super) fn write_missing(missing: &[v1::Missing], output: &mut Output) {
    for (index, way) in missing.iter().enumerate() {
        let facts: Vec<String> = way.facts.iter().map(fact_text).collect();
        let label = if index == 0 { "missing" } else { "or else" };
        output.line(&format!("  {label}: {}", facts.join(", and ")));
    }
}

/// Writes how an answer was reached.
pub(super) fn write_trace(trace: Option<&v1::Trace>, output: &mut Output) {
    let Some(trace) = trace else { return };
    if trace.withheld {
        output.line("  how it was reached is not told by this daemon");
        return;
    }
    let (outside, counting): (Vec<_>, Vec<_>) = trace.roles.iter().partition(|role| role.outside_networks);
    let list = |roles: Vec<&v1::EffectiveRole>| -> String {
        let roles: Vec<String> = roles.into_iter().map(role_text).collect();
        if roles.is_empty() {
            "none".to_owned()
        } else {
            roles.join(", ")
        }
    };
    output.line(&format!("  roles that count: {}", list(counting)));
    if !outside.is_empty() {
        output.line(&format!("  roles outside of their networks: {}", list(outside)));
    }
    for event in &trace.events {
        let rule = event.rule.as_ref().map_or_else(String::new, rule_text);
        let mark = if event.decisive { "*" } else { " " };
        let mut line = format!("  {mark} {rule}: {}", event.detail);
        if !event.leaf.is_empty() {
            line.push_str(&format!(": {}", event.leaf));
        }
        if !event.fields.is_empty() {
            let fields: Vec<String> = event.fields.iter().map(|field| quote(field)).collect();
            line.push_str(&format!(" (fields {})", fields.join(", ")));
        }
        output.line(&line);
    }
    if trace.truncated {
        output.line("    and more than fit");
    }
}

/// Returns a field that is taken away, as text.
pub(super) fn left_out_text(left_out: &v1::LeftOut) -> String {
    let reason = reason_word(left_out.reason());
    let rules: Vec<String> = left_out.grants.iter().map(|rule| quote(&rule.id)).collect();
    let by = if rules.is_empty() {
        String::new()
    } else {
        format!(" by {}", rules.join(", "))
    };
    format!("{} ({reason}{by})", quote(&left_out.field))
}

/// Returns the word of a reason.
pub(super) fn reason_word(reason: v1::Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name)
}

/// Returns a value as JSON, short.
pub(super) fn value_text(value: &prost_types::Value) -> String {
    use prost_types::value::Kind;
    match &value.kind {
        None | Some(Kind::NullValue(_)) => "null".to_owned(),
        Some(Kind::BoolValue(value)) => value.to_string(),
        Some(Kind::NumberValue(value)) => value.to_string(),
        Some(Kind::StringValue(value)) => format!("{value:?}"),
        Some(Kind::ListValue(list)) => {
            let values: Vec<String> = list.values.iter().map(value_text).collect();
            format!("[{}]", values.join(", "))
        }
        Some(Kind::StructValue(object)) => {
            let entries = object
                .fields
                .iter()
                .map(|(name, value)| format!("{name:?}: {}", value_text(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes what a write has to do besides.
pub(super) fn write_presets(presets: Option<&prost_types::Struct>, output: &mut Output) {
    for (name, value) in presets.iter().flat_map(|presets| &presets.fields) {
        output.line(&format!("  write {} = {}", quote(name), value_text(value)));
    }
}

fn write_obligations(obligations: &v1::Obligations, output: &mut Output) {
    if obligations.explanation_required {
        output.line("  store the explanation with the change");
    }
    write_presets(obligations.presets.as_ref(), output);
}

fn rule_text(rule: &v1::GrantRef) -> String {
    let kind = match rule.kind() {
        v1::RuleKind::Unspecified => "the rule",
        v1::RuleKind::Grant if rule.effect() == v1::Effect::Deny => "the deny",
        v1::RuleKind::Grant => "the grant",
        v1::RuleKind::Constraint => "the constraint",
        v1::RuleKind::DocumentGrant => "the document grant",
        v1::RuleKind::Transition => "the transition",
        v1::RuleKind::Role => "the role",
    };
    let place = rule.origin.as_ref().map(place_text);
    match place {
        // A rule without a name is named by its place.
        Some(place) if place == rule.id => format!("{kind} at {place}"),
        Some(place) => format!("{kind} {} at {place}", quote(&rule.id)),
        None => format!("{kind} {}", quote(&rule.id)),
    }
}

fn place_text(origin: &v1::Origin) -> String {
    format!("{}:{}:{}", origin.file, origin.line, origin.column)
}

fn violation_text(violation: &v1::Violation) -> String {
    if !violation.message.is_empty() {
        let place = violation
            .origin
            .as_ref()
            .map(|origin| format!(" at {}", place_text(origin)));
        return format!("{}{}", violation.message, place.unwrap_or_default());
    }
    quote(&violation.field)
}

fn fact_text(fact: &v1::MissingFact) -> String {
    use v1::missing_fact::Fact;
    match &fact.fact {
        None => "something this version does not know".to_owned(),
        Some(Fact::Role(role)) => format!("the role {}", quote(role)),
        Some(Fact::State(state)) => format!("the state {}", quote(state)),
        Some(Fact::Explanation(_)) => "an explanation".to_owned(),
        Some(Fact::Approvals(approvals)) => approvals_text(approvals),
        Some(Fact::Attribute(attribute)) => attribute_text(attribute),
        Some(Fact::ContentDigest(_)) => "the digest of the content".to_owned(),
        Some(Fact::Ownership(_)) => "owning the item".to_owned(),
        Some(Fact::Networks(networks)) => format!("an address in {}", networks.networks.join(", ")),
        Some(Fact::Time(moment)) => format!("to wait until {moment}"),
    }
}

fn attribute_text(attribute: &v1::MissingAttribute) -> String {
    let path = quote(&attribute.path);
    let name = attribute.operator().as_str_name();
    match name.strip_prefix("OPERATOR_") {
        Some(word) if word != "UNSPECIFIED" => {
            let values: Vec<String> = attribute.values.iter().map(value_text).collect();
            let values = match values.as_slice() {
                [] => String::new(),
                [only] => format!(" {only}"),
                several => format!(" [{}]", several.join(", ")),
            };
            format!("{path} that satisfies `_{}`{values}", word.to_ascii_lowercase())
        }
        _ => format!("a fitting {path}"),
    }
}

fn approvals_text(approvals: &v1::MissingApprovals) -> String {
    let who = if approvals.roles.is_empty() {
        "anybody but the author".to_owned()
    } else {
        let roles: Vec<String> = approvals.roles.iter().map(|role| quote(role)).collect();
        roles.join(" or ")
    };
    let word = if approvals.count == 1 {
        "approval"
    } else {
        "approvals"
    };
    format!("{} {word} by {who}", approvals.count)
}

fn role_text(role: &v1::EffectiveRole) -> String {
    let via = quote(&role.via);
    let how = match (role.source(), role.via.is_empty()) {
        (v1::RoleSource::Unspecified | v1::RoleSource::Own, _) => String::new(),
        (v1::RoleSource::Implicit, _) => " (implicit)".to_owned(),
        (v1::RoleSource::Inherited, _) => format!(" (inherited by {via})"),
        (v1::RoleSource::Group, _) => format!(" (of the group {via})"),
        (v1::RoleSource::UsersTable, _) => " (of the users table)".to_owned(),
        (v1::RoleSource::Local, true) => " (held here)".to_owned(),
        (v1::RoleSource::Local, false) => format!(" (held on {via})"),
    };
    format!("{}{how}", quote(&role.role))
}
