//! Requests to Nick's REST interface as questions: which permission guards the route, and of which document.

use placet::rpc::proto::v1::Resource;
use serde_json::{Value, json};

use super::ask::{Asked, Case, Unasked, below};

/// What stands in the way of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Guard {
    /// A permission on the document.
    Permission(&'static str),
    /// The permission of the transition that the next part of the path names.
    Transition,
    /// Nothing that a decision point decides.
    Open(&'static str),
}

use Guard::{Open, Permission, Transition};

const SESSION: Guard = Open("login, token and password probes");

/// The routes: method, first part of the view, guard. A longer view that has its own guard comes before a shorter one.
const ROUTES: [(&str, &str, Guard); 72] = [
    ("GET", "", Permission("View")),
    ("GET", "@@download", Permission("View")),
    ("GET", "@@images", Permission("View")),
    ("GET", "@actions", Permission("View")),
    ("GET", "@aliases", Permission("View")),
    ("GET", "@breadcrumbs", Permission("View")),
    ("GET", "@catalog", Permission("View")),
    ("GET", "@content-rules", Permission("Modify")),
    ("GET", "@controlpanels", Permission("Manage Site")),
    ("GET", "@database", Permission("Manage Site")),
    ("GET", "@export", Permission("View")),
    ("GET", "@groups", Permission("Manage Users")),
    ("GET", "@history", Permission("View")),
    ("GET", "@inherit", Permission("View")),
    ("GET", "@lock", Permission("View")),
    ("GET", "@navigation", Permission("View")),
    ("GET", "@navroot", Permission("View")),
    ("GET", "@nick", Permission("View")),
    ("GET", "@principals", Permission("Manage Users")),
    ("GET", "@querystring", Permission("View")),
    ("GET", "@related", Permission("View")),
    ("GET", "@roles", Permission("View")),
    ("GET", "@search", Permission("View")),
    ("GET", "@sharing", Permission("Modify")),
    ("GET", "@site", Permission("View")),
    ("GET", "@system", Permission("Manage Site")),
    ("GET", "@translation-locator", Permission("View")),
    ("GET", "@translations", Permission("View")),
    ("GET", "@types", Permission("View")),
    ("GET", "@users", Permission("Manage Users")),
    ("GET", "@userschema", Permission("View")),
    ("GET", "@vocabularies", Permission("View")),
    ("GET", "@workflow", Permission("View")),
    ("GET", "ics_view", Permission("View")),
    ("GET", "rss_view", Permission("View")),
    ("POST", "", Permission("Add")),
    ("POST", "@aliases", Permission("Add")),
    ("POST", "@chat", Permission("AI")),
    ("POST", "@content-rules", Permission("Modify")),
    ("POST", "@controlpanels", Permission("Manage Site")),
    ("POST", "@copy", Permission("Add")),
    ("POST", "@email-notification", Permission("View")),
    ("POST", "@email-send", Permission("Modify")),
    ("POST", "@generate", Permission("AI")),
    ("POST", "@groups", Permission("Manage Users")),
    ("POST", "@lock", Permission("Modify")),
    ("POST", "@login", SESSION),
    ("POST", "@login-renew", SESSION),
    ("POST", "@logout", SESSION),
    ("POST", "@move", Permission("Add")),
    ("POST", "@querystring-search", Permission("View")),
    ("POST", "@schemaform-data", Permission("View")),
    ("POST", "@sharing", Permission("Modify")),
    ("POST", "@translations", Permission("Modify")),
    ("POST", "@users", Permission("Manage Users")),
    ("POST", "@users/reset-password", SESSION),
    ("POST", "@users/@email-notification", Permission("Modify")),
    ("POST", "@workflow", Transition),
    ("PATCH", "", Permission("Modify")),
    ("PATCH", "@content-rules", Permission("Modify")),
    ("PATCH", "@controlpanels", Permission("Manage Site")),
    ("PATCH", "@groups", Permission("Manage Users")),
    ("PATCH", "@history", Permission("View")),
    ("PATCH", "@lock", Permission("Modify")),
    ("PATCH", "@users", Permission("Manage Users")),
    ("DELETE", "", Permission("Modify")),
    ("DELETE", "@aliases", Permission("Modify")),
    ("DELETE", "@content-rules", Permission("Modify")),
    ("DELETE", "@controlpanels", Permission("Manage Site")),
    ("DELETE", "@groups", Permission("Manage Users")),
    ("DELETE", "@lock", Permission("Modify")),
    ("DELETE", "@users", Permission("Manage Users")),
];

/// A document that the test suite makes before it asks: a page, made over the interface, so in its first state.
const MADE: [(&str, &str); 2] = [("type", "Page"), ("workflow_state", "private")];

/// Returns the question behind a request such as `GET /news/@history?…`.
pub(crate) fn ask(case: &Case<'_>, mode: &str, request: &str) -> Result<Asked, Unasked> {
    let unknown = || Unasked::Unknown(format!("the request `{request}`"));
    let (method, target) = request.split_once(' ').ok_or_else(unknown)?;
    let (path, view) = split_path(target);
    let name = view_name(&view);
    let guard = if (method, name.as_str()) == ("DELETE", "@translations") {
        Permission("Modify")
    } else {
        ROUTES
            .iter()
            .find(|route| (route.0, route.1) == (method, name.as_str()))
            .ok_or_else(unknown)?
            .2
    };
    let visitor = case.json["user"]["id"] == "anonymous";
    if visitor && (method, name.as_str()) == ("POST", "@users") {
        return Err(Unasked::apart(
            "registration: a setting of the CMS opens it, no permission",
        ));
    }
    if case.json["expect"]["status"] == 404 && !case.site.documents.contains_key(&path) {
        return Err(Unasked::apart("no such document: nothing is decided"));
    }
    let resource = find_document(case, &path);
    match guard {
        Open(reason) => Err(Unasked::apart(reason)),
        Transition => Ok(case.execution(mode, view.get(1).map_or("", String::as_str), resource)),
        Permission(permission) if case.json["expect"].get("addable").is_some() => {
            let addable = case.addable(mode, &resource);
            Ok(Asked::Addable(
                Some(Box::new(case.check(mode, permission, resource))),
                addable,
            ))
        }
        Permission(permission) => Ok(Asked::Decision(Box::new(case.check(mode, permission, resource)))),
    }
}

/// Takes a target apart: the path of the document, and the parts of the view.
fn split_path(target: &str) -> (String, Vec<String>) {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut slugs: Vec<String> = path
        .split('/')
        .filter(|slug| !slug.is_empty())
        .map(str::to_owned)
        .collect();
    let is_view = |slug: &String| slug.starts_with('@') || slug.ends_with("_view");
    let view = match slugs.iter().position(is_view) {
        Some(start) => slugs.split_off(start),
        None => Vec::new(),
    };
    (format!("/{}", slugs.join("/")), view)
}

/// The name under which the table has a view; of those below a user or a group only the last part matters.
fn view_name(view: &[String]) -> String {
    match view {
        [] => String::new(),
        [users, _, last] if users == "@users" => format!("{users}/{last}"),
        [first, ..] => first.clone(),
    }
}

/// The document at a path, with its place among those that the profile has.
fn find_document(case: &Case<'_>, path: &str) -> Resource {
    let slugs: Vec<&str> = path.split('/').filter(|slug| !slug.is_empty()).collect();
    let paths = (0..=slugs.len()).map(|count| format!("/{}", slugs[..count].join("/")));
    let nodes: Vec<Value> = paths
        .map(|path| {
            let mut node = case
                .site
                .documents
                .get(&path)
                .cloned()
                .unwrap_or_else(|| json!({}));
            node["path"] = json!(path);
            node
        })
        .collect();
    let (own, above) = nodes.split_last().expect("the root is always there");
    let field = |key: usize| {
        let (name, made) = MADE[key];
        own[name].as_str().unwrap_or(made).to_owned()
    };
    Resource {
        collection: field(0),
        state: field(1),
        ..below(own, above)
    }
}

#[test]
fn targets_are_taken_apart() {
    let split = |target: &str| {
        let (path, view) = split_path(target);
        (path, view_name(&view))
    };
    let cases = [
        ("/", "/", ""),
        ("/news", "/news", ""),
        ("/events/event-1/@breadcrumbs", "/events/event-1", "@breadcrumbs"),
        ("/@search?sort_on=a/b", "/", "@search"),
        ("/events/ics_view", "/events", "ics_view"),
        ("/@users/admin", "/", "@users"),
        ("/@users/admin/reset-password", "/", "@users/reset-password"),
        (
            "/@controlpanels/content-rules/rule-1/action/0",
            "/",
            "@controlpanels",
        ),
        ("/en/events/?expand=translations", "/en/events", ""),
    ];
    for (target, path, view) in cases {
        assert_eq!(split(target), (path.to_owned(), view.to_owned()), "{target}");
    }
}
