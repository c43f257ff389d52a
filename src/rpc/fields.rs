//! `FilterFields`: which fields may be read or written, and the item without the others.

use jiff::Timestamp;
use tonic::Status;

use super::check::Decided;
use super::decode::Asked;
use super::encode::{Detail, Encoder, presets};
use super::out::{Nested, Out};
use super::proto::fields as field;
use super::proto::v1;
use super::violation::{Path, Violations};
use super::wire::Part;
use super::{DecisionService, convert, find, status, trace, words, write_snapshot};
use crate::engine::check::check;
use crate::engine::fields::{self, Filtered};
use crate::engine::missing::Trials;
use crate::engine::query::{Names, Query, QueryError, Resource};
use crate::engine::validity::valid_until;
use crate::model::Model;
use crate::vocab::call::Call;
use crate::vocab::effect::{Effect, Operation, Reason};
use crate::vocab::value::Object;

/// What the request wants beyond its question.
struct Wish<'a> {
    operation: Option<Operation>,
    document: Option<Object<'a>>,
    /// Whether the request names the fields itself, or leaves them to its document or the profile.
    names_fields: bool,
}

impl DecisionService {
    /// Tells which fields are open, and takes the others out of a document.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, or no profile can answer it.
    pub fn filter_fields(
        &self,
        request: &v1::FilterFieldsRequest,
    ) -> Result<v1::FilterFieldsResponse, Status> {
        self.ask(Call::FilterFields, request)
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn write_filtered_fields(&self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Status> {
        let (mut operation, mut document) = (0, Part::default());
        let request = self.read(bytes, &[1..=8, 10..=10, 12..=12], |field| {
            match field.number {
                13 => operation = field.short()?,
                14 => document.add(field.message()?),
                _ => {}
            }
            Ok(())
        })?;
        let (mut query, wish) = self.decode(&request, operation, &document)?;
        let published = self.store.current();
        let snapshot = find(&published, request.name, request.digest)?;
        let (model, encoder) = (&*snapshot.model, self.encoder(snapshot, Call::FilterFields));
        let invalid = |violations: Violations| status::invalid(&violations);
        choose_action(model, wish.operation, &mut query).map_err(invalid)?;
        if wish.document.is_none() && names_no_item(&query.resource) {
            query.resource.any_item = true;
        }
        let malformed = |error| status::invalid(&Violations::of_query(&Path::ROOT, &error));
        if let Some(document) = &wish.document
            && !wish.names_fields
        {
            query.fields = document.iter().map(|(name, _)| name).collect();
        }
        let is_open_question = !wish.names_fields && wish.document.is_none();
        let filtered = filter(model, &query, is_open_question).map_err(malformed)?;
        for _ in &filtered.allowed {
            encoder.count(Effect::Allow, Reason::Allowed);
        }
        for left_out in &filtered.denied {
            encoder.count(Effect::Deny, left_out.reason);
        }
        let document = match &wish.document {
            Some(document) => Some(fields::filter_document(model, &query, document).map_err(malformed)?),
            None => None,
        };
        let denied = filtered.denied.iter().map(|left_out| left_out.field);
        let names = filtered.allowed.iter().copied().chain(denied);
        let all = asking(&query, names.collect());
        let summary = summarize(&encoder, &query, &all, &filtered, request.explain).map_err(malformed)?;
        use field::filter_fields_response as to;
        write_snapshot(out, to::SNAPSHOT, snapshot);
        match &summary.traced {
            Some(traced) => encoder.trace(out, to::TRACE, &all, traced),
            None if request.explain => trace::withheld(out, to::TRACE),
            None => {}
        }
        for name in &filtered.allowed {
            out.text(to::ALLOWED, name);
        }
        encoder.left_out(out, to::DENIED, &filtered.denied);
        if let Some(document) = &document {
            out.object(to::DOCUMENT, document);
        }
        presets(out, to::PRESETS, &filtered.presets);
        uses(out, to::FILTER_FIELDS, &encoder, &query.filter_fields, &filtered);
        out.flag(to::OTHERS_ALLOWED, is_open_question && filtered.others_allowed);
        out.flag(to::CONDITIONAL, summary.conditional);
        out.moment(to::VALID_UNTIL, summary.valid_until);
        out.word(to::REASON, convert::reason(filtered.item.reason));
        encoder.message(out, to::MESSAGE, &query, &filtered.item);
        Ok(())
    }

    fn decode<'a>(
        &self,
        request: &Asked<'a>,
        operation: i32,
        document: &Part<'a>,
    ) -> Result<(Query<'a>, Wish<'a>), Status> {
        let mut decoder = self.decoder();
        let mut query = decoder.head(request);
        query.action = decoder.name(&Path::ROOT.name("action"), request.action);
        query.resource = decoder.resource(&Path::ROOT.name("resource"), &request.resource);
        query.fields = decoder.fields(&Path::ROOT.name("fields"), &request.fields);
        query.to_state = decoder.name(&Path::ROOT.name("to_state"), request.to_state);
        query.filter_fields = decoder.fields(&Path::ROOT.name("filter_fields"), &request.filter_fields);
        let path = Path::ROOT.name("document");
        let document = document.is_given().then(|| decoder.object(&path, document));
        let path = Path::ROOT.name("operation");
        let operation = match v1::Operation::try_from(operation).unwrap_or_default() {
            v1::Operation::Read => Some(Operation::Read),
            v1::Operation::Create => Some(Operation::Create),
            v1::Operation::Update => Some(Operation::Update),
            v1::Operation::Unspecified if operation == 0 => {
                if request.action.is_empty() {
                    decoder.complain(&path, "name an operation or an action");
                }
                None
            }
            v1::Operation::Unspecified | v1::Operation::Delete | v1::Operation::Other => {
                decoder.complain(&path, "is neither READ, CREATE nor UPDATE");
                None
            }
        };
        decoder.finish()?;
        let names_fields = !query.fields.is_empty();
        Ok((
            query,
            Wish {
                operation,
                document,
                names_fields,
            },
        ))
    }
}

/// Judges the fields that are asked about: those that are named, or, if the question is open, all.
fn filter<'q>(
    model: &'q Model,
    query: &'q Query<'q>,
    is_open_question: bool,
) -> Result<Filtered<'q>, QueryError> {
    let filtered = fields::filter(model, query)?;
    if is_open_question || !query.fields.is_empty() {
        return Ok(filtered);
    }
    // A document without anything in it has no fields, which is another question than that for all fields.
    Ok(Filtered {
        allowed: Vec::new(),
        denied: Vec::new(),
        ..filtered
    })
}

/// Returns the same question about other fields.
fn asking<'q>(query: &Query<'q>, fields: Names<'q>) -> Query<'q> {
    Query {
        fields,
        ..query.clone()
    }
}

/// What holds for the fields together.
struct Summary<'q> {
    /// How the decision on all of them is reached, if that is told.
    traced: Option<Decided<'q>>,
    conditional: bool,
    valid_until: Option<Timestamp>,
}

/// Finds what holds for the fields together; `all` asks for each of them.
fn summarize<'q>(
    encoder: &Encoder<'q>,
    query: &Query<'q>,
    all: &'q Query<'q>,
    filtered: &Filtered<'q>,
    explain: bool,
) -> Result<Summary<'q>, QueryError> {
    let model = encoder.model;
    let traced = match encoder.detail {
        Detail::Full if explain => Some(encoder.decide(all, true, &mut Trials::none())?),
        Detail::Full | Detail::None | Detail::Code => None,
    };
    let mut summary = Summary {
        traced,
        conditional: false,
        valid_until: None,
    };
    if query.resource.any_item && !filtered.allowed.is_empty() {
        let allowed = asking(query, filtered.allowed.iter().copied().collect());
        summary.conditional = check(model, &allowed)?.conditional;
    }
    if model.looks_at_clock {
        for name in &all.fields {
            let alone = asking(query, [*name].into_iter().collect());
            let decision = check(model, &alone)?;
            let until = valid_until(model, &alone, &decision);
            summary.valid_until = [summary.valid_until, until].into_iter().flatten().min();
        }
    }
    Ok(summary)
}

/// Names the action if the request does not, and refuses one that does something else than the operation.
fn choose_action<'q>(
    model: &'q Model,
    operation: Option<Operation>,
    query: &mut Query<'q>,
) -> Result<(), Violations> {
    let Some(operation) = operation else { return Ok(()) };
    if query.action.is_empty() {
        // A name that no profile can know is refused like any unknown action.
        query.action = fields::action_of(model, operation).unwrap_or(operation.name());
        return Ok(());
    }
    let known = model
        .action_names
        .find(query.action)
        .and_then(|index| model.actions.get(index));
    if known.is_some_and(|action| action.operation != operation) {
        let description = "`operation` and `action` tell different values";
        return Err(Violations::one(&Path::ROOT.name("operation"), description));
    }
    Ok(())
}

/// Tells whether a resource names nothing but a collection.
fn names_no_item(resource: &Resource<'_>) -> bool {
    resource.id.is_empty()
        && resource.state.is_empty()
        && resource.owner.id.is_empty()
        && resource.owner.roles.is_empty()
        && resource.attributes.is_empty()
        && resource.local_roles.is_empty()
        && resource.ancestors.is_empty()
        && resource.content_digest.is_empty()
}

fn uses(out: &mut Out<'_>, field: Nested, encoder: &Encoder<'_>, names: &Names<'_>, filtered: &Filtered<'_>) {
    use field::filter_field_use as to;
    for name in names {
        let denied = filtered.filter_denied.iter().find(|(denied, _)| denied == name);
        let reason = denied.map_or(Reason::Allowed, |(_, reason)| *reason);
        out.part(field, |out| {
            out.text(to::FIELD, name);
            out.flag(to::USABLE, denied.is_none());
            out.word(to::REASON, convert::reason(reason));
            encoder.told(out, to::MESSAGE, |text| words::field(text, reason, name));
        });
    }
}
