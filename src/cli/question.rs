//! The options by which a question is asked: who, about which item, from where.

use std::io::Read;

use clap::Args;
use jiff::Timestamp;
use prost::Message;
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::Value;
use thiserror::Error;

use crate::rpc::json::{self, JsonError};
use crate::rpc::proto::v1;
use crate::vocab::limits::REQUEST_FILE_BYTES_MAX;

/// Holds the options that say who asks, in which circumstances, and about which collection.
#[derive(Clone, Debug, Default, Args)]
pub struct AskArgs {
    /// Profile that answers [default: the default profile]
    #[arg(long, value_name = "ID", env = "PLACET_PROFILE")]
    pub profile: Option<String>,

    /// Id of the user; without it a visitor asks
    #[arg(long, value_name = "ID", env = "PLACET_SUBJECT", help_heading = WHO)]
    pub subject: Option<String>,

    /// Role of the user; repeat it or separate by commas
    #[arg(long = "role", value_name = "ROLE", env = "PLACET_ROLE", value_delimiter = ',', help_heading = WHO)]
    pub roles: Vec<String>,

    /// Group of the user; repeat it or separate by commas
    #[arg(long = "group", value_name = "GROUP", env = "PLACET_GROUP", value_delimiter = ',', help_heading = WHO)]
    pub groups: Vec<String>,

    /// What rules read as `$CURRENT_USER.…`: a JSON object, or `@FILE`
    #[arg(long, value_name = "JSON", env = "PLACET_SUBJECT_ATTRIBUTES", help_heading = WHO)]
    pub subject_attributes: Option<String>,

    /// Collection (content type) of the item
    #[arg(long, value_name = "NAME", env = "PLACET_COLLECTION", help_heading = WHAT)]
    pub collection: Option<String>,

    /// Address that the request comes from
    #[arg(long, value_name = "ADDRESS", env = "PLACET_IP", help_heading = CIRCUMSTANCES)]
    pub ip: Option<String>,

    /// Moment of the question, such as `2026-03-01T12:00:00Z` [default: now]
    #[arg(long, value_name = "MOMENT", env = "PLACET_NOW", help_heading = CIRCUMSTANCES)]
    pub now: Option<Timestamp>,

    /// Why the change is made
    #[arg(long, value_name = "TEXT", env = "PLACET_EXPLANATION", help_heading = CIRCUMSTANCES)]
    pub explanation: Option<String>,

    /// What rules read as `$CONTEXT.…`: a JSON object, or `@FILE`
    #[arg(long, value_name = "JSON", env = "PLACET_CONTEXT", help_heading = CIRCUMSTANCES)]
    pub context: Option<String>,

    /// The whole request as the contract has it in JSON, or `@FILE`, or `@-` for standard input; options are laid over it
    #[arg(long, value_name = "JSON", env = "PLACET_REQUEST")]
    pub request: Option<String>,

    /// Tell how the answer was reached
    #[arg(long, env = "PLACET_EXPLAIN")]
    pub explain: bool,
}

/// Holds the options that say who asks about which item.
#[derive(Clone, Debug, Default, Args)]
pub struct QuestionArgs {
    /// Who asks.
    #[command(flatten)]
    pub asker: AskArgs,

    /// Id of the item
    #[arg(long, value_name = "ID", env = "PLACET_ID", help_heading = WHAT)]
    pub id: Option<String>,

    /// Workflow state of the item
    #[arg(long, value_name = "STATE", env = "PLACET_STATE", help_heading = WHAT)]
    pub state: Option<String>,

    /// Id of the item's owner
    #[arg(long, value_name = "ID", env = "PLACET_OWNER", help_heading = WHAT)]
    pub owner: Option<String>,

    /// Role of the item's owner; repeat it or separate by commas
    #[arg(long = "owner-role", value_name = "ROLE", env = "PLACET_OWNER_ROLE", value_delimiter = ',',
          help_heading = WHAT)]
    pub owner_roles: Vec<String>,

    /// Stored values of the item: a JSON object, or `@FILE`
    #[arg(long, value_name = "JSON", env = "PLACET_ATTRIBUTES", help_heading = WHAT)]
    pub attributes: Option<String>,

    /// Digest of the item's content, which approvals are bound to
    #[arg(long, value_name = "TEXT", env = "PLACET_CONTENT_DIGEST", help_heading = WHAT)]
    pub content_digest: Option<String>,

    /// Ask for some item of the collection: what is not told counts in favour
    #[arg(long, env = "PLACET_ANY_ITEM", help_heading = WHAT)]
    pub any_item: bool,
}

const WHO: &str = "Who asks";
const WHAT: &str = "About what";
const CIRCUMSTANCES: &str = "Circumstances";

/// Says why the options make no question.
#[derive(Debug, Error)]
pub(super) enum QuestionError {
    /// A file cannot be read.
    #[error("cannot read `{path}` for `--{option}`")]
    File {
        option: &'static str,
        path: String,
        source: std::io::Error,
    },
    /// A text is no JSON.
    #[error("`--{option}` is not JSON")]
    Syntax {
        option: &'static str,
        source: serde_json::Error,
    },
    /// A JSON value is no object.
    #[error("`--{0}` is no JSON object")]
    NoObject(&'static str),
    /// The JSON is no request.
    #[error("`--request` does not fit")]
    Request(#[from] JsonError),
}

impl AskArgs {
    /// Returns the request that `--request` holds, else an empty one.
    pub(super) fn base<M: Message + Default>(&self, name: &str) -> Result<M, QuestionError> {
        match &self.request {
            None => Ok(M::default()),
            Some(text) => Ok(json::from_json(name, &read_json("request", text)?)?),
        }
    }

    /// Lays the options about the caller over those of the request.
    pub(super) fn lay_over_head(
        &self,
        profile: &mut String,
        explain: &mut bool,
        subject: &mut Option<v1::Subject>,
        context: &mut Option<v1::Context>,
    ) -> Result<(), QuestionError> {
        set(profile, self.profile.as_ref());
        *explain |= self.explain;
        let subject = subject.get_or_insert_default();
        set(&mut subject.id, self.subject.as_ref());
        set_list(&mut subject.roles, &self.roles);
        set_list(&mut subject.groups, &self.groups);
        set_object(
            &mut subject.attributes,
            "subject-attributes",
            self.subject_attributes.as_ref(),
        )?;
        let context = context.get_or_insert_default();
        set(&mut context.ip, self.ip.as_ref());
        set(&mut context.explanation, self.explanation.as_ref());
        if let Some(now) = self.now {
            context.now = Some(wire_moment(now));
        }
        set_object(&mut context.attributes, "context", self.context.as_ref())
    }
}

impl QuestionArgs {
    /// Lays the options about the item over those of the request.
    pub(super) fn lay_over_resource(&self, resource: &mut Option<v1::Resource>) -> Result<(), QuestionError> {
        let resource = resource.get_or_insert_default();
        set(&mut resource.collection, self.asker.collection.as_ref());
        set(&mut resource.id, self.id.as_ref());
        set(&mut resource.state, self.state.as_ref());
        set(&mut resource.content_digest, self.content_digest.as_ref());
        resource.any_item |= self.any_item;
        if self.owner.is_some() || !self.owner_roles.is_empty() {
            let owner = resource.owner.get_or_insert_default();
            set(&mut owner.id, self.owner.as_ref());
            set_list(&mut owner.roles, &self.owner_roles);
        }
        set_object(&mut resource.attributes, "attributes", self.attributes.as_ref())
    }
}

/// Replaces a text by that of an option, if it is given.
pub(super) fn set(text: &mut String, option: Option<&String>) {
    if let Some(option) = option {
        text.clone_from(option);
    }
}

/// Replaces a list by that of an option, if it is given.
pub(super) fn set_list(list: &mut Vec<String>, option: &[String]) {
    if !option.is_empty() {
        option.clone_into(list);
    }
}

/// Replaces an object by that of an option, if it is given.
pub(super) fn set_object(
    object: &mut Option<Struct>,
    option: &'static str,
    text: Option<&String>,
) -> Result<(), QuestionError> {
    if let Some(text) = text {
        let Value::Object(entries) = read_json(option, text)? else {
            return Err(QuestionError::NoObject(option));
        };
        *object = Some(wire_object(entries));
    }
    Ok(())
}

/// Reads JSON as it is, from a file (`@FILE`), or from standard input (`@-`).
fn read_json(option: &'static str, text: &str) -> Result<Value, QuestionError> {
    let read = match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some("-") => read_bounded(std::io::stdin().lock()),
        Some(path) => std::fs::File::open(path).and_then(read_bounded),
    };
    let text = read.map_err(|source| {
        let path = text.trim_start_matches('@').to_owned();
        QuestionError::File { option, path, source }
    })?;
    serde_json::from_str(&text).map_err(|source| QuestionError::Syntax { option, source })
}

fn read_bounded(reader: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    reader
        .take(REQUEST_FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > REQUEST_FILE_BYTES_MAX {
        let message = format!("it has more than {REQUEST_FILE_BYTES_MAX} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

fn wire_object(entries: serde_json::Map<String, Value>) -> Struct {
    Struct {
        fields: entries
            .into_iter()
            .map(|(name, value)| (name, wire_value(value)))
            .collect(),
    }
}

/// JSON text nests at most 128 deep, so this cannot run away.
fn wire_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        // A number too large for a double is infinite, which the request is refused for.
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or(f64::INFINITY)),
        Value::String(value) => Kind::StringValue(value),
        Value::Array(values) => Kind::ListValue(prost_types::ListValue {
            values: values.into_iter().map(wire_value).collect(),
        }),
        Value::Object(entries) => Kind::StructValue(wire_object(entries)),
    };
    prost_types::Value { kind: Some(kind) }
}

fn wire_moment(moment: Timestamp) -> prost_types::Timestamp {
    let nanos = moment.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let nanos = i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default();
    prost_types::Timestamp { seconds, nanos }
}
