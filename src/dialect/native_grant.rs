//! Grants, constraints and document grants in the native form.

use crate::policy::Selector;
use crate::policy::condition::Operand;
use crate::policy::grant::{Constraint, Grant, Held, Scope, Selection, TargetStates};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member};
use crate::source::span::Spanned;
use crate::vocab::effect::Effect;

use super::condition::read_condition;
use super::reader::{self, Empty, Keys};
use super::selector;
use super::variable::read_preset;
use super::word;

/// Says what the place of a rule implies, so that the rule does not say it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Home<'h> {
    /// A file of rules: nothing.
    File,
    /// A collection: this one.
    Collection(&'h Spanned<String>),
    /// A state of a workflow: this one, and the collections of the workflow, which are found later.
    State(&'h Spanned<String>),
}

/// Holds one entry of a list of grants: in the short form it is several grants, one for each level, or none.
#[derive(Clone, Debug)]
pub(super) struct GrantEntry {
    /// The name under which a later layer replaces all of it.
    pub(super) id: Option<String>,
    /// What it grants.
    pub(super) grants: Vec<Grant>,
}

/// Reads the grants that stand inside of something else.
pub(super) fn read_grants(json: &Json, home: Home<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Grant> {
    let values = reader::read_list(json, "`grants`", diagnostics).unwrap_or_default();
    let entries = values
        .iter()
        .filter_map(|value| read_grant(value, home, diagnostics));
    entries.flat_map(|entry| entry.grants).collect()
}

/// Reads one entry of a list of grants; one with a mistake is left out, since half a grant would mean something else.
pub(super) fn read_grant(
    json: &Json,
    home: Home<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<GrantEntry> {
    let before = diagnostics.len();
    let what = match home {
        Home::File => "a grant",
        Home::Collection(_) => "a grant of a collection",
        Home::State(_) => "a grant of a state",
    };
    let mut keys = Keys::open(json, what, diagnostics)?;
    let id = keys.id("id", diagnostics);
    let name = id.as_ref().map(|id| id.value.clone());
    keys.titles(diagnostics);
    let broken = keys.text("broken", diagnostics);
    let effect = read_effect(&mut keys, broken.is_some(), diagnostics);
    let levels = read_levels(&mut keys, diagnostics);
    let selection = read_selection(&mut keys, home, levels.is_some(), diagnostics);
    let grant = Grant {
        id,
        effect,
        selection,
        validate: keys
            .optional("validate")
            .and_then(|json| read_condition(json, diagnostics)),
        fields: keys.selector("fields", diagnostics),
        explain: keys.bool("explain", diagnostics).unwrap_or(false),
        networks: keys.networks("networks", diagnostics),
        broken: broken.map(|reason| reason.value),
        code: keys.text("code", diagnostics).map(|code| code.value),
        origin: json.span,
    };
    keys.finish(diagnostics);
    refuse_in_deny(&grant, diagnostics);
    if reader::failed_since(before, diagnostics) {
        return None;
    }
    let grants = match levels {
        None => vec![grant],
        Some(levels) => spread(&grant, &levels),
    };
    Some(GrantEntry { id: name, grants })
}

/// A deny that asked about the item afterwards would refuse whatever it is.
fn refuse_in_deny(grant: &Grant, diagnostics: &mut Vec<Diagnostic>) {
    if grant.effect != Effect::Deny || grant.broken.is_some() {
        return;
    }
    let span = grant.validate.as_ref().map(|condition| condition.span);
    let found = [
        (span, "validate"),
        (grant.explain.then_some(grant.origin), "explain"),
    ];
    for (span, key) in found {
        if let Some(span) = span {
            let message = format!("the key `{key}` means nothing in a deny");
            let help = match key {
                "validate" => "write a constraint with `require`, or ask about the stored item with `when`",
                _ => "a deny refuses, with an explanation or without",
            };
            diagnostics.push(Diagnostic::new(Code::UnknownKey, span, message).help(help));
        }
    }
}

/// Reads one constraint; one with a mistake is left out.
pub(super) fn read_constraint(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Constraint> {
    let before = diagnostics.len();
    let mut keys = Keys::open(json, "a constraint", diagnostics)?;
    let id = keys.id("id", diagnostics);
    keys.titles(diagnostics);
    let constraint = Constraint {
        id,
        selection: read_selection(&mut keys, Home::File, false, diagnostics),
        require: keys
            .optional("require")
            .and_then(|json| read_condition(json, diagnostics)),
        submitted: keys
            .optional("submitted")
            .and_then(|json| read_condition(json, diagnostics)),
        networks: keys.networks("networks", diagnostics),
        presets: keys
            .optional("presets")
            .map(|json| read_presets(json, diagnostics))
            .unwrap_or_default(),
        code: keys.text("code", diagnostics).map(|code| code.value),
        origin: json.span,
    };
    keys.finish(diagnostics);
    (!reader::failed_since(before, diagnostics)).then_some(constraint)
}

fn read_effect(keys: &mut Keys<'_>, broken: bool, diagnostics: &mut Vec<Diagnostic>) -> Effect {
    let span = keys.member("effect").map(|member| member.value.span);
    let effect = keys.word(
        "effect",
        &[("allow", Effect::Allow), ("deny", Effect::Deny)],
        diagnostics,
    );
    match (effect, span) {
        (Some(Effect::Allow), Some(span)) if broken => {
            diagnostics.push(Diagnostic::new(
                Code::UnknownWord,
                span,
                "a broken rule can only deny",
            ));
        }
        _ => {}
    }
    effect.unwrap_or(if broken { Effect::Deny } else { Effect::Allow })
}

/// Reads what grants and constraints have in common; the short form has already said the actions and the scope.
fn read_selection(
    keys: &mut Keys<'_>,
    home: Home<'_>,
    short: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Selection {
    let mut selection = Selection {
        roles: keys.selector("roles", diagnostics),
        ..Selection::default()
    };
    let held = [
        ("anywhere", Held::Anywhere),
        ("site", Held::Site),
        ("shared", Held::Shared),
        ("aside", Held::Aside),
    ];
    selection.held = keys.word("held", &held, diagnostics).unwrap_or_default();
    match home {
        Home::File => {
            selection.collections = read_collections(keys, diagnostics);
            selection.states = keys.selector("states", diagnostics);
        }
        Home::Collection(collection) => {
            selection.collections = Selector::Only(vec![collection.clone()]);
            selection.states = keys.selector("states", diagnostics);
        }
        Home::State(state) => selection.states = Selector::Only(vec![state.clone()]),
    }
    if !short {
        selection.actions = keys.selector("actions", diagnostics);
        selection.scope = keys.word("scope", &SCOPES, diagnostics).unwrap_or_default();
    }
    let targets = keys.optional("to_states");
    selection.to_states = targets.and_then(|json| read_target_states(json, diagnostics));
    selection.when = keys
        .optional("when")
        .and_then(|json| read_condition(json, diagnostics));
    selection
}

/// The empty name is a collection, too.
fn read_collections(keys: &mut Keys<'_>, diagnostics: &mut Vec<Diagnostic>) -> Selector {
    let found = keys.optional("collections");
    found
        .and_then(|json| selector::read_selector(json, "`collections`", Empty::Allowed, diagnostics))
        .unwrap_or_default()
}

const SCOPES: [(&str, Scope); 3] = [("any", Scope::Any), ("role", Scope::Role), ("mine", Scope::Mine)];

/// Takes `"same"` out of the names of target states.
fn read_target_states(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<TargetStates> {
    let split = |names: Vec<Spanned<String>>| {
        let all = names.len();
        let names: Vec<_> = names.into_iter().filter(|name| name.value != SAME).collect();
        let same = names.len() < all;
        (names, same)
    };
    match selector::read_selector(json, "`to_states`", Empty::Refused, diagnostics)? {
        Selector::Any => None,
        Selector::Only(names) => {
            let (names, same) = split(names);
            Some(TargetStates {
                selector: Selector::Only(names),
                same,
            })
        }
        Selector::Except(names) => {
            let (names, same) = split(names);
            Some(TargetStates {
                selector: Selector::Except(names),
                same,
            })
        }
    }
}

/// The word for "the state stays what it is".
const SAME: &str = "same";

/// How far one action of the short form goes; `None`: nowhere.
type Level = (Spanned<String>, Option<Scope>);

/// Reads the short form: the four everyday actions as keys, each with how far it goes.
fn read_levels(keys: &mut Keys<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Level>> {
    let mut levels = Vec::new();
    let mut first: Option<&Member> = None;
    for action in ["create", "read", "update", "delete"] {
        let Some(member) = keys.member(action) else {
            continue;
        };
        first = first.or(Some(member));
        if let Some(scope) = read_level(member, diagnostics) {
            levels.push((member.key.clone(), scope));
        }
    }
    let first = first?;
    for key in ["actions", "scope"] {
        if let Some(member) = keys.member(key) {
            let message = format!(
                "the key {} means nothing beside {}",
                quote(key),
                quote(&first.key.value)
            );
            diagnostics.push(
                Diagnostic::new(Code::UnknownKey, member.key.span, message)
                    .label(first.key.span, "this says it already"),
            );
        }
    }
    Some(levels)
}

fn read_level(Member { key, value }: &Member, diagnostics: &mut Vec<Diagnostic>) -> Option<Option<Scope>> {
    if let Some(yes) = value.as_bool() {
        return Some(yes.then_some(Scope::Any));
    }
    let words = [
        ("none", None),
        ("any", Some(Scope::Any)),
        ("role", Some(Scope::Role)),
        ("mine", Some(Scope::Mine)),
    ];
    word::read_word(value, &quote(&key.value), &words, diagnostics)
}

/// Makes one grant of each level that the short form mentions; several of one name get the level behind a slash.
fn spread(grant: &Grant, levels: &[Level]) -> Vec<Grant> {
    let mut grants = Vec::new();
    for (word, scope) in SCOPES {
        let here = |(action, level): &Level| (*level == Some(scope)).then(|| action.clone());
        let actions: Vec<_> = levels.iter().filter_map(here).collect();
        if actions.is_empty() {
            continue;
        }
        let mut part = grant.clone();
        part.selection.scope = scope;
        part.selection.actions = Selector::Only(actions);
        grants.push((word, part));
    }
    let several = grants.len() > 1;
    let name = |(word, mut part): (&str, Grant)| {
        if let Some(id) = part.id.as_mut().filter(|_| several) {
            id.value = format!("{}/{word}", id.value);
        }
        part
    };
    grants.into_iter().map(name).collect()
}

fn read_presets(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Vec<(Spanned<String>, Operand)> {
    let mut presets = Vec::new();
    for Member { key, value } in reader::read_members(json, "`presets`", diagnostics).unwrap_or_default() {
        let known = reader::check_id(&key.value, key.span, "a field", Empty::Refused, diagnostics);
        let operand = read_preset(value, diagnostics);
        presets.extend(operand.filter(|_| known).map(|operand| (key.clone(), operand)));
    }
    presets
}
