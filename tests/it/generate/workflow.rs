//! Random workflows.

use jiff::Timestamp;
use placet::policy::Title;
use placet::policy::workflow::{ApprovalRule, State, Target, Transition, Workflow};

use super::condition::{self, For};
use super::policy::{Names, states};
use super::random::Random;
use super::theme::Theme;
use super::{MOMENTS, PEOPLE, STATES, name, names, span};

/// Makes the workflow of a collection.
pub(crate) fn workflow(random: &mut Random, known: &Names, id: &str, collection: &str) -> Workflow {
    let all = ["submit", "release", "revise", "note", "pull"];
    let transitions: Vec<Transition> = all
        .iter()
        .map(|each| transition(random, known, each, collection))
        .collect();
    let states = STATES
        .iter()
        .map(|state| State {
            id: name(state),
            title: Title::default(),
            description: Title::default(),
            transitions: names(&random.some(&all, 0, 4)),
            origin: span(),
        })
        .collect();
    Workflow {
        id: name(id),
        title: Title::default(),
        description: Title::default(),
        initial_state: random.chance(70).then(|| name(random.word(STATES))),
        closed: random.chance(55),
        states,
        transitions,
        origin: span(),
    }
}

fn transition(random: &mut Random, known: &Names, id: &str, collection: &str) -> Transition {
    let to = match id {
        "submit" => Target::State(name("review")),
        "release" => Target::State(name("live")),
        "revise" => Target::Map(vec![
            (name("live"), name("review")),
            (name("review"), name("draft")),
        ]),
        "note" => Target::Unknown,
        _ => Target::State(name("draft")),
    };
    let actions: &[&str] = match random.below(10) {
        0 => &[],
        1..=4 => &["update"],
        5..=7 => &["publish"],
        8 => &["update", "publish"],
        _ => &["read", "update"],
    };
    let windowed = known.chance(random, Theme::Gates, 12);
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    Transition {
        id: name(id),
        title: Title::default(),
        description: Title::default(),
        to,
        actions: names(actions),
        from: random.chance(20).then(|| states(random, known, 20)),
        listed: random.chance(85),
        when: random
            .chance(if known.has(Theme::Gates) { 40 } else { 12 })
            .then(|| condition::condition(random, collection, For::Stored, 1)),
        explain: random.chance(18),
        opens: (windowed && random.chance(60)).then(|| moment(MOMENTS[random.below(3)])),
        closes: (windowed && random.chance(60)).then(|| moment(MOMENTS[3 + random.below(2)])),
        approvals: (0..if known.has(Theme::Approvals) {
            random.between(1, 2)
        } else {
            [0, 0, 0, 1, 1, 2][random.below(6)]
        })
            .map(|_| approval(random, known))
            .collect(),
        origin: span(),
    }
}

fn approval(random: &mut Random, known: &Names) -> ApprovalRule {
    let _ = known;
    ApprovalRule {
        count: if random.chance(75) { 1 } else { 2 },
        roles: names(&if random.chance(70) {
            random.some(&["author", "editor", "chief", "basic"], 1, 2)
        } else {
            vec![]
        }),
        users: names(&if random.chance(30) {
            random.some(PEOPLE, 2, 3)
        } else {
            vec![]
        }),
        content_bound: random.chance(35),
        origin: span(),
    }
}
