//! What types and groups mean: roles, collections, and who may do what.

use crate::policy::collection::{Collection, Filtering, Unreadable, Unwritable};
use crate::policy::condition::Condition;
use crate::policy::grant::{Constraint, Grant, Selection};
use crate::policy::{Policy, Selector};
use crate::source::diagnostic::Diagnostic;
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::Effect;

use super::Mode;
use super::apostrophe::Project;
use super::apostrophe_condition::{Conditions, DRAFT, PUBLISHED};
use super::apostrophe_document::hold_documents;
use super::apostrophe_field::{Closed, Hidden, check_fields, collection_fields, find_hidden};
use super::apostrophe_group::settle_group;
use super::apostrophe_operation::{add_workflows, state_names, workflow_of};
use super::apostrophe_right::{Holder, Level, Rights, Sight, Who, World, only, several};
use super::apostrophe_role::{API, LIST_SUBMITTED, SCHEMA, actions, codes, lower_roles};
use super::apostrophe_type::{DocType, Rank, SUBMITTED_DRAFT, UPLOADED, USER};
use super::apostrophe_union::{Bundles, CREATE_LIVE, DELETE, DELETE_LIVE, Demand, EDIT_LIVE, Ways};

/// Lowers what the files of a profile say.
pub(super) fn lower(
    mut project: Project,
    mode: Mode,
    uploads: bool,
    origin: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Policy {
    let mut policy = Policy::default();
    policy.settings.absent_is_null = true;
    policy.settings.codes = codes("forbidden");
    for group in project.groups.iter_mut().flatten() {
        settle_group(group, &project.types, diagnostics);
    }
    let mut holders = lower_roles(project.groups.as_deref(), mode, origin, &mut policy);
    if project.groups.is_some() || project.has_documents {
        holders.extend(hold_documents(origin, &mut policy));
    }
    let custom = project.types.iter().flat_map(|found| &found.permissions);
    let world = World {
        mode,
        types: &project.types,
        holders,
        custom: custom.map(|permission| permission.name.value.clone()).collect(),
    };
    policy.actions = actions(&world, origin);
    let mut lowering = Lowering {
        world: &world,
        policy: &mut policy,
        bundles: Bundles::default(),
    };
    lowering.grant_everywhere(uploads, origin);
    lowering.lower_type(&DocType::none(origin));
    for found in &project.types {
        check_fields(&world, found, diagnostics);
        lowering.lower_type(found);
    }
    lowering.demand_submission(origin);
    let bundles = lowering.bundles;
    bundles.declare(&world.holders, origin, &mut policy);
    add_workflows(&world, &mut policy, origin);
    policy
}

const VIEW_DRAFT: &str = "view-draft";
const UPLOAD: &str = "upload-attachment";

/// Adds what one type after the other means.
pub(super) struct Lowering<'l, 't> {
    pub(super) world: &'l World<'t>,
    policy: &'l mut Policy,
    /// What groups have in common, as conditions ask for it.
    bundles: Bundles,
}

/// Holders of whom the same is true, by what that is.
type Alike<'l, K> = Vec<(K, Vec<&'l Holder>)>;
/// Fields that are closed in draft mode, and otherwise.
type ByMode = [Closed; 2];

/// What some holders may do with documents of one type.
#[derive(Clone)]
pub(super) struct Allow<'a> {
    pub(super) actions: &'a [&'a str],
    /// The states that count; none: all.
    pub(super) states: &'a [&'a str],
    pub(super) when: Option<Condition>,
    pub(super) fields: Selector,
}

impl Lowering<'_, '_> {
    /// Grants what depends on no type.
    fn grant_everywhere(&mut self, uploads: bool, origin: Span) {
        let world = self.world;
        let drafts: Vec<&Holder> = world
            .holders
            .iter()
            .filter(|holder| world.drafts(holder))
            .collect();
        let may_upload = |holder: &&&Holder| {
            let creates = |name: &&str| world.permits(holder, "create", name, false);
            uploads || UPLOADED.iter().any(creates)
        };
        let uploading: Vec<&Holder> = drafts.iter().filter(may_upload).copied().collect();
        // Who makes images where others publish them uploads as well.
        let mut together: Vec<(&Holder, Ways)> = Vec::new();
        for holder in drafts.iter().filter(|holder| !may_upload(holder)) {
            let creating = UPLOADED
                .iter()
                .filter(|name| world.permits(holder, "create", name, true));
            let ways = creating.map(|name| world.ways_to_permit(holder, "create", name, false));
            together.push((holder, ways.fold(Ways::known(false), Ways::or)));
        }
        let mut allow = |action: &str, holder: &Holder, when: Option<Condition>| {
            let selection = Selection {
                roles: only(&holder.role),
                actions: several(&[action], origin),
                when,
                ..Selection::default()
            };
            let grant = Grant::new(Effect::Allow, selection, Selector::Any, origin);
            self.policy.grants.push(grant);
        };
        let make = Conditions {
            mode: world.mode,
            span: origin,
        };
        drafts.iter().for_each(|holder| allow(VIEW_DRAFT, holder, None));
        uploading.iter().for_each(|holder| allow(UPLOAD, holder, None));
        for (holder, ways) in together.iter().filter(|(_, ways)| !ways.is_none()) {
            let when = self.bundles.condition(ways, make);
            allow(UPLOAD, holder, when);
        }
    }

    /// The inbox holds nothing but submitted drafts, for administrators as well.
    fn demand_submission(&mut self, origin: Span) {
        let selection = Selection {
            actions: several(&[LIST_SUBMITTED], origin),
            ..Selection::default()
        };
        self.policy.constraints.push(Constraint {
            require: Some(self.conditions(origin).submitted()),
            ..Constraint::new(selection, origin)
        });
    }

    /// Nobody is stored with another role than one of the four.
    fn demand_role(&mut self, found: &DocType) {
        let has_role = |holder: &Holder| matches!(holder.who, Who::Role(_));
        let told = found.fields.as_ref();
        let is_told = told.is_none_or(|fields| fields.iter().any(|field| field.name.value == "role"));
        if !is_told || !self.world.holders.iter().any(has_role) {
            return;
        }
        let selection = Selection {
            collections: only(&found.name),
            actions: several(&["create", "edit"], found.origin),
            ..Selection::default()
        };
        let names = Rank::ALL.map(|rank| at(rank.name(), found.origin));
        let constraint = Constraint {
            submitted: Some(self.conditions(found.origin).field_in("role", &names)),
            code: Some("invalid".to_owned()),
            ..Constraint::new(selection, found.origin)
        };
        self.policy.constraints.push(constraint);
    }

    fn lower_type(&mut self, found: &DocType) {
        let world = self.world;
        let fields = collection_fields(world, found);
        self.policy.collections.push(Collection {
            id: found.name.clone(),
            title: found.title.clone(),
            table: None,
            state_field: None,
            initial_state: None,
            owner: None,
            workflow: workflow_of(found).map(|id| at(id, found.origin)),
            key: Some(at("_id", found.origin)),
            lists_fields: fields.is_some(),
            fields: fields.unwrap_or_default(),
            unreadable: Unreadable::Omit,
            unwritable: Unwritable::Drop,
            filtering: Filtering::Covered,
            origin: found.origin,
        });
        let about = about(found);
        let holders: Vec<(&Holder, Rights)> = world
            .holders
            .iter()
            .map(|holder| (holder, world.rights(holder, about)))
            .collect();
        self.grant_view(found, &holders);
        self.grant_writing(found, &holders);
        self.grant_publish(found, &holders);
        self.grant_delete(found, &holders);
        self.grant_inbox(found, &holders);
        if about.is_some() {
            self.grant_form(found, &holders);
            self.grant_api(found, &holders);
            self.grant_custom(found);
        }
        if world.mode == Mode::Exact {
            self.grant_lists(found, &holders);
        }
        if found.localized && about.is_some() {
            self.grant_operations(found, &holders);
        }
        if found.name.value == USER {
            self.demand_role(found);
        }
    }

    fn grant_view(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let make = self.conditions(found.origin);
        let viewers = holders.iter().filter(|(_, rights)| rights.view);
        let mut alike: Alike<'_, (Sight, ByMode)> = Vec::new();
        for (holder, rights) in viewers {
            let unseen = self.closed(holder, *rights, found, |hidden| hidden.unseen);
            put((World::sight(holder), unseen), holder, &mut alike);
        }
        for ((sight, unseen), holders) in alike {
            let check = (sight == Sight::Visitor).then(|| make.public_or_none());
            let when = match make.mode {
                Mode::Exact => check,
                Mode::Strict => make.check_and_list(check, seen(make, sight)),
            };
            self.allow_by_mode(found, &holders, (&["view"], &[]), when, unseen);
        }
    }

    /// Returns the fields that are closed in draft mode, and those that are closed otherwise.
    fn closed(&self, holder: &Holder, rights: Rights, found: &DocType, part: fn(Hidden) -> Closed) -> ByMode {
        [true, false].map(|drafting| part(find_hidden(self.world, holder, rights, found, drafting)))
    }

    fn grant_writing(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let make = self.conditions(found.origin);
        for action in ["create", "edit"] {
            let mut alike: Alike<'_, (Level, ByMode)> = Vec::new();
            for (holder, rights) in holders {
                let level = if action == "create" {
                    rights.create
                } else {
                    rights.edit
                };
                // What is published as soon as it is there is made only by those who publish.
                let refused =
                    make.mode == Mode::Strict && action == "create" && found.autopublish && !rights.publish;
                if level == Level::None || refused {
                    continue;
                }
                let unwritten = self.closed(holder, *rights, found, |hidden| hidden.unwritten);
                put((level, unwritten), holder, &mut alike);
            }
            for ((level, unwritten), holders) in alike {
                let states: &[&str] = match (action, level) {
                    ("create", Level::Draft) if found.localized => &["draft"],
                    ("create", _) if found.localized => &["draft", "live"],
                    _ => &[],
                };
                let list = (make.mode == Mode::Strict && level == Level::Draft).then(|| make.copy(DRAFT));
                if level == Level::Any {
                    self.allow_by_mode(found, &holders, (&[action], states), None, unwritten);
                    continue;
                }
                let when = match make.mode {
                    Mode::Exact => Some(make.drafting()),
                    Mode::Strict => make.check_and_list(Some(make.drafting()), list),
                };
                let [drafts, _] = unwritten;
                self.allow_but(found, &holders, (&[action], states), when, &drafts);
            }
        }
        self.complete_writing(found);
    }

    /// What two holders together may write, in requests of both modes.
    fn complete_writing(&mut self, found: &DocType) {
        let make = self.conditions(found.origin);
        for (action, demand) in [("create", CREATE_LIVE), ("edit", EDIT_LIVE)] {
            let states: &[&str] = if action == "create" && found.localized {
                &["draft", "live"]
            } else {
                &[]
            };
            for (holder, ways) in self.world.completed(demand, about(found)) {
                let when = self.bundles.condition(&ways, make);
                let rights = self.world.rights(holder, about(found));
                let unwritten = self.closed(holder, rights, found, |hidden| hidden.unwritten);
                self.allow_by_mode(found, &[holder], (&[action], states), when, unwritten);
            }
        }
    }

    fn grant_publish(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let publishing = those(holders, |rights| rights.publish);
        self.allow(found, &publishing, Allow::of(&["publish"], None));
    }

    fn grant_delete(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let make = self.conditions(found.origin);
        let strict = make.mode == Mode::Strict;
        for level in [Level::Draft, Level::Any] {
            let editing = those(holders, |rights| rights.edit == level);
            let drafts = (level == Level::Draft).then(|| make.drafting());
            let check = make.both(drafts, Some(make.deleted_as_draft()));
            let list = (strict && level == Level::Draft).then(|| make.copy(DRAFT));
            let when = if strict {
                make.check_and_list(check, list)
            } else {
                check
            };
            self.allow(found, &editing, Allow::of(&["delete"], when));
        }
        for edits in [true, false] {
            let deleting = those(holders, |rights| {
                rights.delete && (rights.edit != Level::None) == edits
            });
            let check = Some(make.not(make.deleted_as_draft()));
            let when = match (strict, edits) {
                (false, _) => check,
                (true, true) => make.check_and_list(check, None),
                (true, false) => make.both(check, Some(make.only_check())),
            };
            self.allow(found, &deleting, Allow::of(&["delete"], when));
        }
        let draft = Some(make.deleted_as_draft());
        let live = Some(make.not(make.deleted_as_draft()));
        let when = |check| {
            if strict {
                make.check_and_list(check, None)
            } else {
                check
            }
        };
        self.complete(found, EDIT_LIVE, &Allow::of(&["delete"], when(draft)));
        if strict {
            self.complete(found, DELETE_LIVE, &Allow::of(&["delete"], when(live.clone())));
            let check = make.both(live, Some(make.only_check()));
            self.complete(found, DELETE, &Allow::of(&["delete"], check));
        } else {
            self.complete(found, DELETE, &Allow::of(&["delete"], live));
        }
    }

    /// Allows what some holders may do only together with others.
    pub(super) fn complete(&mut self, found: &DocType, demand: Demand<'_>, allow: &Allow<'_>) {
        let make = self.conditions(found.origin);
        for (holder, ways) in self.world.completed(demand, about(found)) {
            let lacking = self.bundles.condition(&ways, make);
            let when = make.both(allow.when.clone(), lacking);
            self.allow(
                found,
                &[holder],
                Allow {
                    when,
                    ..allow.clone()
                },
            );
        }
    }

    /// The inbox holds what somebody has submitted himself, and all for those who publish.
    fn grant_inbox(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let make = self.conditions(found.origin);
        let strict = make.mode == Mode::Strict;
        if strict && (!found.localized || found.autopublish) {
            return;
        }
        for sees_all in [true, false] {
            let looking: Vec<&Holder> = holders
                .iter()
                .filter(|(holder, rights)| {
                    let sees = !strict || (rights.view && World::sight(holder) == Sight::Member);
                    sees && self.world.permits(holder, "publish", SUBMITTED_DRAFT, true) == sees_all
                })
                .filter(|(holder, _)| !matches!(holder.who, Who::Visitor))
                .map(|(holder, _)| *holder)
                .collect();
            let mine = (!sees_all).then(|| make.submitted_by_oneself());
            let draft = strict.then(|| make.copy(DRAFT));
            let when = make.both(mine, draft.clone());
            self.allow(found, &looking, Allow::of(&[LIST_SUBMITTED], when));
            for holder in looking.into_iter().filter(|_| !sees_all) {
                let ways = self
                    .world
                    .ways_to_permit(holder, "publish", SUBMITTED_DRAFT, true);
                if !ways.is_none() {
                    let when = make.both(self.bundles.condition(&ways, make), draft.clone());
                    self.allow(found, &[holder], Allow::of(&[LIST_SUBMITTED], when));
                }
            }
        }
    }

    /// What the interface for programs shows, before any permission is asked.
    fn grant_api(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let sees_all = |holder: &Holder| match World::sight(holder) {
            Sight::Visitor | Sight::Reader => false,
            Sight::Guest | Sight::Member => found.guest_api || self.world.drafts(holder),
        };
        let (all, others): (Vec<&Holder>, Vec<&Holder>) = holders
            .iter()
            .map(|(holder, _)| *holder)
            .partition(|holder| sees_all(holder));
        self.allow(found, &all, Allow::of(&[API], None));
        if let Some(shown) = &found.projection {
            let mut allow = Allow::of(&[API], None);
            allow.fields = Selector::Only(shown.clone());
            self.allow(found, &others, allow);
        }
    }

    fn grant_custom(&mut self, found: &DocType) {
        for name in &self.world.custom {
            let has =
                |holder: &&Holder| matches!(&holder.who, Who::Group(group) if group.has_custom(name, found));
            let having: Vec<&Holder> = self.world.holders.iter().filter(has).collect();
            self.allow(found, &having, Allow::of(&[name], None));
        }
    }

    fn grant_lists(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let make = self.conditions(found.origin);
        self.grant_sight(found, holders, &["list:view"]);
        let writing = ["list:create", "list:edit", "list:delete"];
        for level in [Level::Draft, Level::Any] {
            let editing = those(holders, |rights| rights.edit == level);
            let when = (level == Level::Draft).then(|| make.copy(DRAFT));
            self.allow(found, &editing, Allow::of(&writing, when));
        }
        self.complete(found, EDIT_LIVE, &Allow::of(&writing, None));
        let publishing = those(holders, |rights| rights.publish);
        self.allow(found, &publishing, Allow::of(&["list:publish"], None));
    }

    /// Allows what everybody may do with what his lists hold.
    pub(super) fn grant_sight(&mut self, found: &DocType, holders: &[(&Holder, Rights)], actions: &[&str]) {
        let make = self.conditions(found.origin);
        for sight in [Sight::Visitor, Sight::Guest, Sight::Reader, Sight::Member] {
            let viewing: Vec<&Holder> = holders
                .iter()
                .filter(|(holder, rights)| rights.view && World::sight(holder) == sight)
                .map(|(holder, _)| *holder)
                .collect();
            self.allow(found, &viewing, Allow::of(actions, seen(make, sight)));
        }
    }

    /// The form for documents of a type, whoever may save it.
    fn grant_form(&mut self, found: &DocType, holders: &[(&Holder, Rights)]) {
        let mut alike: Alike<'_, ByMode> = Vec::new();
        for (holder, rights) in holders {
            let closed = self.closed(holder, *rights, found, |hidden| hidden.unwritten);
            put(closed, holder, &mut alike);
        }
        for (closed, holders) in alike {
            self.allow_by_mode(found, &holders, (&[SCHEMA], &[]), None, closed);
        }
    }

    /// Allows the same but for the fields, which may depend on whether the request runs in draft mode: these are closed in draft
    /// mode, and those otherwise.
    fn allow_by_mode(
        &mut self,
        found: &DocType,
        holders: &[&Holder],
        (actions, states): (&[&str], &[&str]),
        when: Option<Condition>,
        [drafts, others]: ByMode,
    ) {
        let make = self.conditions(found.origin);
        let what = (actions, states);
        if drafts == others {
            self.allow_but(found, holders, what, when, &drafts);
            return;
        }
        let drafting = make.both(when.clone(), Some(make.drafting()));
        let otherwise = make.both(when, Some(make.not(make.drafting())));
        self.allow_but(found, holders, what, drafting, &drafts);
        self.allow_but(found, holders, what, otherwise, &others);
    }

    /// Allows something with all fields but those that are closed, and with each of these as far as something opens it.
    fn allow_but(
        &mut self,
        found: &DocType,
        holders: &[&Holder],
        (actions, states): (&[&str], &[&str]),
        when: Option<Condition>,
        closed: &Closed,
    ) {
        let make = self.conditions(found.origin);
        let allow = |when, fields| Allow {
            actions,
            states,
            when,
            fields,
        };
        self.allow(found, holders, allow(when.clone(), except(closed)));
        let mut seen: Vec<&Ways> = Vec::new();
        for (_, ways) in closed.iter().filter(|(_, ways)| !ways.is_none()) {
            if seen.contains(&ways) {
                continue;
            }
            seen.push(ways);
            let same = closed.iter().filter(|(_, other)| other == ways);
            let fields = Selector::Only(same.map(|(name, _)| name.clone()).collect());
            let when = make.both(when.clone(), self.bundles.condition(ways, make));
            self.allow(found, holders, allow(when, fields));
        }
    }

    /// Adds an allow for some holders; groups have their own, so that an answer names the row of their grid.
    pub(super) fn allow(&mut self, found: &DocType, holders: &[&Holder], allow: Allow<'_>) {
        let shared: Vec<Spanned<String>> = holders
            .iter()
            .filter(|holder| !stands_alone(holder))
            .map(|holder| holder.role.clone())
            .collect();
        if !shared.is_empty() {
            self.push(found, Selector::Only(shared), &allow, found.origin);
        }
        for holder in holders.iter().filter(|holder| stands_alone(holder)) {
            let origin = match &holder.who {
                Who::Group(group) => group.find_cell(found).map_or(group.origin, |cell| cell.origin),
                Who::Visitor | Who::Member | Who::Role(_) | Who::Document(_) => found.origin,
            };
            self.push(found, only(&holder.role), &allow, origin);
        }
    }

    fn push(&mut self, found: &DocType, roles: Selector, allow: &Allow<'_>, origin: Span) {
        let selection = Selection {
            roles,
            collections: only(&found.name),
            actions: several(allow.actions, origin),
            states: state_names(allow.states, origin),
            when: allow.when.clone(),
            ..Selection::default()
        };
        self.policy
            .grants
            .push(Grant::new(Effect::Allow, selection, allow.fields.clone(), origin));
    }

    pub(super) fn conditions(&self, span: Span) -> Conditions {
        let mode = self.world.mode;
        Conditions { mode, span }
    }
}

impl<'a> Allow<'a> {
    /// Returns an allow of actions in all states and on all fields.
    pub(super) fn of(actions: &'a [&'a str], when: Option<Condition>) -> Self {
        Self {
            actions,
            states: &[],
            when,
            fields: Selector::Any,
        }
    }
}

/// Returns the filter of lists; `None` if they hold everything.
fn seen(make: Conditions, sight: Sight) -> Option<Condition> {
    match sight {
        Sight::Visitor => Some(make.found_by_visitors()),
        Sight::Guest => Some(make.found_by_guests()),
        Sight::Reader => Some(make.copy(PUBLISHED)),
        Sight::Member => None,
    }
}

/// Returns those who have a right.
pub(super) fn those<'l>(holders: &[(&'l Holder, Rights)], has: impl Fn(&Rights) -> bool) -> Vec<&'l Holder> {
    let having = holders.iter().filter(|(_, rights)| has(rights));
    having.map(|(holder, _)| *holder).collect()
}

/// Puts a holder to those of whom the same is true.
fn put<'l, K: PartialEq>(key: K, holder: &'l Holder, alike: &mut Alike<'l, K>) {
    match alike.iter_mut().find(|(other, _)| *other == key) {
        Some((_, holders)) => holders.push(holder),
        None => alike.push((key, vec![holder])),
    }
}

fn stands_alone(holder: &Holder) -> bool {
    matches!(holder.who, Who::Group(_))
}

fn except(closed: &Closed) -> Selector {
    if closed.is_empty() {
        Selector::Any
    } else {
        Selector::Except(closed.iter().map(|(name, _)| name.clone()).collect())
    }
}

/// Returns the type; `None` for what stands for questions without one.
pub(super) fn about(found: &DocType) -> Option<&DocType> {
    (!found.name.value.is_empty()).then_some(found)
}

/// Returns a name at a place.
pub(super) fn at(name: &str, span: Span) -> Spanned<String> {
    Spanned::new(name.to_owned(), span)
}
