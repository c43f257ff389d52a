//! `PlanQuery`: the filter that a listing needs.

use tonic::Status;

use super::encode::{Detail, Encoder};
use super::out::{Nested, Out, Words};
use super::proto::fields as field;
use super::proto::v1;
use super::violation::{Path, Violations};
use super::wire::Bounded;
use super::{DecisionService, convert, find, status, words, write_snapshot};
use crate::engine::decision::Decision;
use crate::engine::filter::{Comparison, Exists, Filter};
use crate::engine::missing::Trials;
use crate::engine::plan::{self, Plan, PlanError};
use crate::engine::query::{Query, QueryError};
use crate::model::Model;
use crate::model::id::CollectionId;
use crate::target::{self, Target};
use crate::vocab::call::Call;
use crate::vocab::effect::{Effect, Reason};
use crate::vocab::limits::PLAN_TARGETS_MAX;

impl DecisionService {
    /// Plans a listing.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, no profile can answer it, or no filter says the answer.
    pub fn plan_query(&self, request: &v1::PlanQueryRequest) -> Result<v1::PlanQueryResponse, Status> {
        self.ask(Call::PlanQuery, request)
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn write_plan(&self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Status> {
        let mut collection = "";
        let mut has_local_roles = false;
        let mut targets: Bounded<i32, PLAN_TARGETS_MAX> = Bounded::default();
        let request = self.read(bytes, &[1..=6, 8..=8, 12..=12], |field| {
            match field.number {
                13 => collection = field.text()?,
                15 => field.shorts(|target| targets.push(target))?,
                14 => has_local_roles = field.short()? != 0,
                _ => {}
            }
            Ok(())
        })?;
        let mut decoder = self.decoder();
        let mut query = decoder.head(&request);
        let action = Path::ROOT.name("action");
        query.action = decoder.name(&action, request.action);
        if query.action.is_empty() {
            decoder.complain(&action, "is empty");
        }
        query.resource.collection = decoder.name(&Path::ROOT.name("collection"), collection);
        query.fields = decoder.fields(&Path::ROOT.name("fields"), &request.fields);
        query.filter_fields = decoder.fields(&Path::ROOT.name("filter_fields"), &request.filter_fields);
        let path = Path::ROOT.name("targets");
        if targets.is_too_long() {
            decoder.complain(&path, format!("has more than {PLAN_TARGETS_MAX} entries"));
        }
        let mut languages = Vec::new();
        for (index, number) in targets.entries.iter().enumerate() {
            match target_of(*number) {
                Some(target) => languages.push(target),
                None => decoder.complain(&path.index(index), "is no language that filters are rendered in"),
            }
        }
        decoder.finish()?;

        let published = self.store.current();
        let snapshot = find(&published, request.name, request.digest)?;
        let (model, encoder) = (&*snapshot.model, self.encoder(snapshot, Call::PlanQuery));
        let made =
            plan::plan(model, &query, has_local_roles).map_err(|error| refuse(&error, encoder.detail))?;
        use field::plan_query_response as to;
        write_snapshot(out, to::SNAPSHOT, snapshot);
        if request.explain {
            let open = plan::for_some_item(model, &query);
            let decided = encoder
                .decide(&open, true, &mut Trials::of_request())
                .map_err(|error| malformed(&error))?;
            encoder.trace(out, to::TRACE, &open, &decided);
        }
        let writer = Writer {
            model,
            encoder,
            query: &query,
            collection: model.collection_names.find(collection).map(CollectionId::new),
            targets: &languages,
        };
        writer.write(out, &made);
        Ok(())
    }
}

/// Returns the target of a number of the wire.
fn target_of(number: i32) -> Option<Target> {
    match v1::PlanTarget::try_from(number).ok()? {
        v1::PlanTarget::Unspecified => None,
        v1::PlanTarget::Directus => Some(Target::Directus),
        v1::PlanTarget::Postgresql => Some(Target::Postgresql),
        v1::PlanTarget::Mysql => Some(Target::Mysql),
        v1::PlanTarget::Sqlite => Some(Target::Sqlite),
        v1::PlanTarget::Mongodb => Some(Target::Mongodb),
    }
}

/// Returns the word of the wire.
fn target_word(target: Target) -> v1::PlanTarget {
    match target {
        Target::Directus => v1::PlanTarget::Directus,
        Target::Postgresql => v1::PlanTarget::Postgresql,
        Target::Mysql => v1::PlanTarget::Mysql,
        Target::Sqlite => v1::PlanTarget::Sqlite,
        Target::Mongodb => v1::PlanTarget::Mongodb,
    }
}

fn malformed(error: &QueryError) -> Status {
    status::invalid(&Violations::of_query(&Path::ROOT, error))
}

/// Says why there is no plan; what the profile compares is told only where everything is.
fn refuse(error: &PlanError, detail: Detail) -> Status {
    match error {
        PlanError::Query(error) => malformed(error),
        PlanError::TooLarge => status::plan_too_large(&error.to_string()),
        PlanError::Unsayable(_) if detail == Detail::Full => status::unplannable(&error.to_string()),
        PlanError::Unsayable(_) => status::unplannable("a condition cannot be a part of a filter"),
    }
}

/// Writes one plan.
struct Writer<'w> {
    model: &'w Model,
    encoder: Encoder<'w>,
    query: &'w Query<'w>,
    collection: Option<CollectionId>,
    targets: &'w [Target],
}

impl Writer<'_> {
    fn write(&self, out: &mut Out<'_>, made: &Plan) {
        use field::plan_query_response as to;
        let effect = if made.filter.is_never() {
            Effect::Deny
        } else {
            Effect::Allow
        };
        self.encoder.count(effect, made.reason);
        out.part(to::PLAN, |out| {
            self.plan(out, &made.filter, |words| self.sentence(words, made), made.reason);
            self.encoder
                .rules(out, field::plan::GRANTS, made.rules.iter().copied());
        });
        for (name, filter) in &made.fields {
            out.part(to::FIELDS, |out| {
                out.text(field::field_plan::FIELD, name);
                let reason = match filter.is_never() {
                    false => Reason::Allowed,
                    true if made.filter.is_never() => made.reason,
                    true => Reason::FieldNotCovered,
                };
                out.part(field::field_plan::PLAN, |out| {
                    self.plan(out, filter, |text| words::field(text, reason, name), reason);
                });
            });
        }
        for (name, reason) in &made.filter_fields {
            use field::filter_field_use as to_use;
            out.part(to::FILTER_FIELDS, |out| {
                out.text(to_use::FIELD, name);
                out.flag(to_use::USABLE, *reason == Reason::Allowed);
                out.word(to_use::REASON, convert::reason(*reason));
                self.encoder
                    .told(out, to_use::MESSAGE, |text| words::field(text, *reason, name));
            });
        }
        out.moment(
            to::VALID_UNTIL,
            made.is_momentary.then_some(self.query.context.now),
        );
    }

    fn plan(&self, out: &mut Out<'_>, filter: &Filter, message: impl FnOnce(&mut Words<'_>), reason: Reason) {
        use field::plan as to;
        let kind = if filter.is_always() {
            v1::PlanKind::Always
        } else if filter.is_never() {
            v1::PlanKind::Never
        } else {
            v1::PlanKind::Conditional
        };
        out.word(to::KIND, kind);
        out.word(to::REASON, convert::reason(reason));
        self.encoder.told(out, to::MESSAGE, message);
        if kind == v1::PlanKind::Conditional {
            out.part(to::FILTER, |out| self.filter(out, filter));
            for target in self.targets {
                out.part(to::RENDERINGS, |out| self.rendering(out, filter, *target));
            }
        }
    }

    /// Says what the plan comes to, for people.
    fn sentence(&self, out: &mut Words<'_>, made: &Plan) {
        if made.filter.is_never() {
            let mut decision = Decision::deny(made.reason);
            decision.about = made.about.as_deref();
            decision.deciding = made.rules.iter().copied().collect();
            words::sentence(out, self.model, self.query, &decision);
        } else if made.filter.is_always() {
            out.put("every item passes");
        } else {
            out.put("the items that pass the filter");
        }
    }

    fn rendering(&self, out: &mut Out<'_>, filter: &Filter, target: Target) {
        use field::plan_rendering as to;
        out.word(to::TARGET, target_word(target));
        let rendered = match self.collection {
            Some(collection) => target::render(self.model, collection, filter, target),
            None => Err(target::Unsayable(
                "the profile does not know the collection".to_owned(),
            )),
        };
        match rendered {
            Ok(rendering) => {
                out.text(to::TEXT, &rendering.text);
                for value in &rendering.parameters {
                    out.value(to::PARAMETERS, value);
                }
            }
            Err(error) => out.text(to::ERROR, &error.0),
        }
    }

    fn filter(&self, out: &mut Out<'_>, filter: &Filter) {
        use field::plan_filter as to;
        let parts = |out: &mut Out<'_>, field: Nested, parts: &[Filter]| {
            out.part(field, |out| {
                for part in parts {
                    out.part(field::plan_parts::PARTS, |out| self.filter(out, part));
                }
            });
        };
        match filter {
            Filter::All(all) => parts(out, to::ALL_OF, all),
            Filter::Any(any) => parts(out, to::ANY_OF, any),
            Filter::Not(part) => out.part(to::NEGATION, |out| self.filter(out, part)),
            Filter::Compare(comparison) => out.part(to::COMPARISON, |out| compare(out, comparison)),
            Filter::Exists(exists) => out.part(to::EXISTS, |out| self.exists(out, exists)),
            Filter::Holds(holds) => out.part(to::HOLDS, |out| {
                use field::plan_holds as to;
                holds.roles.iter().for_each(|role| out.text(to::ROLES, role));
                out.text(to::SUBJECT_ID, &holds.subject);
                holds.groups.iter().for_each(|group| out.text(to::GROUPS, group));
            }),
            Filter::Below(below) => out.part(to::BELOW, |out| {
                for (collection, id) in &below.documents {
                    out.part(field::plan_below::DOCUMENTS, |out| {
                        out.text(field::plan_document::COLLECTION, collection);
                        out.text(field::plan_document::ID, id);
                    });
                }
            }),
        }
    }

    fn exists(&self, out: &mut Out<'_>, exists: &Exists) {
        use field::plan_exists as to;
        exists.path.iter().for_each(|step| out.text(to::PATH, step));
        if let Some(collection) = exists.collection {
            out.text(
                to::COLLECTION,
                self.model.collection_names.name(collection.index()),
            );
        }
        if !exists.filter.is_always() {
            out.part(to::FILTER, |out| self.filter(out, &exists.filter));
        }
        out.flag(to::OR_NULLS, exists.or_nulls);
    }
}

fn compare(out: &mut Out<'_>, comparison: &Comparison) {
    use field::plan_comparison as to;
    comparison.path.iter().for_each(|step| out.text(to::PATH, step));
    out.word(to::OPERATOR, convert::operator(comparison.operator));
    comparison
        .values
        .iter()
        .for_each(|value| out.value(to::VALUES, value));
    if let Some(function) = comparison.function {
        out.text(to::FUNCTION, function.name());
    }
}
