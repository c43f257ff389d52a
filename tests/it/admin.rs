//! The administration: it tells what is served, reloads, and lets clients watch.

use std::fs;

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_admin_service_client::PolicyAdminServiceClient;
use tonic::Code;

use crate::grpc::samples;

#[tokio::test]
async fn the_administration_tells_reloads_and_watches() {
    let daemon = samples();
    let mut client = PolicyAdminServiceClient::new(daemon.connect().await);
    let all = v1::GetStatusRequest {
        profile: String::new(),
        include_reads: true,
    };
    let status = client.get_status(all).await.unwrap().into_inner();
    let ids = |profiles: &[v1::ProfileStatus]| -> Vec<(String, v1::ProfileState)> {
        profiles
            .iter()
            .map(|profile| {
                (
                    profile.snapshot.as_ref().unwrap().profile.clone(),
                    profile.state(),
                )
            })
            .collect()
    };
    let current = v1::ProfileState::Current;
    assert_eq!(
        ids(&status.profiles),
        [
            ("editorial".to_owned(), current),
            ("newsroom".to_owned(), current)
        ]
    );
    assert_eq!(
        (status.version.as_str(), status.profiles[0].is_default),
        (env!("CARGO_PKG_VERSION"), false)
    );
    assert_eq!(
        (
            status.profiles[0].dialect.as_str(),
            status.profiles[0].mode.as_str()
        ),
        ("native", "strict")
    );
    let update = status.profiles[0]
        .reads
        .iter()
        .find(|reads| reads.action == "update")
        .unwrap();
    assert_eq!(update.paths, ["author", "body", "featured", "title"]);
    let comment = status.profiles[1]
        .reads
        .iter()
        .find(|reads| reads.action == "comment.delete")
        .unwrap();
    assert!(
        comment.paths.contains(&"$CONTEXT.comment_author_id".to_owned()),
        "{comment:?}"
    );
    assert!(comment.paths.contains(&"$CURRENT_USER".to_owned()), "{comment:?}");

    let mut stream = client
        .watch_status(v1::WatchStatusRequest::default())
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(first.initial);
    assert_eq!(ids(&first.profiles).len(), 2);

    let grants = daemon.root.join("editorial/grants.json");
    let good = fs::read_to_string(&grants).unwrap();
    fs::write(&grants, format!("{good}\n")).unwrap();
    let news = stream.message().await.unwrap().unwrap();
    assert_eq!(
        (news.initial, ids(&news.profiles)),
        (false, vec![("editorial".to_owned(), current)])
    );
    assert_eq!(news.profiles[0].snapshot.as_ref().unwrap().generation, 2);

    fs::write(&grants, "{").unwrap();
    let results = client
        .reload(v1::ReloadRequest::default())
        .await
        .unwrap()
        .into_inner()
        .results;
    let broken = results[0].status.as_ref().unwrap();
    assert_eq!(broken.state(), v1::ProfileState::Stale);
    assert_eq!(
        (broken.diagnostics.len(), results[0].outcome()),
        (1, v1::ReloadOutcome::Failed)
    );
    assert_eq!(
        broken.diagnostics[0].origin.as_ref().unwrap().file,
        "editorial/grants.json"
    );
    assert_eq!(results[1].outcome(), v1::ReloadOutcome::Unchanged);

    for (name, code) in [("nope", Code::NotFound), ("a\u{1}", Code::InvalidArgument)] {
        let profile = name.to_owned();
        let request = v1::GetStatusRequest {
            profile: profile.clone(),
            include_reads: false,
        };
        assert_eq!(client.get_status(request).await.unwrap_err().code(), code);
        let request = v1::ReloadRequest {
            profile: profile.clone(),
        };
        assert_eq!(client.reload(request).await.unwrap_err().code(), code);
        assert_eq!(
            client
                .watch_status(v1::WatchStatusRequest { profile })
                .await
                .unwrap_err()
                .code(),
            code
        );
    }
}

#[tokio::test]
async fn the_facts_that_rules_read_are_listed_by_collection_and_action() {
    let write = |root: &std::path::Path| {
        let directory = root.join("facts");
        fs::create_dir(&directory).unwrap();
        let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
        write("profile.json", r#"{"id": "facts", "dialect": "native"}"#);
        write("roles.json", r#"{"roles": [{"id": "author"}, {"id": "editor"}]}"#);
        write(
            "collections.json",
            r#"{"collections": [
  {"id": "articles", "workflow": "desk", "state_field": "status", "owner": "author",
   "fields": {"author": "string", "title": "string", "desk": "string", "teaser": "text", "status": "string", "featured": "boolean",
              "comments": {"relation": "comments", "many": true}}},
  {"id": "comments", "fields": {"approved": "boolean", "by": "string"}},
  {"id": "tags", "fields": ["name"]}]}"#,
        );
        write(
            "grants.json",
            r#"{"grants": [
  {"roles": ["author"], "collections": ["articles"], "actions": ["update"], "scope": "mine",
   "when": {"desk": "$CURRENT_USER.desk"}, "validate": {"title": {"_nempty": true}}},
  {"roles": ["editor"], "collections": ["articles"], "actions": ["read"], "scope": "role",
   "when": {"comments": {"_some": {"approved": {"_eq": true}, "by": {"_neq": "$CONTEXT.locale"}}}}},
  {"roles": ["editor"], "collections": ["articles"], "actions": ["delete"], "networks": ["10.0.0.0/8"]},
  {"roles": ["editor"], "collections": ["tags"], "actions": ["read"]}],
"constraints": [
  {"collections": ["articles"], "actions": ["update"], "require": {"featured": {"_eq": false}},
   "submitted": {"teaser": {"_nempty": true}}},
  {"collections": ["articles"], "actions": ["create"], "networks": ["10.0.0.0/8"], "presets": {"author": "$CURRENT_USER"}}]}"#,
        );
        write(
            "workflows.json",
            r#"{"workflows": [{"id": "desk", "initial_state": "draft",
  "states": {"draft": {"transitions": ["publish"]}, "published": {"transitions": []}},
  "transitions": {"publish": {"to": "published", "actions": ["update"], "when": {"$CONTEXT.mode": {"_eq": "live"}}}}}]}"#,
        );
    };
    let daemon = crate::serve::Daemon::start(write, &[]);
    let mut client = PolicyAdminServiceClient::new(daemon.connect().await);
    let request = v1::GetStatusRequest {
        profile: "facts".to_owned(),
        include_reads: true,
    };
    let status = client.get_status(request).await.unwrap().into_inner();
    let listed: Vec<(&str, &str, Vec<&str>)> = status.profiles[0]
        .reads
        .iter()
        .map(|reads| {
            let paths = reads.paths.iter().map(String::as_str).collect();
            (reads.collection.as_str(), reads.action.as_str(), paths)
        })
        .collect();
    let expected = [
        ("articles", "create", vec!["$CONTEXT.ip", "$CURRENT_USER"]),
        ("articles", "delete", vec!["$CONTEXT.ip"]),
        (
            "articles",
            "read",
            vec![
                "$CONTEXT.locale",
                "$OWNER.roles",
                "author",
                "comments",
                "comments.approved",
                "comments.by",
            ],
        ),
        (
            "articles",
            "update",
            vec![
                "$CONTEXT.mode",
                "$CURRENT_USER.desk",
                "author",
                "desk",
                "featured",
                "teaser",
                "title",
            ],
        ),
    ];
    assert_eq!(listed, expected);
}
