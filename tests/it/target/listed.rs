//! Lists from databases: an item is found by the plan of a question exactly when the question about it alone is allowed.

use std::collections::BTreeSet;
use std::fs;

use placet::engine::check::check;
use placet::engine::plan::plan;
use placet::load::discover::{ScanLimits, read_root};
use placet::load::load;
use placet::model::Model;
use placet::model::id::CollectionId;
use placet::target::{Rendering, Target, render};
use placet::vocab::effect::Effect;
use serde_json::{Value as Json, json};

use super::database::Database;
use super::related::{Case, THINGS, cases, collections, create, join, thing};
use crate::ask;
use crate::generate::random::Random;
use crate::mongodb::Engine;
use crate::properties::told;

const ROLES: &[&str] = &["author", "editor", "guest"];

/// Profiles that are loaded at once.
const BATCH: usize = 500;

/// Returns rules for reading things, most of them with conditions.
fn rules(random: &mut Random, cases: &[Case]) -> Json {
    let mut grants = Vec::new();
    for index in 0..random.between(1, 5) {
        let mut grant =
            json!({"roles": random.some(ROLES, 1, 2), "collections": ["things"], "actions": ["read"]});
        if random.chance(75) {
            grant["when"] = join(random, cases, 2).0;
        }
        if random.chance(25) {
            grant["scope"] = json!(if random.chance(70) { "mine" } else { "role" });
        }
        if random.chance(25) {
            grant["states"] = json!(random.some(&["one", "two", "six"], 1, 2));
        }
        if index > 0 && random.chance(25) {
            grant["effect"] = json!("deny");
        }
        grants.push(grant);
    }
    let mut constraints = Vec::new();
    if random.chance(20) {
        constraints.push(
            json!({"collections": ["things"], "actions": ["read"], "require": join(random, cases, 1).0}),
        );
    }
    json!({ "grants": grants, "constraints": constraints })
}

fn write_profiles(random: &mut Random, count: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let (plain, shared) = cases();
    // Conditions that share related items stand beside the others, alone or joined.
    let all: Vec<Case> = plain.into_iter().chain(shared).collect();
    let mut collections = collections();
    collections[0]["owner"] = json!({"field": "author", "roles": "author.name"});
    collections[0]["state_field"] = json!("title");
    let roles: Vec<Json> = ROLES.iter().map(|id| json!({ "id": id })).collect();
    for index in 0..count {
        let directory = root.path().join(format!("p{index}"));
        fs::create_dir_all(&directory).unwrap();
        for (file, json) in [
            ("roles.json", json!({ "roles": roles })),
            ("collections.json", json!({ "collections": collections })),
            ("grants.json", rules(random, &all)),
        ] {
            fs::write(directory.join(file), json.to_string()).unwrap();
        }
    }
    root
}

/// What came of the plans.
#[derive(Default)]
struct Count {
    plans: usize,
    planless: usize,
    conditional: usize,
    unsayable: usize,
    /// Why, each once.
    refusals: BTreeSet<String>,
    allowed: usize,
    /// Plans that ran as queries of MongoDB, and those that no query says.
    queries: [usize; 2],
}

/// Returns the things of which a question is allowed one by one.
fn allowed(model: &Model, question: &Json) -> BTreeSet<i64> {
    let is_allowed = |item: &Json| {
        let mut question = question.clone();
        question["resource"]["attributes"] = item.clone();
        check(model, &ask::query(&question)).unwrap().effect == Effect::Allow
    };
    let things = THINGS.iter().filter(|row| is_allowed(&thing(row)));
    things.map(|row| row.0).collect()
}

/// What plans run on.
struct Stores {
    databases: Vec<Database>,
    mongodb: Option<Engine>,
}

fn ask_plan(model: &Model, question: &Json, stores: &mut Stores, count: &mut Count) -> Option<String> {
    count.plans += 1;
    let Ok(made) = plan(model, &ask::query(question), false) else {
        count.planless += 1;
        return None;
    };
    count.conditional += usize::from(!made.filter.is_always() && !made.filter.is_never());
    let wanted = allowed(model, question);
    count.allowed += wanted.len();
    let things = CollectionId::new(model.collection_names.find("things").unwrap());
    for database in &mut stores.databases {
        let Rendering { text, parameters } = match render(model, things, &made.filter, database.target) {
            Ok(rendering) => rendering,
            Err(error) => {
                count.unsayable += 1;
                count.refusals.insert(error.0);
                continue;
            }
        };
        let (nr, quote) = match database.target {
            Target::Mysql => ("`n\"r```", '`'),
            _ => ("\"n\"\"r`\"", '"'),
        };
        let sql = format!("SELECT {nr} FROM {quote}r1{quote} AS {quote}things{quote} WHERE {text}");
        let found = database.ask(&sql, &Rendering { text, parameters });
        if found.as_ref() != Ok(&wanted) {
            return Some(format!(
                "{} {question}: wanted {wanted:?}, found {found:?}\n  {sql}\n  {:?}",
                database.target.name(),
                made.filter
            ));
        }
    }
    let mongodb = stores.mongodb.as_mut()?;
    let Ok(rendering) = render(model, things, &made.filter, Target::Mongodb) else {
        count.queries[1] += 1;
        return None;
    };
    count.queries[0] += 1;
    let documents: Vec<Json> = THINGS.iter().map(thing).collect();
    let query: Json = serde_json::from_str(&rendering.text).unwrap();
    let places = mongodb.find(&query, &documents).into_iter();
    let found: BTreeSet<i64> = places.map(|place| THINGS[place].0).collect();
    (found != wanted).then(|| {
        format!(
            "mongodb {question}: wanted {wanted:?}, found {found:?}\n  {query}\n  {:?}",
            made.filter
        )
    })
}

#[test]
fn lists_from_databases_hold_exactly_what_is_allowed_one_by_one() {
    let usual = if cfg!(debug_assertions) { 100 } else { 2_000 };
    let profiles = told::<usize>("PLACET_CASES").map_or(usual, |cases| cases / 4);
    let mut random = Random::new(told("PLACET_SEED").unwrap_or(5));
    let mut stores = Stores {
        databases: Database::open_all("placet_listed"),
        mongodb: Engine::start(),
    };
    stores.databases.iter_mut().for_each(create);
    let mut count = Count::default();
    let mut complaints = Vec::new();
    let mut left = profiles;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let root = write_profiles(&mut random, batch);
        let scan = read_root(root.path(), &ScanLimits::default()).unwrap();
        for profile in load(&scan, &[]) {
            let model = profile.model.as_ref().unwrap_or_else(|| {
                let rules = fs::read_to_string(root.path().join(&profile.directory).join("grants.json"));
                panic!("{}: {:?}", rules.unwrap(), profile.diagnostics)
            });
            for id in ["", "1", "2", "7"] {
                let question = json!({
                    "subject": {"id": id, "roles": random.some(ROLES, 1, 2)},
                    "resource": {"collection": "things"},
                    "action": "read",
                });
                complaints.extend(ask_plan(model, &question, &mut stores, &mut count));
            }
        }
    }
    println!(
        "{} plans ({} conditional, {} cannot be made) on {} databases, {} items allowed, {} renderings unsayable",
        count.plans,
        count.conditional,
        count.planless,
        stores.databases.len(),
        count.allowed,
        count.unsayable
    );
    let [queries, refused] = count.queries;
    println!("{queries} of them are queries of MongoDB, {refused} cannot be");
    let shown: Vec<&str> = complaints.iter().take(5).map(String::as_str).collect();
    assert!(
        complaints.is_empty(),
        "{} lists differ\n{}",
        complaints.len(),
        shown.join("\n")
    );
    assert!(
        count.conditional * 3 > count.plans,
        "{} are conditional",
        count.conditional
    );
    assert!(
        count.planless * 4 < count.plans,
        "{} cannot be made",
        count.planless
    );
    // Every field has a type, though conditions leave most of these out.
    assert!(count.refusals.is_empty(), "{:?}", count.refusals);
    assert!(queries >= refused * 4, "{refused} are no queries of MongoDB");
}
