//! Plans: an item is in a list exactly when the question about it alone is allowed.

use std::fs;

use placet::engine::check::check;
use placet::engine::filter::{Comparison, Exists, Filter, OWNER, STATE};
use placet::engine::plan::{Plan, PlanError, plan};
use placet::engine::query::{Holder, Names, Owner, Query};
use placet::model::Model;
use placet::model::condition::{Left, Node};
use placet::policy::Policy;
use placet::policy::collection::Collection;
use placet::vocab::effect::Reason;
use placet::vocab::operator::{FieldType, Operand as Form, Operator};
use placet::vocab::value::{Object, Value};

use placet::rpc::proto::v1;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::generate::random::Random;
use crate::generate::{near, policy, query, shrink, values};
use crate::grpc::{local, message};
use crate::properties::{model, show, told};
use crate::reference::kleene::Kleene;
use crate::reference::leaf::{self, Side};

/// What a filter is asked of: an item, and what the CMS knows of it beside its fields.
pub(crate) struct Row<'r> {
    pub(crate) policy: &'r Policy,
    /// The question that tells the item.
    pub(crate) query: &'r Query<'static>,
}

impl Row<'_> {
    /// Tells whether the item passes.
    pub(crate) fn passes(&self, filter: &Filter) -> bool {
        let collection = self.collection(self.query.resource.collection);
        self.holds(filter, &self.query.resource.attributes, collection)
    }

    fn collection(&self, name: &str) -> Option<&Collection> {
        self.policy.collections.iter().find(|each| each.id.value == name)
    }

    fn holds(&self, filter: &Filter, item: &Object<'static>, collection: Option<&Collection>) -> bool {
        let resource = &self.query.resource;
        match filter {
            Filter::All(parts) => parts.iter().all(|part| self.holds(part, item, collection)),
            Filter::Any(parts) => parts.iter().any(|part| self.holds(part, item, collection)),
            Filter::Not(part) => !self.holds(part, item, collection),
            Filter::Compare(comparison) => self.compares(comparison, item, collection),
            Filter::Exists(exists) => self.exists(exists, item, collection),
            Filter::Holds(holds) => {
                let is_holder = |holder: Holder<'_>| match holder {
                    Holder::User(id) => !id.is_empty() && id == &*holds.subject,
                    Holder::Group(name) => holds.groups.iter().any(|each| &**each == name),
                };
                let above = self
                    .above()
                    .into_iter()
                    .flat_map(|index| &resource.ancestors[index].local_roles);
                let mut given = above.chain(&resource.local_roles);
                given.any(|each| {
                    is_holder(each.holder)
                        && each
                            .roles
                            .iter()
                            .any(|role| holds.roles.iter().any(|wanted| &**wanted == *role))
                })
            }
            Filter::Below(below) => self.above().into_iter().any(|index| {
                let node = &resource.ancestors[index];
                let mut documents = below.documents.iter();
                documents.any(|(collection, id)| &**collection == node.collection && &**id == node.id)
            }),
        }
    }

    /// The ancestors from which roles come down.
    fn above(&self) -> Vec<usize> {
        let resource = &self.query.resource;
        if resource.block_inheritance {
            return Vec::new();
        }
        let first = resource.ancestors.iter().rposition(|node| node.block_inheritance);
        (first.unwrap_or(0)..resource.ancestors.len()).collect()
    }

    fn compares(
        &self,
        comparison: &Comparison,
        item: &Object<'static>,
        collection: Option<&Collection>,
    ) -> bool {
        let (value, related) = self.find(&comparison.path, item, collection);
        let by_key = !matches!(comparison.operator.operand(), Form::Flag | Form::Geometry);
        let mut value = match value {
            Value::Object(object) if by_key && comparison.function.is_none() => {
                let key = related.and_then(|related| related.key.as_ref());
                let key = key.map_or("id", |key| key.value.as_str());
                object.get(key).cloned().unwrap_or(Value::Object(object))
            }
            value => value,
        };
        if let Some(function) = comparison.function {
            match leaf::apply(function, &value) {
                Some(part) => value = part,
                None => return false,
            }
        }
        if value == Value::Null {
            return match comparison.operator {
                Operator::Null | Operator::Empty => true,
                Operator::Nin => comparison.values.is_empty(),
                _ => false,
            };
        }
        let moment = matches!(
            comparison.kind,
            Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
        ) && comparison.function.is_none();
        let right: Vec<Side> = comparison.values.iter().cloned().map(Side::known).collect();
        leaf::stored(comparison.operator, &Side::Known { value, moment }, &right) == Kleene::True
    }

    /// Returns the value at a path, and the collection of the item that it is.
    fn find(
        &self,
        path: &[Box<str>],
        item: &Object<'static>,
        collection: Option<&Collection>,
    ) -> (Value<'static>, Option<&Collection>) {
        let resource = &self.query.resource;
        let named = |name: &'static str| match name {
            "" => Value::Null,
            name => Value::Text(name.into()),
        };
        match path {
            [only] if &**only == STATE => return (named(resource.state), None),
            [only] if &**only == OWNER => return (named(resource.owner.id), None),
            _ => {}
        }
        let mut here = Value::Object(item.clone());
        let mut about = collection.map(|each| each.id.value.as_str());
        for step in path {
            let Value::Object(object) = &here else {
                return (Value::Null, None);
            };
            let declared = about.and_then(|name| self.collection(name));
            let fields = declared.into_iter().flat_map(|each| &each.fields);
            let field = fields.into_iter().find(|field| field.name.value == **step);
            let relation = field.and_then(|field| field.relation.as_ref());
            about = relation.map(|relation| relation.collection.value.as_str());
            here = object.get(step).cloned().unwrap_or(Value::Null);
        }
        (here, about.and_then(|name| self.collection(name)))
    }

    fn exists(&self, exists: &Exists, item: &Object<'static>, collection: Option<&Collection>) -> bool {
        let (list, related) = self.find(&exists.path, item, collection);
        let items = match list {
            Value::List(items) => items,
            _ => Vec::new(),
        };
        if items.is_empty() && exists.or_nulls {
            return self.holds(&exists.filter, &Object::default(), related);
        }
        items.iter().any(|item| match item {
            Value::Object(item) => self.holds(&exists.filter, item, related),
            _ => panic!("a related item is told by its key alone"),
        })
    }
}

/// Makes a question tell its item as a row of a database would: every field is there, and of related items, too.
fn complete(policy: &Policy, model: &Model, query: &mut Query<'static>, has_local_roles: bool) {
    let create = model
        .action_names
        .find(query.action)
        .and_then(|index| model.actions.get(index))
        .is_some_and(|action| action.on_item() == placet::vocab::effect::Operation::Create);
    let declared = policy
        .collections
        .iter()
        .find(|each| each.id.value == query.resource.collection);
    let resource = &mut query.resource;
    resource.any_item = false;
    resource.id = match (create, resource.id) {
        (true, _) => "",
        (false, "") => "4",
        (false, id) => id,
    };
    resource.owner.roles = Names::new();
    if !has_local_roles {
        resource.local_roles.clear();
        resource
            .ancestors
            .iter_mut()
            .for_each(|each| each.local_roles.clear());
    }
    let mut names = vec!["meta".to_owned(), "id".to_owned()];
    for program in &model.conditions {
        first_steps(&program.root, &mut names);
    }
    names.extend(model.field_names.names().map(str::to_owned));
    for name in &names {
        if resource.attributes.get(name).is_none() {
            values::set(&mut resource.attributes, &[name], Value::Null);
        }
    }
    let key = declared
        .and_then(|each| each.key.as_ref())
        .map_or("id", |key| key.value.as_str());
    values::set(&mut resource.attributes, &[key], Value::Text(resource.id.into()));
    let has_fields = declared.is_some_and(|each| !each.fields.is_empty());
    let attributes = resource.attributes.clone();
    for (name, value) in attributes.iter() {
        let value = match (name, value) {
            ("author", value) if query.resource.collection == "articles" => {
                whole(value, "id", &["desk", "roles"])
            }
            ("category", value) => whole(value, "slug", &["label"]),
            ("deep", value) => whole(value, "x", &["x"]),
            ("comments", Value::List(items)) if has_fields => {
                let names = ["id", "number", "text", "status", "author", "score", "meta"];
                let items = items.iter().map(|item| whole(item, "id", &names)).collect();
                Value::List(items)
            }
            // A list of items that nobody declares is no relation.
            (_, Value::List(items)) if items.iter().any(|item| !is_scalar(item)) => Value::Null,
            ("rows" | "more" | "comments", _) => Value::Null,
            ("status", Value::List(_) | Value::Object(_)) => Value::Null,
            ("status", Value::Bool(_)) => Value::Text("odd".into()),
            (_, value) => value.clone(),
        };
        values::set(&mut query.resource.attributes, &[name], value);
    }
    let resource = &mut query.resource;
    if declared.is_some_and(|each| each.owner.is_some()) {
        resource.owner = Owner::default();
    }
    match declared {
        Some(each) if each.state_field.is_some() => resource.state = "",
        Some(each) if each.workflow.is_some() && resource.state.is_empty() => resource.state = "draft",
        Some(each) if each.workflow.is_some() => {}
        _ => resource.state = "",
    }
    query.transition = "";
    query.to_state = "";
    query.changes = Object::default();
}

fn is_scalar(value: &Value<'_>) -> bool {
    !matches!(value, Value::List(_) | Value::Object(_))
}

fn first_steps(node: &Node, names: &mut Vec<String>) {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| first_steps(part, names)),
        Node::Not(part) | Node::Coded(_, part) => first_steps(part, names),
        Node::Neutral => {}
        Node::Related(related) => names.extend(related.path.first().map(|first| first.to_string())),
        Node::Leaf(leaf) => {
            if let Left::Field(path) = &leaf.left {
                names.extend(path.first().map(|first| first.to_string()));
            }
        }
    }
}

/// Returns a related item as a whole: with its key, and all other fields.
fn whole(value: &Value<'static>, key: &'static str, names: &[&'static str]) -> Value<'static> {
    let mut object = match value {
        Value::Null => return Value::Null,
        Value::Object(object) => object.clone(),
        other => {
            let mut object = Object::default();
            values::set(&mut object, &["id"], Value::clone(other));
            object
        }
    };
    if !matches!(value, Value::Object(_)) {
        values::set(&mut object, &[key], value.clone());
    }
    for name in [key, "id", "number"] {
        if matches!(object.get(name), None | Some(Value::Null)) && (name == key || names.contains(&name)) {
            values::set(&mut object, &[name], Value::Number(7.0));
        }
    }
    for name in names {
        if object.get(name).is_none() {
            values::set(&mut object, &[name], Value::Null);
        }
    }
    Value::Object(object)
}

/// The question about the item that the list is said to ask.
fn listed(model: &Model, query: &Query<'static>) -> Query<'static> {
    let mut single = query.clone();
    let index = model.action_names.find(query.action);
    let action = index.and_then(|index| model.actions.get(index));
    if let Some(action) = action {
        single.action = crate::reference::intern(model.action_names.name(action.listed_by.index()));
    }
    single
}

/// Compares what is said of each field with what the question for it alone is answered, about an item that is in the list.
fn fields_agree(model: &Model, query: &Query<'static>, row: &Row<'_>, made: &Plan) -> usize {
    for (name, shown) in &made.fields {
        let mut single = listed(model, query);
        single.fields = std::iter::once(crate::reference::intern(name)).collect();
        single.filter_fields = Names::new();
        let allowed = check(model, &single).unwrap().is_allow();
        assert_eq!(
            row.passes(shown),
            allowed,
            "{name} {single:?}\n{:?}\n{shown:?}",
            made.filter
        );
    }
    for (name, reason) in &made.filter_fields {
        let mut single = listed(model, query);
        single.fields = Names::new();
        single.filter_fields = std::iter::once(crate::reference::intern(name)).collect();
        let allowed = check(model, &single).unwrap().is_allow();
        assert!(!allowed || *reason == Reason::Allowed, "{name} {single:?}");
    }
    made.fields.len()
}

/// Whether the plan and the question about this item come to different ends.
fn differ(policy: &Policy, query: &Query<'static>, has_local_roles: bool) -> bool {
    let Ok(model) = model(policy) else { return false };
    let mut query = query.clone();
    complete(policy, &model, &mut query, has_local_roles);
    let single = listed(&model, &query);
    let (Ok(made), Ok(decision)) = (plan(&model, &query, has_local_roles), check(&model, &single)) else {
        return false;
    };
    let row = Row {
        policy,
        query: &query,
    };
    row.passes(&made.filter) != decision.is_allow()
}

/// Makes a difference smaller and shows it.
fn tell(policy: &Policy, query: &Query<'static>, has_local_roles: bool) -> ! {
    let fails = |policy: &Policy, query: &Query<'static>| differ(policy, query, has_local_roles);
    let (policy, mut query) = shrink::shrink(policy.clone(), query.clone(), &fails);
    let model = model(&policy).unwrap();
    complete(&policy, &model, &mut query, has_local_roles);
    println!("{}", show(&policy));
    let made = plan(&model, &query, has_local_roles).unwrap();
    let single = listed(&model, &query);
    let decision = check(&model, &single);
    panic!("{decision:?}\n{query:?}\n{:?}", made.filter);
}

#[test]
fn an_item_is_in_a_list_exactly_when_it_is_allowed() {
    let usual = if cfg!(debug_assertions) { 2_000 } else { 40_000 };
    let count = told("PLACET_CASES").unwrap_or(usual);
    let mut random = Random::new(told("PLACET_SEED").unwrap_or(11));
    let (mut plans, mut items, mut allowed, mut conditional, mut fields) = (0, 0, 0, 0, 0);
    let mut errors = [0; 3];
    while plans < count {
        let policy = policy::policy(&mut random);
        let Ok(model) = model(&policy) else { continue };
        for _ in 0..10 {
            let first = near::near(&mut random, &policy);
            if first.action.is_empty() {
                continue;
            }
            let has_local_roles = random.chance(40);
            let mut queries: Vec<Query<'static>> = Vec::new();
            for index in 0..8 {
                let mut item = match index {
                    0 => first.clone(),
                    1..=4 => near::near(&mut random, &policy),
                    _ => query::query(&mut random),
                };
                let collection = first.resource.collection;
                if item.resource.collection != collection {
                    continue;
                }
                let resource = item.resource.clone();
                item = first.clone();
                item.resource = resource;
                complete(&policy, &model, &mut item, has_local_roles);
                queries.push(item);
            }
            let made = plan(&model, &queries[0], has_local_roles);
            plans += 1;
            let made = match made {
                Ok(made) => made,
                Err(error) => {
                    errors[match error {
                        PlanError::Query(_) => 0,
                        PlanError::TooLarge => 1,
                        PlanError::Unsayable(_) => 2,
                    }] += 1;
                    continue;
                }
            };
            conditional += usize::from(!made.filter.is_always() && !made.filter.is_never());
            for query in &queries {
                let row = Row {
                    policy: &policy,
                    query,
                };
                let Ok(decision) = check(&model, &listed(&model, query)).map(|decision| decision.is_allow())
                else {
                    continue;
                };
                items += 1;
                allowed += usize::from(decision);
                if decision {
                    fields += fields_agree(&model, query, &row, &made);
                }
                if row.passes(&made.filter) != decision {
                    tell(&policy, query, has_local_roles);
                }
            }
        }
    }
    println!(
        "plans: {plans} with {items} items, {allowed} allowed, and {fields} fields of these; {conditional} conditional; errors: {} of questions, {} too large, {} unsayable",
        errors[0], errors[1], errors[2]
    );
    assert!(
        conditional * 4 > plans,
        "{conditional} of {plans} plans are conditional"
    );
    assert!(errors[1] * 100 < plans && errors[2] * 10 < plans, "{errors:?}");
}

/// Serves one profile, and asks it for a plan of reading articles.
fn ask(files: &[(&str, String)], request: serde_json::Value) -> Result<v1::PlanQueryResponse, Status> {
    let root = tempfile::tempdir().unwrap();
    let profile = root.path().join("news");
    fs::create_dir(&profile).unwrap();
    for (name, text) in files {
        fs::write(profile.join(name), text).unwrap();
    }
    let mut whole =
        json!({"action": "read", "collection": "articles", "subject": {"id": "ann", "roles": ["editor"]}});
    let more = request.as_object().unwrap().clone();
    whole.as_object_mut().unwrap().extend(more);
    let request: v1::PlanQueryRequest = message("PlanQueryRequest", whole);
    local(root.path()).plan_query(&request)
}

fn roles() -> (&'static str, String) {
    (
        "roles.json",
        json!({"roles": [{"id": "editor"}, {"id": "chief"}]}).to_string(),
    )
}

/// A grant of reading articles to editors, with more to it.
fn grant(more: serde_json::Value) -> serde_json::Value {
    let mut grant = json!({"roles": ["editor"], "collections": ["articles"], "actions": ["read"]});
    grant
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    grant
}

fn grants(list: Vec<serde_json::Value>) -> (&'static str, String) {
    ("grants.json", json!({ "grants": list }).to_string())
}

fn too_large(answer: Result<v1::PlanQueryResponse, Status>) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "PLAN_TOO_LARGE");
}

/// Asks for articles with comments that the subject may read, both by conditions of some depth.
fn deep(depth: usize) -> Result<v1::PlanQueryResponse, Status> {
    let nest = |inner: serde_json::Value, depth: usize| {
        (1..depth).fold(inner, |inner, level| {
            let beside = json!({format!("x{level}"): {"_eq": 1}});
            let group = if level % 2 == 0 { "_and" } else { "_or" };
            json!({ group: [beside, inner] })
        })
    };
    let leaf = json!({"text": {"_eq": "a"}});
    let articles = nest(json!({"comments": {"_some_permitted": leaf}}), 21);
    let mut comments = grant(json!({"when": nest(leaf.clone(), depth)}));
    comments["collections"] = json!(["comments"]);
    let mut fields: serde_json::Map<_, _> = (1..30)
        .map(|level| (format!("x{level}"), json!("integer")))
        .collect();
    fields.insert(
        "comments".to_owned(),
        json!({"relation": "comments", "many": true}),
    );
    let collections = json!({"collections": [{"id": "articles", "fields": fields}, {"id": "comments"}]});
    let files = [
        roles(),
        grants(vec![grant(json!({ "when": articles })), comments]),
        ("collections.json", collections.to_string()),
    ];
    ask(&files, json!({}))
}

/// Returns how deep a filter is.
fn levels(filter: &v1::PlanFilter) -> usize {
    use v1::plan_filter::Node;
    1 + match filter.node.as_ref().unwrap() {
        Node::AllOf(parts) | Node::AnyOf(parts) => parts.parts.iter().map(levels).max().unwrap_or(0),
        Node::Negation(part) => levels(part),
        Node::Exists(exists) => exists.filter.as_deref().map_or(0, levels),
        Node::Comparison(_) | Node::Holds(_) | Node::Below(_) => 0,
    }
}

#[test]
fn filters_are_no_larger_than_said() {
    let pairs = |count: usize| {
        let list = (0..count).map(|index| {
            grant(json!({"when": {"title": {"_eq": format!("t{index}")}, "desk": {"_eq": format!("d{index}")}}}))
        });
        ask(&[roles(), grants(list.collect())], json!({}))
    };
    // Each is a group with two comparisons, and all are one group.
    let fits = pairs(3_333).unwrap().plan.unwrap();
    assert_eq!(fits.kind(), v1::PlanKind::Conditional);
    too_large(pairs(3_334));

    let mut deepest = 0;
    for depth in 1..30 {
        match deep(depth) {
            Ok(answer) => deepest = levels(&answer.plan.unwrap().filter.unwrap()),
            refused => {
                too_large(refused);
                break;
            }
        }
    }
    assert_eq!(deepest, 40);

    let documents = |count: usize| {
        let lines = (0..count).map(|index| {
            json!({"collection": "articles", "id": format!("d{index}"), "users": ["ann"], "actions": ["read"]}).to_string()
        });
        let lines: Vec<String> = lines.collect();
        let files = [
            roles(),
            grants(vec![grant(json!({}))]),
            ("document_grants.jsonl", lines.join("\n")),
        ];
        ask(&files, json!({"subject": {"id": "ann"}}))
    };
    let plan = documents(10_000).unwrap().plan.unwrap();
    let Some(v1::plan_filter::Node::Comparison(ids)) = plan.filter.unwrap().node else {
        panic!("no comparison")
    };
    assert_eq!((ids.path, ids.values.len()), (vec!["id".to_owned()], 10_000));
    too_large(documents(10_001));

    let presets = |count: usize| {
        let constraints = (0..count).map(|index| {
            json!({"collections": ["articles"], "actions": ["update"],
                "when": {format!("x{index}"): {"_eq": 1}}, "presets": {format!("y{index}"): 1}})
        });
        let constraints: Vec<_> = constraints.collect();
        let allow = json!({"roles": ["editor"], "collections": ["articles"], "actions": ["update"]});
        let text = json!({"grants": [allow], "constraints": constraints}).to_string();
        ask(&[roles(), ("grants.json", text)], json!({"action": "update"}))
    };
    assert!(presets(4).is_ok());
    too_large(presets(5));
}

#[test]
fn what_only_the_item_tells_on_both_sides_is_no_filter() {
    let when = json!({"reviewer": {"_neq": "$OWNER.id"}});
    let status = ask(
        &[roles(), grants(vec![grant(json!({ "when": when }))])],
        json!({}),
    )
    .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "NOT_PLANNABLE");
    assert!(status.message().contains("reviewer _neq"), "{status:?}");
}

#[test]
fn local_roles_and_documents_above_are_asked_for() {
    let chief = json!({"roles": ["chief"], "collections": ["articles", "folders"], "actions": ["read"]});
    let files = [
        roles(),
        grants(vec![chief]),
        ("groups.json", json!({"groups": [{"id": "desk"}]}).to_string()),
        (
            "document_grants.jsonl",
            json!({"collection": "folders", "id": "f", "groups": ["desk"], "actions": ["read"], "descendants": true}).to_string(),
        ),
    ];
    let subject = json!({"id": "ann", "groups": ["desk"]});
    let plan = |more: serde_json::Value| {
        let mut request = json!({ "subject": subject, "targets": ["PLAN_TARGET_SQLITE"] });
        request
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ask(&files, request).unwrap().plan.unwrap()
    };
    let below = plan(json!({}));
    let Some(v1::plan_filter::Node::Below(node)) = below.filter.unwrap().node else {
        panic!("no document above")
    };
    assert_eq!(
        (&*node.documents[0].collection, &*node.documents[0].id),
        ("folders", "f")
    );
    assert!(below.renderings[0].text.is_empty() && !below.renderings[0].error.is_empty());
    let shared = plan(json!({"local_roles": true}));
    let Some(v1::plan_filter::Node::AnyOf(ways)) = shared.filter.unwrap().node else {
        panic!("no two ways")
    };
    let holds = ways.parts.iter().find_map(|part| match &part.node {
        Some(v1::plan_filter::Node::Holds(holds)) => Some(holds),
        _ => None,
    });
    let holds = holds.unwrap();
    assert_eq!(
        (&*holds.subject_id, &holds.roles[..], &holds.groups[..]),
        ("ann", &["chief".to_owned()][..], &["desk".to_owned()][..])
    );
}
