//! `FilterFields`: which fields may be read or written, and the item without the others.

use jiff::Timestamp;
use prost::Message;
use tonic::Status;

use super::decode::Asked;
use super::encode::{Detail, Encoder};
use super::proto::v1;
use super::violation::{Path, Violations};
use super::wire::Part;
use super::{DecisionService, convert, find, snapshot_info, status, words};
use crate::engine::check::check;
use crate::engine::fields::{self, Filtered};
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
        self.filter_fields_bytes(&request.encode_to_vec())
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn filter_fields_bytes(&self, bytes: &[u8]) -> Result<v1::FilterFieldsResponse, Status> {
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
        // A document without anything in it has no fields, which is another question than that for all fields.
        let filtered = if query.fields.is_empty() && !is_open_question {
            fields::filter(model, &query).map(|all| Filtered {
                allowed: Vec::new(),
                denied: Vec::new(),
                ..all
            })
        } else {
            fields::filter(model, &query)
        };
        let filtered = filtered.map_err(malformed)?;
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
        let summary = self
            .summarize(&encoder, &query, &filtered, request.explain)
            .map_err(malformed)?;
        Ok(v1::FilterFieldsResponse {
            snapshot: Some(snapshot_info(snapshot)),
            trace: summary.trace,
            allowed: filtered.allowed.iter().map(|name| (*name).to_owned()).collect(),
            denied: encoder.left_out(&filtered.denied),
            document: document.as_ref().map(convert::object),
            presets: convert::presets(&filtered.presets),
            filter_fields: uses(&encoder, &query.filter_fields, &filtered),
            others_allowed: is_open_question && filtered.others_allowed,
            conditional: summary.conditional,
            valid_until: summary.valid_until.map(convert::moment),
            reason: convert::reason(filtered.item.reason).into(),
            message: encoder.message(&query, &filtered.item),
        })
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

    /// Finds what holds for the fields together: the trace, until when, whether for some item only.
    fn summarize<'q>(
        &self,
        encoder: &Encoder<'q>,
        query: &'q Query<'q>,
        filtered: &Filtered<'q>,
        explain: bool,
    ) -> Result<Summary, QueryError> {
        let model = encoder.model;
        let asking = |fields: Names<'q>| Query {
            fields,
            ..query.clone()
        };
        let denied = filtered.denied.iter().map(|left_out| left_out.field);
        let all = asking(filtered.allowed.iter().copied().chain(denied).collect());
        let mut summary = Summary::default();
        if explain {
            summary.trace = Some(match encoder.detail {
                Detail::Full => self
                    .decide(&encoder.uncounted(), &all, true)?
                    .1
                    .unwrap_or_default(),
                Detail::None | Detail::Code => Encoder::withheld(),
            });
        }
        if query.resource.any_item && !filtered.allowed.is_empty() {
            let allowed = asking(filtered.allowed.iter().copied().collect());
            summary.conditional = check(model, &allowed)?.conditional;
        }
        if model.looks_at_clock {
            for name in &all.fields {
                let alone = asking([*name].into_iter().collect());
                let decision = check(model, &alone)?;
                let until = valid_until(model, &alone, &decision);
                summary.valid_until = [summary.valid_until, until].into_iter().flatten().min();
            }
        }
        Ok(summary)
    }
}

#[derive(Default)]
struct Summary {
    trace: Option<v1::Trace>,
    conditional: bool,
    valid_until: Option<Timestamp>,
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

fn uses(encoder: &Encoder<'_>, names: &Names<'_>, filtered: &Filtered<'_>) -> Vec<v1::FilterFieldUse> {
    let write = |name: &&str| {
        let denied = filtered.filter_denied.iter().find(|(denied, _)| denied == name);
        let reason = denied.map_or(Reason::Allowed, |(_, reason)| *reason);
        v1::FilterFieldUse {
            field: (*name).to_owned(),
            usable: denied.is_none(),
            reason: convert::reason(reason).into(),
            message: match encoder.detail {
                Detail::Full => words::field(reason, name),
                Detail::None | Detail::Code => String::new(),
            },
        }
    };
    names.iter().map(write).collect()
}
