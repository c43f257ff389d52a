//! Questions about one vector, as a client of Directus' shape asks them.

use placet::rpc::proto::v1::{
    CheckRequest, Context, Decision, Effect, FilterFieldsRequest, FilterFieldsResponse, PlanQueryRequest,
    PlanQueryResponse, Reason, Resource, Subject,
};
use prost_types::value::Kind;
use prost_types::{Struct, Value as Wire};
use serde_json::Value;

use super::super::door::Door;
use super::super::listed::TARGETS;
use super::lists::Lists;
use super::world::World;

/// Asks about one vector.
pub(crate) struct Asker<'a> {
    pub(crate) world: &'a World,
    pub(crate) lists: &'a Lists,
    pub(crate) vector: &'a Value,
    door: &'a dyn Door,
    profile: String,
}

/// What a question comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Allowed,
    Refused {
        code: String,
        violations: Vec<(String, String)>,
        reason: Reason,
    },
}

impl Verdict {
    pub(crate) fn is_allowed(&self) -> bool {
        *self == Verdict::Allowed
    }
}

/// One question.
#[derive(Clone, Default)]
pub(crate) struct Question<'q> {
    pub(crate) action: &'q str,
    pub(crate) collection: &'q str,
    /// Absent: some item.
    pub(crate) item: Option<&'q Value>,
    pub(crate) changes: Option<&'q Value>,
    pub(crate) fields: Vec<String>,
    pub(crate) filter_fields: Vec<String>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(
        (world, lists): (&'a World, &'a Lists),
        door: &'a dyn Door,
        profile: String,
        vector: &'a Value,
    ) -> Self {
        Self {
            world,
            lists,
            vector,
            door,
            profile,
        }
    }

    /// Decides a question.
    pub(crate) fn decide(&self, question: &Question<'_>) -> Result<Decision, String> {
        let creates = question.action == "create";
        let request = CheckRequest {
            profile: self.profile.clone(),
            subject: Some(self.subject()),
            context: Some(self.context()),
            action: question.action.to_owned(),
            resource: Some(self.resource(question.collection, question.item, creates)),
            fields: question.fields.clone(),
            filter_fields: question.filter_fields.clone(),
            changes: question.changes.map(to_struct),
            ..CheckRequest::default()
        };
        let answer = self
            .door
            .check(&request)
            .map_err(|status| format!("the request is refused: {status}"))?;
        answer
            .decision
            .ok_or_else(|| "the answer has no decision".to_owned())
    }

    /// Decides a question, as far as vectors tell.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Verdict, String> {
        Ok(verdict(&self.decide(question)?))
    }

    /// Asks which fields of an item, or of some item, are open.
    pub(crate) fn fields(
        &self,
        action: &str,
        collection: &str,
        item: Option<&Value>,
        fields: &[String],
    ) -> Result<FilterFieldsResponse, String> {
        let request = FilterFieldsRequest {
            profile: self.profile.clone(),
            subject: Some(self.subject()),
            context: Some(self.context()),
            action: action.to_owned(),
            resource: Some(self.resource(collection, item, false)),
            fields: fields.to_vec(),
            ..FilterFieldsRequest::default()
        };
        self.door
            .filter_fields(&request)
            .map_err(|status| format!("the request is refused: {status}"))
    }

    /// Asks which items of a collection may be read.
    pub(crate) fn plan(&self, question: &Question<'_>) -> Result<PlanQueryResponse, String> {
        let request = PlanQueryRequest {
            profile: self.profile.clone(),
            subject: Some(self.subject()),
            context: Some(self.context()),
            action: question.action.to_owned(),
            collection: question.collection.to_owned(),
            fields: question.fields.clone(),
            filter_fields: question.filter_fields.clone(),
            targets: TARGETS.map(i32::from).to_vec(),
            ..PlanQueryRequest::default()
        };
        self.door
            .plan_query(&request)
            .map_err(|status| format!("the request is refused: {status}"))
    }

    fn subject(&self) -> Subject {
        let key = self.vector["user"].as_str().unwrap_or_default();
        let Some(user) = self.world.user(key) else {
            return Subject::default();
        };
        let mut attributes = user.clone();
        attributes.as_object_mut().unwrap().remove("key");
        Subject {
            id: text(&user["id"]),
            roles: user["role"].as_str().map(str::to_owned).into_iter().collect(),
            attributes: Some(to_struct(&attributes)),
            ..Subject::default()
        }
    }

    fn context(&self) -> Context {
        let now: jiff::Timestamp = self.world.now().parse().unwrap();
        Context {
            ip: self.vector["ip"].as_str().unwrap_or("127.0.0.1").to_owned(),
            now: Some(prost_types::Timestamp {
                seconds: now.as_second(),
                nanos: now.subsec_nanosecond(),
            }),
            ..Context::default()
        }
    }

    fn resource(&self, collection: &str, item: Option<&Value>, creates: bool) -> Resource {
        let mut resource = Resource {
            collection: collection.to_owned(),
            any_item: item.is_none() && !creates,
            ..Resource::default()
        };
        if let Some(item) = item {
            resource.id = key_text(&item["id"]);
            resource.attributes = Some(to_struct(&self.world.expanded(collection, item)));
        }
        resource
    }
}

/// Returns what vectors tell of a decision.
pub(crate) fn verdict(decision: &Decision) -> Verdict {
    if decision.effect() == Effect::Allow {
        return Verdict::Allowed;
    }
    let mut violations: Vec<(String, String)> = decision
        .violations
        .iter()
        // Directus names the field of the payload, and a function with it.
        .map(|violation| {
            let field = violation.field.split('.').next().unwrap_or_default();
            (field.to_owned(), violation.code.clone())
        })
        .collect();
    violations.sort();
    violations.dedup();
    Verdict::Refused {
        code: decision.cms_code.clone(),
        violations,
        reason: decision.reason(),
    }
}

/// Returns a key as text.
pub(crate) fn key_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// Returns an object as the wire has it.
pub(crate) fn to_struct(json: &Value) -> Struct {
    let fields = json.as_object().into_iter().flatten();
    Struct {
        fields: fields.map(|(key, value)| (key.clone(), to_wire(value))).collect(),
    }
}

fn to_wire(json: &Value) -> Wire {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(prost_types::ListValue {
            values: values.iter().map(to_wire).collect(),
        }),
        Value::Object(_) => Kind::StructValue(to_struct(json)),
    };
    Wire { kind: Some(kind) }
}

/// Returns an object of the wire as JSON.
pub(crate) fn from_struct(object: &Struct) -> Value {
    placet::rpc::json::object_to_json(object).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
