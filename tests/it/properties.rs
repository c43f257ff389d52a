//! Agreement: the engine and the reference give the same answers, and all answers of the engine are views of one relation.

use std::collections::BTreeMap;

use placet::compile::compile;
use placet::engine::check::check;
use placet::engine::decision::Decision;
use placet::engine::query::{Query, QueryError};
use placet::model::Model;
use placet::policy::Policy;
use placet::source::diagnostic::{Diagnostic, Severity};
use placet::source::file::SourceMap;
use placet::validate::validate;
use placet::vocab::effect::{Effect, Reason};
use placet::vocab::value::Value;

use crate::generate::random::Random;
use crate::generate::{policy, query, shrink};
use crate::reference::{self, Malformed, Outcome};

/// Questions asked of each policy.
const QUESTIONS: usize = 25;

fn cases() -> usize {
    if cfg!(debug_assertions) { 4_000 } else { 100_000 }
}

fn seed() -> u64 {
    std::env::var("PLACET_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

/// Compiles a policy, or tells why it is not valid.
pub(crate) fn model(policy: &Policy) -> Result<Model, Vec<Diagnostic>> {
    let mut sources = SourceMap::new();
    sources.add("grants.json".to_owned(), "{}".to_owned());
    let mut diagnostics = Vec::new();
    match validate(policy.clone(), &mut diagnostics) {
        Some(valid) => Ok(compile(&valid, &sources)),
        None => Err(diagnostics
            .into_iter()
            .filter(|each| each.severity == Severity::Error)
            .collect()),
    }
}

/// The answer of the engine in the words of the reference.
fn translate(decision: &Decision<'_>) -> Outcome {
    let allows = decision.effect == Effect::Allow;
    let given = decision.approvals.iter().map(|each| each.given).sum();
    Outcome {
        effect: decision.effect,
        reason: decision.reason,
        left_out: if allows {
            decision
                .left_out
                .iter()
                .map(|each| (each.field.to_owned(), each.reason))
                .collect()
        } else {
            Vec::new()
        },
        explanation_required: decision.explanation_required,
        presets: if allows {
            let owned = |(name, value): &(&str, Value<'_>)| ((*name).to_owned(), value.clone().into_owned());
            decision.presets.iter().map(owned).collect()
        } else {
            BTreeMap::new()
        },
        approvals: (decision.approvals.iter().map(|each| each.needed).sum(), given),
        conditional: decision.conditional,
    }
}

/// Tells where two answers differ.
fn differ(
    ours: &Result<Outcome, Malformed>,
    theirs: &Result<Decision<'_>, QueryError>,
) -> Option<&'static str> {
    let (ours, theirs) = match (ours, theirs) {
        (Err(Malformed), Err(_)) => return None,
        // What an unknown action does is not known either, so its states may not be found to conflict.
        (Err(Malformed), Ok(theirs)) if theirs.reason == Reason::UnknownAction => return None,
        (Err(Malformed), Ok(theirs)) if theirs.reason == Reason::UnknownCollection => return None,
        (Ok(ours), Ok(theirs)) => (ours, translate(theirs)),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => return Some("malformed"),
    };
    if ours.effect != theirs.effect {
        return Some("effect");
    }
    if ours.reason != theirs.reason {
        return Some("reason");
    }
    if !ours.is_allow() {
        return None;
    }
    if ours.left_out != theirs.left_out {
        return Some("left_out");
    }
    if ours.presets != theirs.presets {
        return Some("presets");
    }
    if ours.explanation_required != theirs.explanation_required {
        return Some("explanation");
    }
    if ours.approvals != theirs.approvals {
        return Some("approvals");
    }
    // The reference does not say which allow decided: one that is sure may have made the answer unconditional.
    if theirs.conditional && !ours.conditional {
        return Some("conditional");
    }
    None
}

fn disagreement(policy: &Policy, query: &Query<'static>) -> Option<&'static str> {
    let model = model(policy).ok()?;
    differ(&reference::check(policy, query), &check(&model, query))
}

/// Shows a policy or a question without what is the same everywhere.
fn show(thing: &impl std::fmt::Debug) -> String {
    let mut text = format!("{thing:#?}");
    for noise in ["span: Span {\n", "origin: Span {\n"] {
        while let Some(start) = text.find(noise) {
            let line = text[..start].rfind('\n').unwrap_or(0);
            let end = start + text[start..].find('}').unwrap_or(0) + 2;
            text.replace_range(line..end, "");
        }
    }
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // What is not said, and how names and lists are wrapped.
    let noise = [
        (r"\{ value: ((?:\S)+), \}|Spanned \{ value: (\S+), \}", "$1$2"),
        (
            r#"\w+: (None|\[\]|""|false|Any|\{\}|Refuse|Covered|Anywhere|No), "#,
            "",
        ),
        (r"(title|description): Title \{ \}, ", ""),
        (r"\w+: Object \{ entries: \[\], \}, ", ""),
        (r"\w+: (Borrowed|Owned)\( \[\], \), ", ""),
        (r"\w+: \w+ \{ \}, ", ""),
        (r"Object \{ entries: (\[[^\[\]]*\]), \}", "$1"),
        (
            r"(Some|Value|Text|Only|Owned|Field|Number|Fact|Leaf)\( ((?:[^()])*), \)",
            "$1($2)",
        ),
        (r"Condition \{ node: ((?:[^{}])*), \}", "$1"),
    ];
    for _ in 0..6 {
        for (pattern, short) in noise {
            text = regex::Regex::new(pattern)
                .unwrap()
                .replace_all(&text, short)
                .into_owned();
        }
    }
    text
}

#[test]
fn the_engine_agrees_with_the_reference() {
    let seed = seed();
    let mut random = Random::new(seed);
    let (mut asked, mut invalid, mut policies) = (0, 0, 0);
    let mut reasons: BTreeMap<Option<Reason>, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut rejected: BTreeMap<String, usize> = BTreeMap::new();
    while asked < cases() {
        let policy = policy::policy(&mut random);
        policies += 1;
        let model = match model(&policy) {
            Ok(model) => model,
            Err(errors) => {
                invalid += 1;
                for error in errors {
                    *rejected
                        .entry(format!("{:?}: {}", error.code, error.message))
                        .or_default() += 1;
                }
                assert!(policies < 100_000);
                continue;
            }
        };
        for _ in 0..QUESTIONS {
            let query = query::query(&mut random);
            let ours = reference::check(&policy, &query);
            let theirs = check(&model, &query);
            asked += 1;
            *reasons
                .entry(ours.as_ref().ok().map(|ours| ours.reason))
                .or_default() += 1;
            if let Some(kind) = differ(&ours, &theirs) {
                let theirs_reason = theirs.as_ref().ok().map(|each| each.reason);
                let ours_reason = ours.as_ref().ok().map(|each| each.reason);
                let key = format!("{kind} {ours_reason:?} engine {theirs_reason:?}");
                let count = kinds.entry(key.clone()).or_default();
                *count += 1;
                if *count <= 1 && kinds.len() < 8 {
                    let again =
                        |policy: &Policy, query: &Query<'static>| disagreement(policy, query) == Some(kind);
                    let (policy, query) = shrink::shrink(policy.clone(), query.clone(), &again);
                    let model = self::model(&policy).unwrap();
                    println!(
                        "== {key}\n{}\n{}\nours {:?}\ntheirs {:?}\n",
                        show(&policy),
                        show(&query),
                        reference::check(&policy, &query),
                        check(&model, &query)
                    );
                }
            }
        }
    }
    println!(
        "seed {seed}: {asked} questions, {policies} policies, {invalid} invalid\n{reasons:#?}\n{kinds:#?}\n{rejected:#?}"
    );
    assert!(kinds.is_empty());
}
