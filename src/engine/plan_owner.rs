//! Whose an item is that is left open, which state it has, and which roles the subject holds on it: by owning it, by sharing, by
//! grants on documents.

use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::collection::Collection;
use crate::model::grant::{Held, Mask, Scope, Selection};
use crate::model::id::{RoleId, StateId};
use crate::model::role::RoleKind;
use crate::vocab::limits::PLAN_IDS_MAX;
use crate::vocab::operator::{FieldType, Operator};
use crate::vocab::value::Value;

use super::facts::Facts;
use super::filter::{Below, Filter, Holds, OWNER, STATE};
use super::identity::{grantees, is_grantee};
use super::plan::PlanError;
use super::plan_leaf::Field;
use super::role::{brought, roles_of_owner};
use crate::vocab::sheet::Grantee;

/// The item of a plan, or an item that is related to it.
#[derive(Clone, Copy)]
pub(super) struct Place<'q> {
    /// The collection, as far as it is declared.
    pub(super) collection: Option<&'q Collection>,
    /// Whether it is a related item: of these nothing is told but fields.
    pub(super) is_related: bool,
}

/// Which roles are looked at: all that the subject holds, or those of administrators, who put the others aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    Usual,
    Administrator,
}

/// What may be held on an item beside what is held everywhere.
pub(super) struct Standing<'a, 'q> {
    pub(super) facts: &'a Facts<'q>,
    /// What owning an item brings.
    owning: Bits,
    /// What items may bring in other ways, and which of them do.
    shared: Vec<(Bits, Filter)>,
    /// Roles that the CMS may give on the item, and what each brings.
    local: Vec<(RoleId, Bits)>,
}

impl<'a, 'q> Standing<'a, 'q> {
    /// Finds out what may be held; `has_local_roles` tells whether the CMS keeps roles on items.
    pub(super) fn find(facts: &'a Facts<'q>, has_local_roles: bool) -> Result<Self, PlanError> {
        let model = facts.model;
        let owning = match facts.identity.id {
            Some(_) => brought(facts, &model.roles.owner),
            None => Bits::default(),
        };
        let mut standing = Self {
            facts,
            owning,
            shared: Vec::new(),
            local: Vec::new(),
        };
        if has_local_roles && standing.may_be_given() {
            let roles = (0..model.roles.rows.len()).map(RoleId::new);
            let claimable = roles.filter(|role| {
                let row = model.roles.row(*role);
                row.is_some_and(|row| row.kind == RoleKind::Role)
            });
            standing.local = claimable.map(|role| (role, brought(facts, &[role]))).collect();
        }
        if model.document_grants.any_roles() {
            standing.find_granted()?;
        }
        Ok(standing)
    }

    /// Whether anything may be given to the subject: it has a name, or belongs to a group.
    fn may_be_given(&self) -> bool {
        let facts = self.facts;
        grantees(facts.model, facts.query, &facts.identity)
            .next()
            .is_some()
    }

    /// Finds the roles that grants on documents give the subject.
    fn find_granted(&mut self) -> Result<(), PlanError> {
        let facts = self.facts;
        let mut kinds: Vec<&[RoleId]> = Vec::new();
        for kind in facts.model.document_grants.kinds() {
            let roles = kind.roles.as_ref();
            if !roles.is_empty() && !kinds.contains(&roles) {
                kinds.push(roles);
            }
        }
        for roles in kinds {
            let filter = self.granted(|kind| kind.roles.as_ref() == roles)?.0;
            if !filter.is_never() {
                self.shared.push((brought(facts, roles), filter));
            }
        }
        Ok(())
    }

    /// Returns the items with a grant on a document that is held by the subject and gives what is wanted, and the first such grant.
    pub(super) fn granted(
        &self,
        wanted: impl Fn(&crate::model::document::GrantKind) -> bool,
    ) -> Result<(Filter, Option<crate::model::id::DocumentGrantId>), PlanError> {
        let facts = self.facts;
        let model = facts.model;
        let is_holder = |holder: Grantee<'_>| is_grantee(model, facts.query, &facts.identity, holder);
        let mut own: Vec<&str> = Vec::new();
        let mut above: Vec<(Box<str>, Box<str>)> = Vec::new();
        let mut first = None;
        for (document, grant) in model
            .document_grants
            .held_by(grantees(model, facts.query, &facts.identity))
        {
            if document.is_empty() || !wanted(grant.kind) || !grant.holders().any(is_holder) {
                continue;
            }
            first = first.or(Some(grant.id));
            if Some(grant.kind.collection) == facts.collection_id && !facts.query.resource.id.is_empty() {
                own.push(document);
            }
            if grant.kind.descendants {
                let collection = model.collection_names.name(grant.kind.collection.index());
                above.push((collection.into(), document.into()));
            }
            if own.len() + above.len() > PLAN_IDS_MAX {
                return Err(PlanError::TooLarge);
            }
        }
        own.sort_unstable();
        own.dedup();
        above.sort_unstable();
        above.dedup();
        let key = facts
            .collection
            .map_or("id", |collection| collection.key.as_ref());
        let on_item = if own.is_empty() {
            Filter::never()
        } else {
            field(facts.collection, key).compare(Operator::In, texts(own))
        };
        let below = if above.is_empty() {
            Filter::never()
        } else {
            Filter::Below(Below { documents: above })
        };
        Ok((on_item.or(below), first))
    }

    /// Tells whether sharing may bring roles.
    pub(super) fn varies_by_sharing(&self) -> bool {
        !self.shared.is_empty() || !self.local.is_empty()
    }

    /// Returns where sharing brings one of these roles.
    fn by_sharing(&self, roles: &Bits) -> Filter {
        let facts = self.facts;
        let names = self.local.iter().filter(|(_, bits)| bits.intersects(roles));
        let names: Vec<Box<str>> = names
            .map(|(role, _)| facts.model.roles.names.name(role.index()).into())
            .collect();
        let held = if names.is_empty() {
            Filter::never()
        } else {
            let groups = grantees(facts.model, facts.query, &facts.identity).filter_map(|each| match each {
                Grantee::Group(name) => Some(name.into()),
                Grantee::User(_) => None,
            });
            Filter::Holds(Holds {
                roles: names,
                subject: facts.identity.id.unwrap_or_default().into(),
                groups: groups.collect(),
            })
        };
        let granted = self.shared.iter().filter(|(bits, _)| bits.intersects(roles));
        Filter::any(granted.map(|(_, filter)| filter.clone()).chain([held]))
    }

    /// Returns where one of these roles is held in this way.
    fn any_held(&self, roles: &Bits, held: Held, world: World) -> Filter {
        let administrators = &self.facts.model.roles.administrators;
        let narrowed;
        let roles = match (world, held) {
            (World::Administrator, Held::Anywhere | Held::Site | Held::Shared) => {
                narrowed = roles.intersection(administrators);
                &narrowed
            }
            (World::Administrator, Held::Aside) | (World::Usual, _) => roles,
        };
        // What an administrator who is one everywhere puts aside is held all the same.
        if roles.intersects(self.everywhere()) {
            return Filter::always();
        }
        match held {
            Held::Site => Filter::never(),
            Held::Shared => self.by_sharing(roles),
            Held::Anywhere | Held::Aside => {
                let by_owning = if self.owning.intersects(roles) {
                    self.owns(self.item())
                } else {
                    Filter::never()
                };
                self.by_sharing(roles).or(by_owning)
            }
        }
    }

    /// What is held whatever the item is, roles that are put aside among them.
    fn everywhere(&self) -> &Bits {
        self.facts.effective.held(Held::Aside)
    }

    /// Returns where the subject is an administrator.
    pub(super) fn administers(&self) -> Filter {
        self.any_held(
            &self.facts.model.roles.administrators,
            Held::Anywhere,
            World::Usual,
        )
    }

    /// Returns where the subject is an administrator who may use names that the profile does not know.
    pub(super) fn administers_anything(&self) -> Filter {
        let roles = &self.facts.model.roles;
        let anything = roles.administrators.iter().filter(|role| {
            let row = roles.rows.get(*role);
            row.is_some_and(|row| row.allows_anything)
        });
        self.any_held(&Bits::of(anything), Held::Anywhere, World::Usual)
    }

    /// Returns where a rule is for the subject's roles and the collection of the plan.
    pub(super) fn stands(&self, selection: &Selection, world: World) -> Filter {
        let collection = self.facts.collection_id;
        if collection.is_some_and(|id| selection.except_collections.contains(&id)) {
            return Filter::never();
        }
        match &selection.roles {
            Mask::Any => Filter::always(),
            Mask::Only(roles) => self.any_held(roles, selection.held, world),
            Mask::Except(roles) => {
                let others = Bits::below(self.facts.model.roles.rows.len()).without(roles);
                self.any_held(&others, selection.held, world)
            }
        }
    }

    /// Returns the items of whom a rule is for.
    pub(super) fn in_scope(&self, selection: &Selection, world: World) -> Filter {
        match selection.scope {
            Scope::Any => Filter::always(),
            Scope::Mine => self.owns(self.item()),
            Scope::Role => {
                let count = self.facts.model.roles.rows.len();
                let through = match &selection.roles {
                    Mask::Any => Bits::below(count),
                    Mask::Only(roles) => roles.clone(),
                    Mask::Except(roles) => Bits::below(count).without(roles),
                };
                // Roles that are held everywhere are one question, each other role is one of its own.
                let mut sure = Bits::default();
                let mut alike = Vec::new();
                for role in through.iter() {
                    let one = Bits::of([role]);
                    let held = self.any_held(&one, selection.held, world);
                    if held.is_always() {
                        sure.insert(role);
                    } else if !held.is_never() {
                        alike.push(held.and(self.owner_holds(self.item(), &one)));
                    }
                }
                alike.push(self.owner_holds(self.item(), &sure));
                let of_alike = self.is_owned(self.item()).and(Filter::any(alike));
                self.owns(self.item()).or(of_alike)
            }
        }
    }

    /// The item of the plan.
    pub(super) fn item(&self) -> Place<'q> {
        Place {
            collection: self.facts.collection,
            is_related: false,
        }
    }

    /// Returns what holds the id of the owner; `None` if nothing tells it.
    pub(super) fn owner_of(&self, place: Place<'q>) -> Option<Field> {
        match place
            .collection
            .and_then(|collection| collection.owner_field.as_deref())
        {
            Some(name) => Some(field(place.collection, name)),
            None if place.is_related => None,
            None => Some(Field {
                path: vec![OWNER.into()],
                kind: Some(FieldType::String),
            }),
        }
    }

    /// Returns the items that the subject owns.
    pub(super) fn owns(&self, place: Place<'q>) -> Filter {
        match (self.facts.identity.id, self.owner_of(place)) {
            (Some(id), Some(owner)) => owner.compare(Operator::Eq, vec![Value::Text(id.to_owned().into())]),
            (None, _) | (_, None) => Filter::never(),
        }
    }

    /// Returns the items that have an owner.
    pub(super) fn is_owned(&self, place: Place<'q>) -> Filter {
        self.owner_of(place).map_or(Filter::never(), |owner| {
            owner.compare(Operator::Nempty, Vec::new())
        })
    }

    /// Returns the items whose owner holds one of these roles.
    pub(super) fn owner_holds(&self, place: Place<'q>, roles: &Bits) -> Filter {
        let model = self.facts.model;
        if roles.is_empty() {
            return Filter::never();
        }
        let path = place
            .collection
            .and_then(|collection| collection.owner_roles.as_deref());
        let told = path.map_or(Filter::never(), |path| owner_role(model, place, path, roles));
        let known = model.roles.users.keys().filter(|id| {
            let held = roles_of_owner(model, id, &[]);
            held.intersects(roles)
        });
        let mut known: Vec<&str> = known.map(AsRef::as_ref).collect();
        known.sort_unstable();
        let by_id = match self.owner_of(place) {
            Some(owner) if !known.is_empty() => owner.compare(Operator::In, texts(known)),
            Some(_) | None => Filter::never(),
        };
        told.or(by_id)
    }
}

fn texts(names: Vec<&str>) -> Vec<Value<'static>> {
    let texts = names.into_iter().map(|name| Value::Text(name.to_owned().into()));
    texts.collect()
}

/// Returns a field of a collection with its type.
pub(super) fn field(collection: Option<&Collection>, name: &str) -> Field {
    Field {
        path: vec![name.into()],
        kind: collection
            .and_then(|collection| collection.field(name))
            .and_then(|field| field.kind),
    }
}

/// Returns where the path to the roles of the owner tells a role that brings one of these.
fn owner_role(model: &Model, place: Place<'_>, path: &[Box<str>], roles: &Bits) -> Filter {
    let names = (0..model.roles.rows.len()).filter_map(|role| {
        let name = model.roles.names.name(role);
        model.roles.claimable(name)?;
        roles_of_owner(model, "", &[name])
            .intersects(roles)
            .then_some(name)
    });
    let names = texts(names.collect());
    let steps = || model.declared(place.collection, path);
    if steps().flatten().any(|field| field.leads_to_many()) {
        return Filter::never();
    }
    let kind = steps().last().flatten().and_then(|field| field.kind);
    let role = Field {
        path: path.to_vec(),
        kind,
    };
    let compare = |operator, values| role.compare(operator, values);
    if names.is_empty() {
        return Filter::never();
    }
    let contains = |names: Vec<Value<'static>>| {
        let each = names
            .into_iter()
            .map(|name| compare(Operator::Contains, vec![name]));
        Filter::any(each)
    };
    match kind {
        Some(FieldType::Csv) => contains(names),
        // It may be a list of roles or one role, and of a text only a list holds elements.
        Some(FieldType::Json) | None => {
            let is_single = compare(Operator::IsText, Vec::new()).or(compare(Operator::IsNumber, Vec::new()));
            let one = compare(Operator::In, names.clone());
            one.or(is_single.not().and(contains(names)))
        }
        Some(_) => compare(Operator::In, names),
    }
}

/// Returns the items in one of these states; `None` if nothing tells their state.
pub(super) fn in_states(model: &Model, place: Place<'_>, states: &Mask<Bits>) -> Option<Filter> {
    let bits = match states {
        Mask::Any => return Some(Filter::always()),
        Mask::Only(bits) | Mask::Except(bits) => bits,
    };
    let is_except = matches!(states, Mask::Except(_));
    let Some(collection) = place.collection.filter(|collection| collection.has_states()) else {
        return Some(Filter::of(is_except));
    };
    let state = match collection.state_field.as_deref() {
        Some(name) => field(Some(collection), name),
        None if place.is_related => return None,
        None => Field {
            path: vec![STATE.into()],
            kind: Some(FieldType::String),
        },
    };
    let values: Vec<Value<'static>> = bits
        .iter()
        .map(|id| state_value(model.state_names.name(StateId::new(id).index()), state.kind))
        .collect();
    let among = if values.is_empty() {
        Filter::never()
    } else {
        state.compare(Operator::In, values)
    };
    Some(if is_except { among.not() } else { among })
}

/// Returns the value of a field that names a state.
fn state_value(name: &str, kind: Option<FieldType>) -> Value<'static> {
    match (kind, name) {
        (Some(FieldType::Boolean), "true") => Value::Bool(true),
        (Some(FieldType::Boolean), "false") => Value::Bool(false),
        _ => Value::Text(name.to_owned().into()),
    }
}
