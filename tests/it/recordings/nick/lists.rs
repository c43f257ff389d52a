//! Lists by the database: what `PlanQuery` plans finds a document exactly when single questions allow it.
//!
//! Which local roles a document carries only the CMS knows, so what a plan asks about them is answered here, as the CMS would
//! do; the rest is run on a table of documents.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use placet::engine::filter::{Comparison, Filter};
use placet::load::discover::{ScanLimits, read_root};
use placet::load::load;
use placet::model::Model;
use placet::model::id::CollectionId;
use placet::rpc::proto::v1::local_role::Holder;
use placet::rpc::proto::v1::plan_filter::Node;
use placet::rpc::proto::v1::{
    CheckRequest, LocalRole, PlanFilter, PlanHolds, PlanKind, PlanQueryRequest, Resource,
};
use placet::target::{Target, render};
use placet::vocab::operator::{FieldType, Operator};
use placet::vocab::value::Value;
use prost_types::value::Kind;

use super::super::door::Door;
use super::super::listed::{Comparisons, quote, select};
use super::judge::is_allowed;
use crate::target::database::{Database, literal};

/// The table of documents.
const TABLE: &str = "document";

/// Databases, and the profiles whose lists they show.
pub(crate) struct Lists {
    databases: RefCell<Vec<Database>>,
    models: BTreeMap<String, Arc<Model>>,
    tally: Comparisons,
}

impl Lists {
    /// Opens the databases that are there, for the profiles of a directory.
    pub(crate) fn open(name: &str, root: &Path) -> Self {
        let scan = read_root(root, &ScanLimits::default()).unwrap();
        let profiles = load(&scan, &[]);
        Self {
            databases: RefCell::new(Database::open_all(name)),
            models: profiles
                .iter()
                .filter_map(|profile| Some((profile.id.to_string(), profile.model.clone()?)))
                .collect(),
            tally: Comparisons::default(),
        }
    }

    /// Compares whether the list of documents on which an action is allowed holds the document of a question with what a
    /// question about it alone comes to.
    pub(crate) fn compare(&self, request: &CheckRequest, door: &dyn Door) -> Result<(), String> {
        let resource = request.resource.as_ref().ok_or("there is no resource")?;
        let Some(model) = self.models.get(&request.profile) else {
            return Err(format!("there is no profile {}", request.profile));
        };
        let Some(collection) = model.collection_names.find(&resource.collection) else {
            return Ok(());
        };
        let plan = PlanQueryRequest {
            profile: request.profile.clone(),
            subject: request.subject.clone(),
            context: request.context.clone(),
            action: request.action.clone(),
            collection: resource.collection.clone(),
            local_roles: true,
            ..PlanQueryRequest::default()
        };
        let answer = door.plan_query(&plan).map_err(|status| status.to_string())?;
        let plan = answer.plan.ok_or("the answer has no plan")?;
        let filter = match plan.kind() {
            PlanKind::Always => Filter::always(),
            PlanKind::Never => Filter::never(),
            PlanKind::Conditional => {
                let filter = plan.filter.as_ref().ok_or("there is no filter")?;
                answered(filter, resource)?
            }
            PlanKind::Unspecified => return Err("the plan is of no kind".to_owned()),
        };
        let expected = is_allowed(&listed(model, request), door)?;
        for database in self.databases.borrow_mut().iter_mut() {
            let found = find(database, model, CollectionId::new(collection), &filter, resource)?;
            let name = database.target.name();
            if found != expected {
                return Err(format!(
                    "{name} finds the document: {found}; allowed: {expected}; {:?}",
                    plan.filter
                ));
            }
            let what = format!("{name} agrees ({})", plan.kind().as_str_name());
            self.tally.count(what);
        }
        Ok(())
    }

    /// Returns how many lists were compared.
    pub(crate) fn report(&self) -> String {
        self.tally.report()
    }
}

/// Returns the question about one document that its list asks.
fn listed(model: &Model, request: &CheckRequest) -> CheckRequest {
    let action = model.action_names.find(&request.action);
    let action = action.and_then(|action| model.actions.get(action));
    CheckRequest {
        action: action.map_or(request.action.clone(), |action| {
            model.action_names.name(action.listed_by.index()).to_owned()
        }),
        ..request.clone()
    }
}

/// Returns a filter with what it asks about local roles answered for a document.
fn answered(filter: &PlanFilter, resource: &Resource) -> Result<Filter, String> {
    let each = |parts: &[PlanFilter]| -> Result<Vec<Filter>, String> {
        parts.iter().map(|part| answered(part, resource)).collect()
    };
    match filter.node.as_ref().ok_or("an empty node")? {
        Node::AllOf(parts) => each(&parts.parts).map(Filter::all),
        Node::AnyOf(parts) => each(&parts.parts).map(Filter::any),
        Node::Negation(part) => Ok(answered(part, resource)?.not()),
        Node::Holds(asked) => Ok(Filter::of(holds(asked, resource))),
        Node::Comparison(comparison) => {
            let word = comparison.operator().as_str_name();
            let word = word.trim_start_matches("OPERATOR").to_lowercase();
            let values = comparison.values.iter().map(|value| match &value.kind {
                Some(Kind::StringValue(text)) => Ok(Value::Text(text.clone().into())),
                other => Err(format!("{other:?} is no text")),
            });
            Ok(Filter::Compare(Comparison {
                path: comparison.path.iter().map(|name| name.as_str().into()).collect(),
                function: None,
                operator: Operator::find(&word).ok_or_else(|| format!("the operator {word}"))?,
                values: values.collect::<Result<_, _>>()?,
                kind: Some(FieldType::String),
            }))
        }
        other @ (Node::Exists(_) | Node::Below(_)) => Err(format!("nothing answers {other:?}")),
    }
}

/// Tells whether one of the roles is shared on the document, or passed on to it: a node that blocks drops what comes from above.
fn holds(asked: &PlanHolds, resource: &Resource) -> bool {
    let is_asked = |local: &LocalRole| {
        let is_holder = match &local.holder {
            Some(Holder::SubjectId(id)) => !id.is_empty() && *id == asked.subject_id,
            Some(Holder::Group(group)) => asked.groups.contains(group),
            None => false,
        };
        is_holder && local.roles.iter().any(|role| asked.roles.contains(role))
    };
    let mut held = resource.local_roles.iter().any(is_asked);
    let mut blocked = resource.block_inheritance;
    for node in resource.ancestors.iter().rev() {
        held |= !blocked && node.local_roles.iter().any(is_asked);
        blocked |= node.block_inheritance;
    }
    held
}

/// Tells whether a database finds a document.
fn find(
    database: &mut Database,
    model: &Model,
    collection: CollectionId,
    filter: &Filter,
    resource: &Resource,
) -> Result<bool, String> {
    let target: Target = database.target;
    let name = |name: &str| quote(target, name);
    let text = |text: &str| match text {
        "" => "NULL".to_owned(),
        text => literal(target, text),
    };
    let rendering = render(model, collection, filter, target).map_err(|error| error.0)?;
    database.run(&format!("DROP TABLE IF EXISTS {}", name(TABLE)));
    database.run(&format!(
        "CREATE TABLE {} ({} INTEGER, {} VARCHAR(255), {} VARCHAR(255))",
        name(TABLE),
        name("number"),
        name("owner"),
        name("workflow_state")
    ));
    let owner = resource.owner.as_ref().map_or("", |owner| &owner.id);
    database.run(&format!(
        "INSERT INTO {} VALUES (1, {}, {})",
        name(TABLE),
        text(owner),
        text(&resource.state)
    ));
    let alias = model.collection_names.name(collection.index());
    let found = select(database, (TABLE, alias), "number", &rendering)?.1;
    Ok(found == BTreeSet::from([1]))
}
