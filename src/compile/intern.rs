//! Names become ids; actions and collections, which are little more than names, are compiled here, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::collection::{self as compiled, Collection};
use crate::model::grant::Constraint;
use crate::model::id::{ActionId, CollectionId, FieldId, OriginId, StateId, WorkflowId};
use crate::model::origin::Origin;
use crate::model::{Action, Model, Settings};
use crate::policy::collection::{Filtering, Unreadable, Unwritable};
use crate::policy::grant::Selection;
use crate::policy::{Policy, Title};
use crate::source::file::SourceMap;
use crate::source::span::{FileId, Span, Spanned};
use crate::vocab::effect::{Operation, Reason};

/// A model that is being made.
pub(super) struct Interner<'s> {
    pub(super) model: Model,
    /// Fields that rules name, by collection; `None` is every collection.
    pub(super) mentioned: FxHashMap<Option<CollectionId>, BTreeSet<FieldId>>,
    sources: &'s SourceMap,
}

impl<'s> Interner<'s> {
    pub(super) fn new(sources: &'s SourceMap) -> Self {
        Self {
            model: Model::default(),
            mentioned: FxHashMap::default(),
            sources,
        }
    }

    /// Gives ids to everything that the policy declares or names.
    pub(super) fn intern_names(&mut self, policy: &Policy) {
        for action in &policy.actions {
            self.model.action_names.intern(&action.id.value);
        }
        for collection in &policy.collections {
            self.model.collection_names.intern(&collection.id.value);
        }
        for workflow in &policy.workflows {
            self.model.workflow_names.intern(&workflow.id.value);
            for state in &workflow.states {
                self.model.state_names.intern(&state.id.value);
            }
            for action in workflow
                .transitions
                .iter()
                .flat_map(|transition| &transition.actions)
            {
                self.model.action_names.intern(&action.value);
            }
        }
        for grant in &policy.grants {
            self.intern_selection(&grant.selection);
        }
        for constraint in &policy.constraints {
            self.intern_selection(&constraint.selection);
        }
        for kind in policy.document_grants.kinds() {
            self.model.collection_names.intern(kind.collection().name);
            for action in kind.actions() {
                self.model.action_names.intern(action.name);
            }
        }
    }

    /// A rule makes known what it names, be it what it is for or what it is not for.
    fn intern_selection(&mut self, selection: &Selection) {
        for name in selection.actions.names() {
            self.model.action_names.intern(&name.value);
        }
        for name in selection.collections.names() {
            self.model.collection_names.intern(&name.value);
        }
        for name in selection.states.names() {
            self.model.state_names.intern(&name.value);
        }
        for name in selection
            .to_states
            .iter()
            .flat_map(|target| target.selector.names())
        {
            self.model.state_names.intern(&name.value);
        }
    }

    pub(super) fn compile_actions(&mut self, policy: &Policy) {
        let count = self.model.action_names.len();
        let mut actions: Vec<Action> = (0..count)
            .map(|index| Action {
                title: compiled::Title::default(),
                operation: Operation::usual(self.model.action_names.name(index)),
                inside: false,
                listed_by: ActionId::new(index),
                codes: BTreeMap::new(),
                any_item_codes: BTreeMap::new(),
            })
            .collect();
        for declared in &policy.actions {
            let index = self.model.action_names.intern(&declared.id.value);
            if let Some(action) = actions.get_mut(index) {
                action.title = title(&declared.title);
                action.operation = declared.operation;
                action.codes = codes(&declared.codes.by_reason);
                action.any_item_codes = codes(&declared.codes.any_item);
                action.inside = declared.inside;
                if let Some(id) = declared
                    .listed_by
                    .as_ref()
                    .and_then(|name| self.model.action_names.find(&name.value))
                {
                    action.listed_by = ActionId::new(id);
                }
            }
        }
        self.model.actions = actions;
    }

    pub(super) fn compile_collections(&mut self, policy: &Policy) {
        let undeclared = Collection {
            key: "id".into(),
            ..Collection::default()
        };
        let mut rows = vec![undeclared; self.model.collection_names.len()];
        for declared in &policy.collections {
            let index = self.model.collection_names.intern(&declared.id.value);
            let row = self.compile_collection(declared, policy);
            if let Some(slot) = rows.get_mut(index) {
                *slot = row;
            }
        }
        self.model.collections = rows;
    }

    fn compile_collection(
        &mut self,
        declared: &crate::policy::collection::Collection,
        policy: &Policy,
    ) -> Collection {
        let workflow = declared
            .workflow
            .as_ref()
            .and_then(|name| self.model.workflow_names.find(&name.value));
        let initial = declared.initial_state.as_ref().or_else(|| {
            policy
                .workflows
                .get(workflow?)
                .and_then(|workflow| workflow.initial_state.as_ref())
        });
        let text = |name: &Option<Spanned<String>>| name.as_ref().map(|name| name.value.as_str().into());
        let fields = declared.fields.iter().map(|field| compiled::Field {
            name: field.name.value.as_str().into(),
            column: text(&field.column),
            kind: field.kind,
            relation: field.relation.as_ref().and_then(|relation| {
                let collection = self.model.collection_names.find(&relation.collection.value)?;
                let foreign_key = relation.foreign_key.as_ref();
                let foreign_key = foreign_key.map(|key| self.model.field_names.intern(&key.value));
                Some(compiled::Relation {
                    collection: CollectionId::new(collection),
                    many: relation.many,
                    foreign_key: foreign_key.map(FieldId::new),
                })
            }),
        });
        let fields = fields.collect();
        for field in &declared.fields {
            self.model.field_names.intern(&field.name.value);
        }
        if let Some(field) = &declared.state_field {
            self.model.field_names.intern(&field.value);
        }
        Collection {
            title: title(&declared.title),
            table: text(&declared.table),
            state_field: text(&declared.state_field),
            initial_state: initial.map(|state| self.state(&state.value)),
            owner_field: declared
                .owner
                .as_ref()
                .map(|owner| owner.field.value.as_str().into()),
            owner_roles: declared
                .owner
                .as_ref()
                .and_then(|owner| owner.roles.as_ref())
                .map(|path| path.iter().map(|step| step.value.as_str().into()).collect()),
            workflow: workflow.map(WorkflowId::new),
            key: declared
                .key
                .as_ref()
                .map_or("id", |key| key.value.as_str())
                .into(),
            fields,
            lists_fields: declared.lists_fields,
            known_fields: Box::default(),
            omits_unreadable: declared.unreadable == Unreadable::Omit,
            drops_unwritable: declared.unwritable == Unwritable::Drop,
            filters_by_reach: declared.filtering == Filtering::Reach,
        }
    }

    /// Returns the id of a state, giving it one if it is new.
    pub(super) fn state(&mut self, name: &str) -> StateId {
        StateId::new(self.model.state_names.intern(name))
    }

    /// Returns the id of a field, giving it one if it is new.
    pub(super) fn field(&mut self, name: &str) -> FieldId {
        FieldId::new(self.model.field_names.intern(name))
    }

    /// Remembers where something was declared.
    pub(super) fn origin(&mut self, span: Span) -> OriginId {
        let position = self.sources.position(span);
        let origin = Origin {
            file: self.path(span.file),
            line: position.line,
            column: position.column,
        };
        self.model.origins.push(origin);
        OriginId::new(self.model.origins.len() - 1)
    }

    /// Returns the line and column of a place.
    pub(super) fn position(&self, span: Span) -> (u32, u32) {
        let position = self.sources.position(span);
        (position.line, position.column)
    }

    /// Returns the path of a file.
    pub(super) fn path(&self, file: FileId) -> Arc<str> {
        self.sources.shared_path(file)
    }

    /// Returns the line with which a file, or a piece of one, begins.
    pub(super) fn first_line(&self, file: FileId) -> u32 {
        self.sources.lines_before(file).saturating_add(1)
    }

    /// Closes the model.
    pub(super) fn finish(mut self, policy: &Policy) -> Model {
        self.model.settings = Settings {
            absent_is_null: policy.settings.absent_is_null,
            anonymous_id: policy
                .settings
                .anonymous_id
                .as_ref()
                .map_or("", |id| id.value.as_str())
                .into(),
            codes: codes(&policy.settings.codes),
        };
        let writes_clock =
            |constraint: &Constraint| constraint.presets.iter().any(|(_, operand)| operand.is_clock());
        self.model.looks_at_clock = self.model.conditions.iter().any(|program| program.looks_at_clock)
            || self.model.constraints.iter().any(writes_clock)
            || self
                .model
                .transitions
                .iter()
                .any(|each| each.opens.is_some() || each.closes.is_some());
        self.note_known_fields();
        self.model
    }

    fn note_known_fields(&mut self) {
        let everywhere = self.mentioned.remove(&None).unwrap_or_default();
        for index in 0..self.model.collections.len() {
            let mut known = everywhere.clone();
            known.extend(
                self.mentioned
                    .remove(&Some(CollectionId::new(index)))
                    .unwrap_or_default(),
            );
            let Some(collection) = self.model.collections.get_mut(index) else {
                continue;
            };
            let names = &self.model.field_names;
            let declared = collection.fields.iter().map(|field| field.name.as_ref());
            let facts = collection.state_field.as_deref();
            known.extend(
                declared
                    .chain(facts)
                    .filter_map(|name| names.find(name))
                    .map(FieldId::new),
            );
            collection.known_fields = known.into_iter().collect();
        }
    }
}

fn codes(codes: &BTreeMap<Reason, String>) -> BTreeMap<Reason, Box<str>> {
    codes
        .iter()
        .map(|(reason, code)| (*reason, code.as_str().into()))
        .collect()
}

/// Compiles a text for people.
pub(super) fn title(title: &Title) -> compiled::Title {
    compiled::Title {
        text: title.text.as_deref().map(Into::into),
        locales: title
            .locales
            .iter()
            .map(|(tag, text)| (tag.as_str().into(), text.as_str().into()))
            .collect(),
    }
}
