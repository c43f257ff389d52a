//! A condition on an item that is left open: the programs that [`super::condition`] runs on an item are run on what the request
//! tells alone, and what remains is a filter.

use crate::model::bits::Bits;
use crate::model::collection::Field as Declared;
use crate::model::condition::{Leaf, Left, Node, Operand, Program, Related, Variable};
use crate::model::id::{ActionId, CollectionId};
use crate::vocab::operator::{FieldType, Function, Operator};
use crate::vocab::value::{Value, View};

use super::compare::Side;
use super::condition::{Item, Notes, Rows, Scene, Truth};
use super::constraints::Presets;
use super::facts::Facts;
use super::filter::{Exists, Filter};
use super::plan::PlanError;
use super::plan_leaf::{Field, leave_open};
use super::plan_owner::{Place, Standing};
use super::plan_rows::{negate, share};
use super::plan_truth::Pair;

/// What a condition is asked of, and by whom.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a, 'q> {
    pub(super) facts: &'a Facts<'q>,
    pub(super) standing: &'a Standing<'a, 'q>,
    /// The facts if the subject owned the item, where owning brings roles.
    pub(super) as_owner: Option<&'a Facts<'q>>,
    pub(super) action: Option<ActionId>,
    pub(super) place: Place<'q>,
    pub(super) values: Values<'a>,
    /// Whether the item is being made, so that its fields are what is proposed.
    pub(super) creates: bool,
    /// Whether the subject is an administrator.
    pub(super) administers: bool,
    /// How many `_some_permitted` are around this one.
    pub(super) depth: usize,
}

/// Which values the fields of a condition are, as in [`Item`].
#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    Stored,
    AsWouldBe(&'a Presets<'a>),
    Submitted(&'a Presets<'a>),
}

/// What a comparison takes from the item, beside its fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Nothing,
    OwnerId,
    OwnerRoles,
    Roles,
}

impl Reads {
    fn of(variable: &Variable) -> Self {
        match variable {
            Variable::OwnerId => Reads::OwnerId,
            Variable::OwnerRoles => Reads::OwnerRoles,
            Variable::CurrentRoles(_) | Variable::CurrentPolicies(_) => Reads::Roles,
            Variable::Now(_)
            | Variable::CurrentUser(_)
            | Variable::CurrentRole(_)
            | Variable::Context(_)
            | Variable::Item => Reads::Nothing,
        }
    }

    fn of_operand(operand: &Operand) -> Self {
        match operand {
            Operand::Value(_) => Reads::Nothing,
            Operand::Variable(variable) => Reads::of(variable),
            Operand::List(parts) => {
                let mut parts = parts.iter().map(Reads::of_operand);
                parts
                    .find(|reads| *reads != Reads::Nothing)
                    .unwrap_or(Reads::Nothing)
            }
        }
    }
}

/// Tells whether an operand depends on the item.
pub(super) fn is_of_item(operand: &Operand) -> bool {
    matches!(Reads::of_operand(operand), Reads::OwnerId | Reads::OwnerRoles)
}

impl<'a, 'q> Asking<'a, 'q> {
    /// Runs a program.
    pub(super) fn run(&self, program: &'q Program) -> Result<Pair, PlanError> {
        let pair = self.node(&program.root)?;
        Ok(Pair {
            sure: share(pair.sure)?,
            may: share(pair.may)?,
        })
    }

    fn node(&self, node: &'q Node) -> Result<Pair, PlanError> {
        let each = |parts: &'q [Node]| -> Result<Vec<Pair>, PlanError> {
            parts.iter().map(|part| self.node(part)).collect()
        };
        match node {
            Node::All(parts) => each(parts).map(Pair::all),
            Node::Any(parts) => each(parts).map(Pair::any),
            Node::Not(part) => Ok(self.node(part)?.turned(negate)),
            Node::Coded(_, part) => self.node(part),
            Node::Neutral => Ok(Pair::of(Truth::True)),
            Node::Related(related) => self.related(related),
            Node::Leaf(leaf) => self.leaf(leaf),
        }
    }

    /// Returns what the known side of a comparison is looked up in.
    fn scene<'s>(&'s self, facts: &'s Facts<'q>) -> Scene<'s> {
        Scene {
            facts,
            action: self.action,
            item: match self.values {
                Values::Stored => Item::Stored,
                Values::AsWouldBe(presets) => Item::AsWouldBe(presets),
                Values::Submitted(presets) => Item::Submitted(presets),
            },
            state: None,
            named: None,
            creates: self.creates,
            depth: self.depth,
        }
    }

    fn leaf(&self, leaf: &'q Leaf) -> Result<Pair, PlanError> {
        let left = match &leaf.left {
            Left::Fact(variable) => Reads::of(variable),
            Left::Field(_) => Reads::Nothing,
        };
        let right = Reads::of_operand(&leaf.right);
        if left == Reads::Roles || right == Reads::Roles {
            return self.by_roles(leaf);
        }
        let reads_owner = left == Reads::OwnerId || right == Reads::OwnerId;
        if reads_owner && matches!(self.values, Values::Submitted(_)) {
            return Err(unsayable(leaf));
        }
        match (&leaf.left, left, right) {
            (Left::Field(path), _, Reads::Nothing) => self.field(leaf, path, self.facts),
            (Left::Fact(_), Reads::Nothing, Reads::Nothing) => Ok(self.known(leaf, self.facts)),
            (Left::Fact(_), Reads::OwnerId, Reads::Nothing) => self.owner_id(leaf),
            (Left::Fact(_), Reads::OwnerRoles, Reads::Nothing) => self.owner_roles(leaf),
            (Left::Fact(variable), Reads::Nothing, Reads::OwnerId) => self.is_owner(leaf, variable),
            (Left::Fact(variable), Reads::Nothing, Reads::OwnerRoles) => {
                self.is_role_of_owner(leaf, variable)
            }
            _ => Err(unsayable(leaf)),
        }
    }

    /// A comparison that the item has no part in.
    fn known(&self, leaf: &'q Leaf, facts: &'a Facts<'q>) -> Pair {
        let mut notes = Notes::new();
        Pair::of(self.scene(facts).leaf(leaf, &Rows::new(), &mut notes))
    }

    /// A comparison that looks at all roles of the subject, which may depend on whether it owns the item.
    fn by_roles(&self, leaf: &'q Leaf) -> Result<Pair, PlanError> {
        let ask = |facts: &'a Facts<'q>| match &leaf.left {
            Left::Field(path) => self.field(leaf, path, facts),
            Left::Fact(_) => Ok(self.known(leaf, facts)),
        };
        let reads_owner = |reads| matches!(reads, Reads::OwnerId | Reads::OwnerRoles);
        let left = match &leaf.left {
            Left::Fact(variable) => Reads::of(variable),
            Left::Field(_) => Reads::Nothing,
        };
        if self.standing.varies_by_sharing()
            || reads_owner(left)
            || reads_owner(Reads::of_operand(&leaf.right))
        {
            return Err(unsayable(leaf));
        }
        let usually = ask(self.facts)?;
        let as_owner = match self.as_owner {
            Some(facts) => ask(facts)?,
            None => return Ok(usually),
        };
        // Of the roles that owning brings this comparison may not even look at one.
        if as_owner == usually {
            return Ok(usually);
        }
        if self.place.is_related {
            return Err(unsayable(leaf));
        }
        let owns = Pair::known(self.standing.owns(self.standing.item()));
        Ok(owns.clone().and(as_owner).or(owns.not().and(usually)))
    }

    /// A comparison of a field.
    fn field(&self, leaf: &'q Leaf, path: &'q [Box<str>], facts: &'a Facts<'q>) -> Result<Pair, PlanError> {
        if leaf.operator == Operator::Submitted || self.is_preset(leaf, path)? {
            return Ok(self.known(leaf, facts));
        }
        let is_count = leaf.function == Some(Function::Count);
        let lists = self.lists(path, path.len().saturating_sub(usize::from(is_count)));
        let start = lists.last().copied().unwrap_or_default();
        let mut own: Vec<Box<str>> = path.get(start..).unwrap_or_default().to_vec();
        // Programs know only the types by which comparisons differ.
        let mut kind = leaf.kind.or_else(|| self.end_of(path)?.kind);
        if own.is_empty() {
            // A related item stands for its key, and the row of nulls has none.
            own = vec![leaf.key.clone()];
            kind = self.key_kind(path);
        }
        let field = Field { path: own, kind };
        let mut pair = leave_open(&self.scene(facts), leaf, &field);
        for (index, end) in lists.iter().enumerate().rev() {
            let begin = index
                .checked_sub(1)
                .and_then(|index| lists.get(index))
                .copied()
                .unwrap_or(0);
            let look = |filter: Filter| self.look(path, begin, *end, filter, true);
            pair = Pair {
                sure: look(pair.sure),
                may: look(pair.may),
            };
        }
        Ok(pair)
    }

    /// Looks at the items of a list, which is the part of a path between two steps.
    fn look(&self, path: &[Box<str>], begin: usize, end: usize, filter: Filter, or_nulls: bool) -> Filter {
        if filter.is_never() || or_nulls && filter.is_always() {
            return filter;
        }
        Filter::Exists(Exists {
            path: path.get(begin..end).unwrap_or_default().to_vec(),
            collection: self.related_to(path.get(..end).unwrap_or_default()),
            filter: Box::new(filter),
            or_nulls,
        })
    }

    /// Returns after how many steps, at most so many, a path has led to a list of related items.
    fn lists(&self, path: &[Box<str>], most: usize) -> Vec<usize> {
        let steps = self.facts.model.declared(self.place.collection, path);
        let lists = steps
            .zip(1..=most)
            .filter(|(field, _)| field.is_some_and(Declared::leads_to_many));
        lists.map(|(_, index)| index).collect()
    }

    /// Returns what is declared of the field at the end of a path.
    fn end_of(&self, path: &[Box<str>]) -> Option<&'q Declared> {
        let steps = self.facts.model.declared(self.place.collection, path);
        steps.last().flatten()
    }

    /// Returns the collection of the items that a path leads to.
    fn related_to(&self, path: &[Box<str>]) -> Option<CollectionId> {
        Some(self.end_of(path)?.relation?.collection)
    }

    fn key_kind(&self, path: &[Box<str>]) -> Option<FieldType> {
        let related = self.facts.model.collection(self.related_to(path)?)?;
        related.field(&related.key)?.kind
    }

    /// Whether the field is what is submitted or written by default, whatever is stored.
    fn is_preset(&self, leaf: &Leaf, path: &[Box<str>]) -> Result<bool, PlanError> {
        let presets = match self.values {
            Values::AsWouldBe(presets) if !self.creates => presets,
            Values::Stored | Values::AsWouldBe(_) => return Ok(false),
            Values::Submitted(_) => return Ok(true),
        };
        let Some(first) = path.first() else {
            return Ok(false);
        };
        let value = presets.values.iter().find(|(name, _)| *name == first.as_ref());
        if value.is_some_and(|(_, value)| leaf.is_many || matches!(value, Value::List(_) | Value::Object(_)))
        {
            return Err(unsayable(leaf));
        }
        Ok(value.is_some() || presets.is_untold(first))
    }

    /// A comparison of the owner's id: null where nobody owns the item.
    fn owner_id(&self, leaf: &'q Leaf) -> Result<Pair, PlanError> {
        let owner = match self.standing.owner_of(self.standing.item()) {
            Some(owner) if !self.place.is_related => owner,
            Some(_) | None => return Err(unsayable(leaf)),
        };
        let owned = Pair::known(self.standing.is_owned(self.standing.item()));
        // The facts of a plan tell no owner: the same comparison with them is that of null.
        let unowned = self.known(leaf, self.facts);
        let told = leave_open(&self.scene(self.facts), leaf, &owner);
        Ok(owned.clone().and(told).or(owned.not().and(unowned)))
    }

    /// Whether a fact is the owner's id.
    fn is_owner(&self, leaf: &'q Leaf, variable: &'q Variable) -> Result<Pair, PlanError> {
        let scene = self.scene(self.facts);
        let side = scene.variable(variable);
        if self.place.is_related || leaf.function.is_some() || !matches!(leaf.right, Operand::Variable(_)) {
            return Err(unsayable(leaf));
        }
        let Some(owner) = self.standing.owner_of(self.standing.item()) else {
            return Err(unsayable(leaf));
        };
        let owned = self.standing.is_owned(self.standing.item());
        let text = match side {
            Side::Open => return Ok(Pair::of(Truth::Open)),
            Side::View(View::Null) if leaf.operator == Operator::Is => return Ok(Pair::known(owned.not())),
            // Nothing is said of null, and null is in no list that is none.
            Side::View(View::Null) => return Ok(Pair::of(Truth::False)),
            Side::View(View::Text(text)) => text.to_owned(),
            Side::View(_) | Side::Instant(_) | Side::List(_) => return Err(unsayable(leaf)),
        };
        let is_it = owned
            .clone()
            .and(owner.compare(Operator::Eq, vec![Value::Text(text.into())]));
        let is_equal = [Operator::Eq, Operator::Is, Operator::In].contains(&leaf.operator);
        if is_equal {
            return Ok(Pair::known(is_it));
        }
        let is_other = is_it.not();
        if leaf.operator == Operator::Neq {
            Ok(Pair::known(owned.and(is_other)))
        } else if leaf.operator == Operator::Nin {
            Ok(Pair::known(is_other))
        } else {
            Err(unsayable(leaf))
        }
    }

    /// A comparison of the list of the owner's roles.
    fn owner_roles(&self, leaf: &'q Leaf) -> Result<Pair, PlanError> {
        if self.place.is_related || leaf.function.is_some() {
            return Err(unsayable(leaf));
        }
        let model = self.facts.model;
        let all = || {
            let any = Bits::below(model.roles.rows.len());
            self.standing.owner_holds(self.standing.item(), &any)
        };
        let scene = self.scene(self.facts);
        let holds = match (leaf.operator, scene.operand(&leaf.right)) {
            (Operator::Empty, _) => return Ok(Pair::known(all().not())),
            (Operator::Nempty, _) => return Ok(Pair::known(all())),
            (Operator::Contains | Operator::Ncontains, Side::Open) => return Ok(Pair::of(Truth::Open)),
            (Operator::Contains | Operator::Ncontains, Side::View(View::Text(name))) => {
                self.holds_named(name)
            }
            _ => return Err(unsayable(leaf)),
        };
        let is_without = leaf.operator == Operator::Ncontains;
        Ok(Pair::known(if is_without { holds.not() } else { holds }))
    }

    /// Whether a fact is a role of the owner.
    fn is_role_of_owner(&self, leaf: &'q Leaf, variable: &'q Variable) -> Result<Pair, PlanError> {
        if self.place.is_related || leaf.function.is_some() || !matches!(leaf.right, Operand::Variable(_)) {
            return Err(unsayable(leaf));
        }
        let scene = self.scene(self.facts);
        let holds = match scene.variable(variable) {
            Side::Open => return Ok(Pair::of(Truth::Open)),
            Side::View(View::Text(name)) => self.holds_named(name),
            Side::View(_) | Side::Instant(_) | Side::List(_) => return Err(unsayable(leaf)),
        };
        if leaf.operator == Operator::In {
            Ok(Pair::known(holds))
        } else if leaf.operator == Operator::Nin {
            Ok(Pair::known(holds.not()))
        } else {
            Err(unsayable(leaf))
        }
    }

    fn holds_named(&self, name: &str) -> Filter {
        let role = self.facts.model.roles.names.find(name);
        let role = role.map_or(Bits::EMPTY, |role| Bits::of([role]));
        self.standing.owner_holds(self.standing.item(), &role)
    }

    /// Some, or none, of the related items.
    fn related(&self, related: &'q Related) -> Result<Pair, PlanError> {
        let path = &related.path;
        let is_preset = |presets: &Presets<'_>, name: &str| {
            presets.values.iter().any(|(other, _)| *other == name) || presets.is_untold(name)
        };
        match (self.values, path.first()) {
            (Values::AsWouldBe(presets), Some(first)) if !self.creates && is_preset(presets, first) => {
                return Err(PlanError::Unsayable(related.text.as_ref().into()));
            }
            (Values::Submitted(presets), Some(first)) if is_preset(presets, first) => {
                return Err(PlanError::Unsayable(related.text.as_ref().into()));
            }
            // What is not submitted passes.
            (Values::Submitted(_), _) => return Ok(Pair::of(Truth::True)),
            (Values::Stored | Values::AsWouldBe(_), _) => {}
        }
        let lists = self.lists(path, path.len());
        let is_declared = self.related_to(path).is_some();
        let some = if lists.iter().any(|end| *end < path.len()) {
            // A list on the way to the list has no one item that it could be of.
            return Ok(Pair::of(Truth::Open));
        } else if is_declared && lists.is_empty() {
            // One related item is no list; without one there is nothing to be found.
            let field = Field {
                path: path.to_vec(),
                kind: self.end_of(path).and_then(|field| field.kind),
            };
            Pair::open_where(field.compare(Operator::Nnull, Vec::new()))
        } else {
            let inner = self.of_related(related)?;
            let look = |filter: Filter| self.look(path, 0, path.len(), filter, false);
            Pair {
                sure: look(inner.sure),
                may: look(inner.may),
            }
        };
        Ok(if related.none { some.not() } else { some })
    }

    /// What is asked of one related item.
    fn of_related(&self, related: &'q Related) -> Result<Pair, PlanError> {
        let model = self.facts.model;
        let collection = self.related_to(&related.path).and_then(|id| model.collection(id));
        let inner = Asking {
            place: Place {
                collection,
                is_related: true,
            },
            values: Values::Stored,
            ..*self
        };
        let holds = inner.run(&related.program)?;
        match related.permitted {
            Some(id) if !(holds.sure.is_never() && holds.may.is_never()) => Ok(holds.and(inner.admits(id)?)),
            Some(_) | None => Ok(holds),
        }
    }
}

/// Says that a comparison of the item with something else of the item cannot be a part of a filter.
#[cold]
fn unsayable(leaf: &Leaf) -> PlanError {
    PlanError::Unsayable(format!(
        "{} {} {}",
        leaf.name,
        leaf.operator.name(),
        leaf.operand_text
    ))
}
