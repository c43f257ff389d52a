//! Cases as requests: who asks, about which item, for what.

use placet::rpc::proto::v1::{
    CheckRequest, Context, ListAllowedTransitionsRequest, Owner, Resource, Subject,
};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as Scalar};
use serde_json::{Value, json};

use super::site::{Site, id};

/// A case and the profile that it is asked of.
pub(crate) struct Case<'c> {
    pub(crate) json: &'c Value,
    pub(crate) site: &'c Site,
}

/// The requests of one case.
pub(crate) enum Asked {
    /// One decision.
    Decision(Box<CheckRequest>),
    /// The statuses that an item may get.
    Targets(Box<ListAllowedTransitionsRequest>),
    /// Which items a list shows: the question for some item, which the cases ask of each item of a grid again.
    List(Box<CheckRequest>),
}

/// An item of the grid that stands for all items of a list.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) status: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) owner_role: Option<String>,
}

impl<'c> Case<'c> {
    /// Makes a case.
    pub(crate) fn new(json: &'c Value, site: &'c Site) -> Self {
        Self { json, site }
    }

    /// Returns the requests; what no request asks is named.
    pub(crate) fn ask(&self) -> Result<Asked, String> {
        let action = self.json.get("action").or_else(|| self.json.get("op"));
        let action = action.and_then(Value::as_str).unwrap_or_default();
        match action {
            "create" | "read" | "update" | "delete" => Ok(Asked::Decision(Box::new(self.check(action)))),
            // The table calls an update that changes the status a transition.
            "transition" => Ok(Asked::Decision(Box::new(self.check("update")))),
            "list_transitions" => Ok(Asked::Targets(Box::new(self.transitions()))),
            "read_filter" | "query_filter_field" => Ok(Asked::List(Box::new(self.list(action)))),
            _ => match action.split_once('.') {
                Some(("comment", _)) => Ok(Asked::Decision(Box::new(self.check(action)))),
                Some(("role", action)) => Ok(Asked::Decision(Box::new(self.about_role(action)))),
                Some(("user", action)) => Ok(Asked::Decision(Box::new(self.about_user(action)))),
                Some(_) | None => Err(format!("the action `{action}`")),
            },
        }
    }

    fn check(&self, action: &str) -> CheckRequest {
        let mut request = self.question(action, self.resource());
        let fields = texts(&self.json["fields"]);
        if let Some(status) = self.json.get("new_status").filter(|status| !status.is_null()) {
            let field = self.site.facts["status_field"].as_str().unwrap_or("status");
            request.changes = object(&json!({field: status}));
        }
        request.fields = fields;
        request
    }

    fn question(&self, action: &str, resource: Resource) -> CheckRequest {
        CheckRequest {
            profile: self.site.profile.clone(),
            subject: Some(self.subject()),
            action: action.to_owned(),
            resource: Some(resource),
            context: Some(self.context()),
            ..CheckRequest::default()
        }
    }

    fn transitions(&self) -> ListAllowedTransitionsRequest {
        ListAllowedTransitionsRequest {
            profile: self.site.profile.clone(),
            subject: Some(self.subject()),
            resource: Some(self.resource()),
            context: Some(self.context()),
            ..ListAllowedTransitionsRequest::default()
        }
    }

    /// The question that a list asks: may the caller read some item, and select by these fields?
    fn list(&self, action: &str) -> CheckRequest {
        let resource = Resource {
            any_item: true,
            ..self.resource()
        };
        let mut request = self.question("read", resource);
        if action == "query_filter_field" {
            request.filter_fields = texts(&self.json["fields"]);
        }
        request
    }

    /// Returns a question about one item of the grid.
    pub(crate) fn about(&self, request: &CheckRequest, item: &Item) -> CheckRequest {
        let owner = item.owner.clone().map(|id| Owner {
            id,
            roles: item.owner_role.clone().into_iter().collect(),
        });
        let resource = Resource {
            id: "900".to_owned(),
            collection: text(&self.json["collection"]),
            state: item.status.clone().unwrap_or_default(),
            owner,
            ..Resource::default()
        };
        CheckRequest {
            resource: Some(resource),
            ..request.clone()
        }
    }

    /// Returns the stored item of a question that lists can ask: nothing is known of it but its status and owner, and its
    /// status stays.
    pub(crate) fn listed(&self, request: &CheckRequest) -> Option<Item> {
        let is_listed = ["read", "update", "delete"].contains(&&*request.action);
        let item = &self.json["item"];
        if !is_listed || request.changes.is_some() || !request.to_state.is_empty() || !item.is_object() {
            return None;
        }
        Some(Item {
            status: id(&item["status"]),
            owner: id(&item["owner"]),
            owner_role: id(&item["owner_role"]),
        })
    }

    /// A question about a role, with the people who have it.
    fn about_role(&self, action: &str) -> CheckRequest {
        let role = &self.json["role"];
        let people = self.json["users_in_role"].as_u64();
        let mut attributes = json!({"id": role});
        if let Some(people) = people {
            attributes["users"] = (0..people).collect();
        }
        self.question(
            action,
            Resource {
                collection: "directus_roles".to_owned(),
                id: id(role).unwrap_or_default(),
                attributes: object(&attributes),
                ..Resource::default()
            },
        )
    }

    /// A question about a person; whether it is the last administrator only the CMS knows.
    fn about_user(&self, action: &str) -> CheckRequest {
        let target = self.json["target"].as_str().unwrap_or_default();
        let is_administrator = target.contains("administrator");
        let resource = Resource {
            collection: "directus_users".to_owned(),
            id: "77".to_owned(),
            state: "active".to_owned(),
            attributes: object(&json!({"id": 77, "role": if is_administrator { 1 } else { 3 }})),
            ..Resource::default()
        };
        // Somebody is deactivated by another status.
        let (action, change) = match action {
            "deactivate" | "suspend" => ("update", Some("suspended")),
            _ => (action, None),
        };
        let mut request = self.question(action, resource);
        request.to_state = id(&self.json["new_status"])
            .or(change.map(str::to_owned))
            .unwrap_or_default();
        if let Some(context) = &mut request.context {
            context.attributes = object(&json!({"last_administrator": target.starts_with("last")}));
        }
        request
    }

    /// A visitor is user 0, and has no id here.
    fn subject(&self) -> Subject {
        let user = &self.json["user"];
        let visitor = user["id"] == 0 || user["id"].is_null();
        Subject {
            id: if visitor { String::new() } else { text(&user["id"]) },
            roles: texts(&user["roles"]),
            ..Subject::default()
        }
    }

    fn resource(&self) -> Resource {
        let item = &self.json["item"];
        let owner = id(&item["owner"]).map(|owner| Owner {
            id: owner,
            roles: id(&item["owner_role"]).into_iter().collect(),
        });
        Resource {
            collection: text(&self.json["collection"]),
            id: text(&item["id"]),
            state: text(&item["status"]),
            owner,
            ..Resource::default()
        }
    }

    /// A case that does not say what explanation came with the request is not about that, so one did.
    fn context(&self) -> Context {
        let explanation = self
            .json
            .get("explanation")
            .map_or("because", |text| text.as_str().unwrap_or_default());
        let author = match self.json["comment_author"].as_str() {
            Some("own") => text(&self.json["user"]["id"]),
            Some(other) => format!("somebody else ({other})"),
            None => String::new(),
        };
        Context {
            ip: text(&self.json["ip"]),
            explanation: explanation.to_owned(),
            comment_author_id: author,
            ..Context::default()
        }
    }
}

fn text(value: &Value) -> String {
    id(value).unwrap_or_default()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// Writes an object as the wire has it.
fn object(json: &Value) -> Option<Struct> {
    let entries = json.as_object()?.iter();
    let fields = entries
        .map(|(name, value)| (name.clone(), scalar(value)))
        .collect();
    Some(Struct { fields })
}

fn scalar(json: &Value) -> Scalar {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(scalar).collect(),
        }),
        Value::Object(_) => Kind::StructValue(object(json).unwrap_or_default()),
    };
    Scalar { kind: Some(kind) }
}
