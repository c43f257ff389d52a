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
