//! Which items of a collection somebody may act upon: a question whose item is left open.
//!
//! The plan says of every item what [`super::check::check`] would say of it, asked with the same facts and with all fields of the item
//! as attributes. The steps are those of a decision, in its order; where a step depends on the item, a filter stands in place of
//! its truth.

use crate::model::Model;
use crate::model::id::ActionId;
use crate::vocab::effect::{Operation, Reason};
use crate::vocab::limits::{PLAN_DEPTH_MAX, PLAN_NODES_MAX};
use crate::vocab::value::{Object, Value};

use super::check::check;
use super::decision::Rule;
use super::facts::Facts;
use super::filter::Filter;
use super::plan_owner::Standing;
use super::plan_rule::{Ground, Planner};
use super::query::{Query, QueryError, Resource};

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The question cannot be meant.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The filter would be larger than [`crate::vocab::limits`] allow.
    #[error(
        "the filter would have more than {PLAN_NODES_MAX} nodes, more than {PLAN_DEPTH_MAX} levels, or too many ids or ways to be preset"
    )]
    TooLarge,
    /// A condition compares two parts of an item with each other, or looks at roles that the item may bring.
    #[error(
        "`{0}` cannot be a part of a filter: it compares what only the item tells with what only the item tells"
    )]
    Unsayable(String),
}

/// Which items somebody may act upon.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The items.
    pub filter: Filter,
    /// [`Reason::Allowed`], or why no item at all passes.
    pub reason: Reason,
    /// The name that the reason is about, as in a decision.
    pub about: Option<Box<str>>,
    /// The rules that the plan was made of: constraints, denies, allows.
    pub rules: Vec<Rule>,
    /// For each field of the question: the items of the plan whose field is in it. Of a read of whatever may be read, for each
    /// known field.
    pub fields: Vec<(Box<str>, Filter)>,
    /// For each field that selects or sorts: [`Reason::Allowed`] if it may, or why not.
    pub filter_fields: Vec<(Box<str>, Reason)>,
    /// Whether the filter holds only for the moment that it was made for.
    pub is_momentary: bool,
}

/// Plans the items on which a question's action may be done: that action by which the profile has listings ask. Of the item
/// of the question only the collection counts; `has_local_roles` tells whether the CMS keeps roles on items.
///
/// # Errors
///
/// A [`PlanError`] if no filter says it.
pub fn plan(model: &Model, query: &Query<'_>, has_local_roles: bool) -> Result<Plan, PlanError> {
    if query.action.is_empty() {
        return Err(QueryError::NoAction.into());
    }
    let listed = listed_by(model, query.action);
    let open = for_some_item(model, query);
    let known = model.action_names.find(listed).map(ActionId::new);
    let operation = known
        .and_then(|id| model.action(id))
        .map_or(Operation::usual(listed), |action| action.on_item());
    if operation != Operation::Read && query.fields.contains(&"*") {
        return Err(QueryError::Unfit {
            field: "fields",
            value: "*",
        }
        .into());
    }
    let blank = blank(&open, operation);
    let facts = Facts::bind(model, &blank)?;
    let owner = owner_of(&blank, &facts);
    let as_owner = Facts::bind(model, &owner)?;
    let standing = Standing::find(&facts, has_local_roles)?;
    let planner = Planner {
        facts: &facts,
        as_owner: (!as_owner.effective.all.is_within(&facts.effective.all)).then_some(&as_owner),
        standing: &standing,
        action: known.unwrap_or(model.unknown_action()),
        operation,
    };
    // Names that the profile does not know are for administrators of anything alone.
    let gate = if facts.collection.is_some() && known.is_some() {
        Filter::always()
    } else {
        standing.administers_anything()
    };
    let ground = if gate.is_never() {
        None
    } else {
        Some(planner.ground(gate)?)
    };
    finish(&open, &planner, ground.as_ref())
}

/// Returns the action by which listings ask.
fn listed_by<'q>(model: &'q Model, action: &'q str) -> &'q str {
    let known = model.action_names.find(action).map(ActionId::new);
    let listed = known
        .and_then(|id| model.action(id))
        .map(|action| action.listed_by);
    listed.map_or(action, |id| model.action_names.name(id.index()))
}

/// Returns the question for some item that listings ask: it tells why there may be none, and what became of each rule.
pub fn for_some_item<'q>(model: &'q Model, query: &Query<'q>) -> Query<'q> {
    let mut open = query.clone();
    open.action = listed_by(model, query.action);
    open.transition = "";
    open.to_state = "";
    open.changes = Object::EMPTY;
    open.resource = Resource {
        collection: query.resource.collection,
        any_item: true,
        ..Default::default()
    };
    open
}

/// A name that no document and no field has.
const SOME: &str = "\u{1}";

/// Returns the question about an item of which nothing is told but that it is there, or that it would be.
fn blank<'q>(open: &Query<'q>, operation: Operation) -> Query<'q> {
    let mut blank = open.clone();
    blank.resource.any_item = false;
    if operation == Operation::Create {
        blank.resource.attributes = Object::new(vec![(SOME.into(), Value::Null)]);
    } else {
        blank.resource.id = SOME;
    }
    blank
}

/// Returns the same question about an item that the subject owns.
fn owner_of<'q>(blank: &Query<'q>, facts: &Facts<'q>) -> Query<'q> {
    let mut owner = blank.clone();
    owner.resource.owner.id = facts.identity.id.unwrap_or_default();
    owner
}

/// Puts the plan together.
fn finish<'q>(
    open: &Query<'q>,
    planner: &Planner<'_, 'q>,
    ground: Option<&Ground<'q>>,
) -> Result<Plan, PlanError> {
    let model = planner.facts.model;
    let weigh = |fields: &[&'q str], filter_fields: &[&'q str]| {
        ground.map_or(Filter::never(), |ground| {
            planner.weigh(ground, fields, filter_fields)
        })
    };
    let filter = weigh(&open.fields, &open.filter_fields);
    check_size(&filter)?;
    let known = planner.facts.collection.map_or(&[][..], |row| &row.known_fields);
    let known = known.iter().map(|id| model.field_names.name(id.index()));
    let mut names: Vec<&'q str> = Vec::new();
    for name in open.fields.iter().copied() {
        if name == "*" {
            names.extend(known.clone());
        } else {
            names.push(name);
        }
    }
    let mut fields = Vec::with_capacity(names.len());
    for name in names {
        let shown = filter.clone().and(weigh(&[name], &[])).given(&filter);
        check_size(&shown)?;
        fields.push((name.into(), shown));
    }
    let filter_fields = open.filter_fields.iter().map(|name| {
        let reason = if weigh(&[], &[name]).is_never() {
            let mut one = open.clone();
            one.fields = Default::default();
            one.filter_fields = std::iter::once(*name).collect();
            refusal(model, &one).0
        } else {
            Reason::Allowed
        };
        (Box::from(*name), reason)
    });
    let filter_fields: Vec<_> = filter_fields.collect();
    let (reason, about) = if filter.is_never() {
        refusal(model, open)
    } else {
        (Reason::Allowed, None)
    };
    Ok(Plan {
        filter,
        reason,
        about,
        rules: ground.map_or(Vec::new(), |ground| ground.rules.clone()),
        fields,
        filter_fields,
        is_momentary: ground.is_some_and(Ground::is_momentary),
    })
}

/// Why no item passes: what the question for some item is refused for, if it is.
fn refusal(model: &Model, open: &Query<'_>) -> (Reason, Option<Box<str>>) {
    match check(model, open) {
        Ok(decision) if !decision.is_allow() => (decision.reason, decision.about.map(Box::from)),
        Ok(_) | Err(_) => (Reason::NoMatchingGrant, None),
    }
}

/// Refuses a filter that nobody could use.
fn check_size(filter: &Filter) -> Result<(), PlanError> {
    let (nodes, depth) = filter.size();
    if nodes > PLAN_NODES_MAX || depth > PLAN_DEPTH_MAX {
        return Err(PlanError::TooLarge);
    }
    Ok(())
}
