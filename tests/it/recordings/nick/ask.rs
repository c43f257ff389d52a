//! Vectors as requests: who asks, about which document, for what.

use placet::rpc::proto::v1::local_role::Holder;
use placet::rpc::proto::v1::{
    Ancestor, CheckRequest, Context, DescribeWorkflowRequest, ListAllowedTransitionsRequest, LocalRole,
    Owner, Resource, Subject,
};
use prost_types::value::Kind;
use prost_types::{Struct, Value as Scalar};
use serde_json::Value;

use super::http;
use super::site::Site;

/// A vector and the site that it is asked of.
pub(crate) struct Case<'c> {
    pub(crate) json: &'c Value,
    pub(crate) site: &'c Site,
}

/// The requests of one vector.
pub(crate) enum Asked {
    /// One decision.
    Decision(Box<CheckRequest>),
    /// The open transitions.
    Transitions(Box<ListAllowedTransitionsRequest>),
    /// A transition, and the workflow that tells where it leads.
    Execution(Box<CheckRequest>, Box<DescribeWorkflowRequest>),
    /// One question per type, and perhaps one for the request as a whole.
    Addable(Option<Box<CheckRequest>>, Vec<(String, CheckRequest)>),
    /// Whether listings find the document, and whether it may be seen.
    Listing(Box<CheckRequest>, Box<CheckRequest>),
}

impl Asked {
    /// Returns the profile that is asked.
    pub(crate) fn profile(&self) -> &str {
        match self {
            Asked::Decision(request) | Asked::Execution(request, _) | Asked::Listing(request, _) => {
                &request.profile
            }
            Asked::Transitions(request) => &request.profile,
            Asked::Addable(_, types) => types.first().map_or("", |(_, request)| &request.profile),
        }
    }
}

/// A vector that no request asks.
pub(crate) enum Unasked {
    /// It cannot be asked of a decision point.
    Apart(String),
    /// It is of a kind that is not known here.
    Unknown(String),
}

impl Unasked {
    /// Says why a vector cannot be asked.
    pub(crate) fn apart(reason: &str) -> Self {
        Self::Apart(reason.to_owned())
    }
}

/// The permissions of operations, by the first words of their names.
const OPERATIONS: [(&str, &str); 16] = [
    ("read", "View"),
    ("update", "Modify"),
    ("delete alias", "Modify"),
    ("delete", "Modify"),
    ("create", "Add"),
    ("copy", "Add"),
    ("move", "Add"),
    ("add alias", "Add"),
    ("alias", "Add"),
    ("reorder", "Modify"),
    ("sharing", "Modify"),
    ("share", "Modify"),
    ("lock", "Modify"),
    ("revert", "View"),
    ("control panel", "Manage Site"),
    ("list users", "Manage Users"),
];

/// Returns the requests of a vector.
pub(crate) fn ask(case: &Case<'_>, mode: &str) -> Result<Asked, Unasked> {
    if case.json["user"].get("roles").is_none() {
        return Err(Unasked::apart("token probe: the CMS finds out who asks"));
    }
    let Some(check) = case.json["check"].as_object() else {
        return Err(Unasked::Unknown(case.json["check"].to_string()));
    };
    let mut keys = check
        .keys()
        .map(String::as_str)
        .filter(|key| *key != "include_children");
    let (Some(kind), None) = (keys.next(), keys.next()) else {
        return Err(Unasked::Unknown(case.json["check"].to_string()));
    };
    if check
        .get("include_children")
        .is_some_and(|recursive| recursive == true)
    {
        return Err(Unasked::apart(
            "recursive execution: documents below are not asked for",
        ));
    }
    let text = check[kind].as_str().unwrap_or_default();
    let resource = case.resource();
    match kind {
        "permission" => Ok(Asked::Decision(Box::new(case.check(mode, text, resource)))),
        "available_transitions" => Ok(Asked::Transitions(Box::new(case.transitions(mode, resource)))),
        "execute" => Ok(case.execution(mode, text, resource)),
        "operation" => match OPERATIONS.iter().find(|(name, _)| text.starts_with(name)) {
            Some((name, permission)) => {
                let mut request = case.check(mode, permission, resource);
                // "create Page in": the second word is the type of the child.
                if let Some(child) = text.split(' ').nth(1).filter(|_| *name == "create") {
                    name_child(&mut request, child);
                }
                Ok(Asked::Decision(Box::new(request)))
            }
            None => Err(Unasked::Unknown(format!("the operation `{text}`"))),
        },
        "addable_types" => Ok(Asked::Addable(None, case.addable(mode, &resource))),
        "listed" => {
            let view = case.check(mode, "View", resource.clone());
            Ok(Asked::Listing(
                Box::new(case.check(mode, "Listed", resource)),
                Box::new(view),
            ))
        }
        "http" => http::ask(case, mode, text),
        _ => Err(Unasked::Unknown(format!("a check of `{kind}`"))),
    }
}

impl<'c> Case<'c> {
    /// Makes a case.
    pub(crate) fn new(json: &'c Value, site: &'c Site) -> Self {
        Self { json, site }
    }

    /// Returns a question for one action.
    pub(crate) fn check(&self, mode: &str, action: &str, resource: Resource) -> CheckRequest {
        CheckRequest {
            profile: self.site.profile(mode),
            subject: Some(self.subject()),
            action: action.to_owned(),
            resource: Some(resource),
            ..CheckRequest::default()
        }
    }

    /// Returns the question for a transition.
    pub(crate) fn execution(&self, mode: &str, transition: &str, resource: Resource) -> Asked {
        let profile = self.site.profile(mode);
        let describe = DescribeWorkflowRequest {
            profile,
            collection: resource.collection.clone(),
            ..DescribeWorkflowRequest::default()
        };
        let mut request = self.check(mode, "", resource);
        transition.clone_into(&mut request.transition);
        Asked::Execution(Box::new(request), Box::new(describe))
    }

    /// Returns one question per type: may it be added here?
    pub(crate) fn addable(&self, mode: &str, resource: &Resource) -> Vec<(String, CheckRequest)> {
        let question = |child: &String| {
            let mut request = self.check(mode, "Addable", resource.clone());
            name_child(&mut request, child);
            (child.clone(), request)
        };
        self.site.types.iter().map(question).collect()
    }

    fn transitions(&self, mode: &str, resource: Resource) -> ListAllowedTransitionsRequest {
        ListAllowedTransitionsRequest {
            profile: self.site.profile(mode),
            subject: Some(self.subject()),
            resource: Some(resource),
            ..ListAllowedTransitionsRequest::default()
        }
    }

    /// Users belong to the CMS, so the request tells what of their roles and groups a purge has left.
    fn subject(&self) -> Subject {
        let user = &self.json["user"];
        let (roles, groups) = (texts(&user["roles"]), texts(&user["groups"]));
        Subject {
            id: text(&user["id"]),
            roles: if self.site.lost_roles { Vec::new() } else { roles },
            groups: if self.site.lost_groups { Vec::new() } else { groups },
            ..Subject::default()
        }
    }

    /// The document of the vector, below the chain that it names or directly below a root without local roles.
    fn resource(&self) -> Resource {
        let user = &self.json["user"];
        let chain = self.json["chain"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut resource = match chain.split_last() {
            Some((own, above)) => below(own, above),
            None => Resource {
                id: "document".to_owned(),
                ..Resource::default()
            },
        };
        resource.collection = text(&self.json["type"]);
        resource.state = text(&self.json["state"]);
        if user["owner"] == true {
            resource.owner = Some(Owner {
                id: text(&user["id"]),
                ..Owner::default()
            });
        }
        let local = texts(&user["local_roles"]);
        if !local.is_empty() {
            let holder = Some(Holder::SubjectId(text(&user["id"])));
            resource.local_roles.push(LocalRole { holder, roles: local });
        }
        resource
    }
}

/// Returns the place of a node below others, root first: owner, local roles, what it blocks.
pub(crate) fn below(own: &Value, above: &[Value]) -> Resource {
    let ancestor = |node: &Value| Ancestor {
        id: text(&node["path"]),
        owner: owner(node),
        local_roles: sharing(node),
        block_inheritance: blocks(node),
        ..Ancestor::default()
    };
    Resource {
        id: text(&own["path"]),
        owner: owner(own),
        local_roles: sharing(own),
        block_inheritance: blocks(own),
        ancestors: above.iter().map(ancestor).collect(),
        ..Resource::default()
    }
}

fn owner(node: &Value) -> Option<Owner> {
    node["owner"].as_str().map(|id| Owner {
        id: id.to_owned(),
        ..Owner::default()
    })
}

/// Only `false` blocks, and above the root there is nothing to block.
fn blocks(node: &Value) -> bool {
    node["inherit_roles"] == false && node["path"] != "/"
}

fn sharing(node: &Value) -> Vec<LocalRole> {
    let mut local = Vec::new();
    for key in ["users", "groups"] {
        let holder = if key == "users" {
            Holder::SubjectId
        } else {
            Holder::Group
        };
        for entry in node["sharing"][key].as_array().into_iter().flatten() {
            local.push(LocalRole {
                holder: Some(holder(text(&entry["id"]))),
                roles: texts(&entry["roles"]),
            });
        }
    }
    local
}

fn name_child(request: &mut CheckRequest, child: &str) {
    let kind = Some(Kind::StringValue(child.to_owned()));
    let fields = [("child".to_owned(), Scalar { kind })].into_iter().collect();
    request.context = Some(Context {
        attributes: Some(Struct { fields }),
        ..Context::default()
    });
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}
