//! What a policy of few rules is about: there each construct decides more often than beside many others.

use placet::policy::Selector;
use placet::policy::grant::{Grant, Scope, Selection};
use placet::vocab::effect::Effect;

use super::condition::{self, For};
use super::policy::{Names, allow, field_names};
use super::random::Random;
use super::{names, span};

/// Something that a policy may have more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    AllBut,
    Approvals,
    Broken,
    Conditions,
    Crowd,
    Denies,
    Documents,
    Explanations,
    Fields,
    Filters,
    Gates,
    Held,
    Kinds,
    Listed,
    Networks,
    Neutral,
    Presets,
    Requires,
    Roles,
    Scopes,
    States,
    Submitted,
    Taking,
    Targets,
    Transitions,
    Validates,
}

/// How often each theme is taken, against the others: rarely met constructs more often.
const THEMES: &[(Theme, usize)] = &[
    (Theme::AllBut, 8),
    (Theme::Approvals, 6),
    (Theme::Broken, 1),
    (Theme::Conditions, 14),
    (Theme::Denies, 1),
    (Theme::Documents, 8),
    (Theme::Explanations, 1),
    (Theme::Fields, 7),
    (Theme::Filters, 8),
    (Theme::Gates, 3),
    (Theme::Held, 2),
    (Theme::Kinds, 16),
    (Theme::Listed, 6),
    (Theme::Networks, 3),
    (Theme::Neutral, 2),
    (Theme::Presets, 4),
    (Theme::Requires, 1),
    (Theme::Roles, 3),
    (Theme::Scopes, 4),
    (Theme::States, 1),
    (Theme::Submitted, 24),
    (Theme::Taking, 7),
    (Theme::Targets, 6),
    (Theme::Transitions, 2),
    (Theme::Validates, 1),
];

/// Picks the themes of a policy.
pub(crate) fn themes(random: &mut Random) -> Vec<Theme> {
    let weighed: Vec<Theme> = THEMES
        .iter()
        .flat_map(|(theme, weight)| std::iter::repeat_n(*theme, *weight))
        .collect();
    random.some(&weighed, 1, 2)
}

/// An allow of everything on a collection to everybody, beside which other rules show what they do.
fn base_allow(known: &Names, collection: &str) -> Grant {
    let selection = Selection {
        roles: Selector::Only(names(&[known.everyone])),
        collections: Selector::Only(names(&[collection])),
        ..Selection::default()
    };
    Grant::new(Effect::Allow, selection, Selector::Any, span())
}

/// Allows beside which fields that select or sort are in reach, and perhaps not covered.
fn filter_allows(random: &mut Random, known: &Names, collection: &'static str) -> [Grant; 2] {
    let action = random.word(&["read", "read", "update"]);
    let mut narrow = base_allow(known, collection);
    narrow.selection.actions = Selector::Only(names(&[action]));
    let mut wide = narrow.clone();
    narrow.fields = Selector::Only(names(&random.some(field_names(collection), 1, 3)));
    wide.selection.when = Some(condition::condition(random, collection, For::Stored, 0));
    [narrow, wide]
}

/// An allow for which it matters what the collection declares of its fields: types, relations, and the roles of an owner.
fn typed_allow(random: &mut Random, known: &Names) -> Grant {
    let mut typed = base_allow(known, "articles");
    if random.chance(42) {
        typed.selection.scope = Scope::Role;
    } else {
        typed.selection.when = Some(condition::typed(random));
    }
    typed
}

/// An allow of reading beside a deny that takes every declared field: then it matters whether there may be others.
fn taken_allow(known: &Names) -> [Grant; 2] {
    let mut allow = base_allow(known, "categories");
    allow.selection.actions = Selector::Only(names(&["read"]));
    let fields = Selector::Only(names(&["slug", "label"]));
    let deny = Grant::new(Effect::Deny, allow.selection.clone(), fields, span());
    [allow, deny]
}

/// Makes the allows of a policy of few rules.
pub(crate) fn few_allows(
    random: &mut Random,
    known: &Names,
    collection: &'static str,
    grants: &mut Vec<Grant>,
) {
    const BASED: &[Theme] = &[
        Theme::Approvals,
        Theme::Broken,
        Theme::Denies,
        Theme::Gates,
        Theme::Presets,
        Theme::Requires,
        Theme::Submitted,
        Theme::Taking,
        Theme::Transitions,
    ];
    if known.has(Theme::Crowd) {
        let mut crowded = base_allow(known, "notes");
        crowded.selection.when = Some(condition::crowd(random));
        grants.push(crowded);
        return;
    }
    if known.has(Theme::Kinds) {
        grants.push(typed_allow(random, known));
        return;
    }
    if known.has(Theme::Listed) {
        grants.extend(taken_allow(known));
        return;
    }
    if known.has(Theme::Filters) {
        grants.extend(filter_allows(random, known, collection));
        return;
    }
    let based = BASED.iter().any(|theme| known.has(*theme)) && random.chance(75);
    if based {
        grants.push(base_allow(known, collection));
    }
    let more = if based {
        random.below(2)
    } else {
        random.between(1, 3)
    };
    for _ in 0..more {
        grants.push(allow(random, known));
    }
}
