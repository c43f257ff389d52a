//! Rows as requests: who asks, about which document, in which mode.

use placet::rpc::proto::v1::{
    CheckRequest, Context, Decision, Effect, FilterFieldsRequest, Plan, PlanQueryRequest, PlanTarget,
    Resource, Subject,
};
use serde_json::{Value, json};

use super::super::directus::ask::to_struct;
use super::super::door::Door;

/// A question about one document or type.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) profile: &'static str,
    subject: Subject,
    resource: Resource,
    /// Facts of the request.
    pub(crate) context: Value,
}

impl Question {
    /// Somebody with an id and a role, or nobody.
    pub(crate) fn new(profile: &'static str, id: Option<&str>, role: Option<&str>) -> Self {
        Self {
            profile,
            subject: Subject {
                id: id.unwrap_or_default().to_owned(),
                roles: role.map(str::to_owned).into_iter().collect(),
                ..Subject::default()
            },
            resource: Resource::default(),
            context: json!({}),
        }
    }

    /// About some document of a type; the empty name stands for no type.
    pub(crate) fn some(mut self, doc_type: &str) -> Self {
        self.resource = Resource {
            collection: doc_type.to_owned(),
            any_item: true,
            ..Resource::default()
        };
        self
    }

    /// About this document.
    pub(crate) fn document(mut self, doc: &Value) -> Self {
        let text = |key: &str| doc[key].as_str().unwrap_or_default().to_owned();
        self.resource = Resource {
            collection: text("type"),
            id: text("_id"),
            attributes: Some(to_struct(doc)),
            ..Resource::default()
        };
        self
    }

    /// About a document in this state of its workflow.
    pub(crate) fn in_state(mut self, state: &str) -> Self {
        self.resource.state = state.to_owned();
        self
    }

    /// In a request that says this as well.
    pub(crate) fn with(mut self, fact: &str, value: Value) -> Self {
        self.context[fact] = value;
        self
    }

    /// Returns the type that is asked about.
    pub(crate) fn collection(&self) -> &str {
        &self.resource.collection
    }

    fn context(&self) -> Option<Context> {
        Some(Context {
            attributes: Some(to_struct(&self.context)),
            ..Context::default()
        })
    }

    fn ask(&self, door: &dyn Door, request: CheckRequest) -> Result<Decision, String> {
        let request = CheckRequest {
            profile: self.profile.to_owned(),
            subject: Some(self.subject.clone()),
            resource: Some(self.resource.clone()),
            context: self.context(),
            ..request
        };
        let answer = door
            .check(&request)
            .map_err(|status| format!("the request is refused: {status}"))?;
        answer
            .decision
            .ok_or_else(|| "the answer has no decision".to_owned())
    }

    /// Asks for an action.
    pub(crate) fn check(&self, door: &dyn Door, action: &str) -> Result<Decision, String> {
        let request = CheckRequest {
            action: action.to_owned(),
            ..CheckRequest::default()
        };
        self.ask(door, request)
    }

    /// Asks for an action with values.
    pub(crate) fn check_values(
        &self,
        door: &dyn Door,
        action: &str,
        values: &Value,
    ) -> Result<Decision, String> {
        let request = CheckRequest {
            action: action.to_owned(),
            changes: Some(to_struct(values)),
            ..CheckRequest::default()
        };
        self.ask(door, request)
    }

    /// Plans a list of documents of a type, as a query of MongoDB.
    pub(crate) fn plan(&self, door: &dyn Door, doc_type: &str, action: &str) -> Result<Plan, String> {
        let request = PlanQueryRequest {
            profile: self.profile.to_owned(),
            subject: Some(self.subject.clone()),
            context: self.context(),
            action: action.to_owned(),
            collection: doc_type.to_owned(),
            targets: vec![PlanTarget::Mongodb.into()],
            ..PlanQueryRequest::default()
        };
        let answer = door
            .plan_query(&request)
            .map_err(|status| format!("the plan is refused: {status}"))?;
        answer.plan.ok_or_else(|| "the answer has no plan".to_owned())
    }

    /// Tells whether an action is allowed.
    pub(crate) fn allows(&self, door: &dyn Door, action: &str) -> Result<bool, String> {
        Ok(self.check(door, action)?.effect() == Effect::Allow)
    }

    /// Tells whether all of these actions are allowed.
    pub(crate) fn allows_all(&self, door: &dyn Door, actions: &[&str]) -> Result<bool, String> {
        for action in actions {
            if !self.allows(door, action)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells whether a transition is allowed.
    pub(crate) fn takes(&self, door: &dyn Door, transition: &str) -> Result<bool, String> {
        let request = CheckRequest {
            transition: transition.to_owned(),
            ..CheckRequest::default()
        };
        Ok(self.ask(door, request)?.effect() == Effect::Allow)
    }

    /// Returns which of these fields an action covers.
    pub(crate) fn fields(
        &self,
        door: &dyn Door,
        action: &str,
        fields: &[String],
    ) -> Result<Vec<String>, String> {
        let request = FilterFieldsRequest {
            profile: self.profile.to_owned(),
            subject: Some(self.subject.clone()),
            resource: Some(self.resource.clone()),
            context: self.context(),
            action: action.to_owned(),
            fields: fields.to_vec(),
            ..FilterFieldsRequest::default()
        };
        let answer = door
            .filter_fields(&request)
            .map_err(|status| format!("the request is refused: {status}"))?;
        Ok(answer.allowed)
    }
}

/// Returns the mode that a row asks for: that of its argument, else that of its request.
pub(crate) fn mode_of(row: &Value) -> &str {
    row["modeArg"]
        .as_str()
        .or(row["mode"].as_str())
        .unwrap_or("published")
}

/// Returns who asks: `(user without role)` has signed in and has none.
pub(crate) fn who(profile: &'static str, row: &Value) -> Question {
    let role = row["role"].as_str();
    let id = row["actor"]
        .as_str()
        .filter(|_| role.is_some())
        .map(str::to_owned);
    // Lists tell their users by the role.
    let id = id.or_else(|| role.map(|role| format!("u-{role}")));
    Question::new(profile, id.as_deref(), role.filter(|role| !role.starts_with('(')))
}
