//! Ten thousand swaps under load, between two policies that differ in every answer: whatever is answered belongs to the digest
//! that the answer names.
//!
//! Each swap is a reload from disk. Without optimisation it would take minutes, so there it is a tenth of them; `.ci/run swaps`
//! runs all.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use jiff::Timestamp;
use placet::rpc::DecisionService;
use placet::rpc::proto::v1;
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use placet::store::watch::Consumer;
use serde_json::json;

use crate::grpc::message;

const SWAPS: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

/// Writes one of the two policies: an editor may do in `a` what he may not do in `b`, and the other way round.
fn write_policy(directory: &Path, allowed: &[&str]) {
    for profile in ["news", "shop"] {
        let directory = directory.join(profile);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("roles.json"), r#"{"roles": [{"id": "editor"}]}"#).unwrap();
        fs::write(
            directory.join("collections.json"),
            r#"{"collections": [{"id": "articles"}, {"id": "pages"}]}"#,
        )
        .unwrap();
        let actions = ["read", "update", "publish", "delete"].map(|id| json!({"id": id}));
        let actions = json!({"permissions": actions});
        fs::write(directory.join("permissions.json"), actions.to_string()).unwrap();
        let grants = json!({"grants": [{
            "id": allowed.join("-"), "roles": ["editor"], "collections": ["articles", "pages"],
            "actions": allowed, "fields": [allowed[0]],
        }]});
        fs::write(directory.join("grants.json"), grants.to_string()).unwrap();
    }
}

/// What an asker found.
#[derive(Default)]
struct Found {
    answers: u64,
    /// How many answers came from each digest.
    by_digest: BTreeMap<String, u64>,
}

/// Asks single questions, batches and lists until `over`, and expects of each answer that it is whole.
fn ask(service: &DecisionService, profile: &str, over: &AtomicBool, allows: &BTreeMap<String, u8>) -> Found {
    let check = |action: &str, collection: &str| json!({"action": action, "subject": {"id": "7", "roles": ["editor"]}, "resource": {"collection": collection}});
    let actions = ["read", "update", "publish", "delete"];
    let mut single = check("read", "articles");
    single["profile"] = profile.into();
    let single: v1::CheckRequest = message("CheckRequest", single);
    let checks: Vec<_> = actions
        .iter()
        .flat_map(|action| [check(action, "articles"), check(action, "pages")])
        .map(|check| json!({"action": check["action"], "resource": check["resource"]}))
        .collect();
    let batch: v1::CheckBatchRequest = message(
        "CheckBatchRequest",
        json!({"profile": profile, "subject": {"id": "7", "roles": ["editor"]}, "checks": checks}),
    );
    let list: v1::ListAllowedActionsRequest = message(
        "ListAllowedActionsRequest",
        json!({"profile": profile, "subject": {"id": "7", "roles": ["editor"]}, "resource": {"collection": "pages"}}),
    );
    let mut found = Found::default();
    // Which of the two policies a digest stands for: `read` and `update` are allowed by the one, the others by the other.
    let expected = |snapshot: &Option<v1::SnapshotInfo>, action: &str| {
        let digest = &snapshot.as_ref().unwrap().digest;
        let is_first = matches!(action, "read" | "update");
        (allows[digest] == 0) == is_first
    };
    while !over.load(Ordering::Relaxed) {
        let answer = service.check(&single).unwrap();
        let decision = answer.decision.unwrap();
        let is_allow = decision.effect() == v1::Effect::Allow;
        assert_eq!(is_allow, expected(&answer.snapshot, "read"));
        *found
            .by_digest
            .entry(answer.snapshot.unwrap().digest)
            .or_default() += 1;

        let answer = service.check_batch(&batch).unwrap();
        for (result, check) in answer.results.iter().zip(&batch.checks) {
            let Some(v1::check_result::Result::Decision(decision)) = &result.result else {
                panic!("{result:?}");
            };
            let is_allow = decision.effect() == v1::Effect::Allow;
            assert_eq!(
                is_allow,
                expected(&answer.snapshot, &check.action),
                "{}",
                check.action
            );
        }
        assert_eq!(answer.results.len(), 8);

        let answer = service.list_allowed_actions(&list).unwrap();
        for action in &answer.actions {
            let is_allow = action.decision.as_ref().unwrap().effect() == v1::Effect::Allow;
            assert_eq!(
                is_allow,
                expected(&answer.snapshot, &action.action),
                "{}",
                action.action
            );
        }
        assert_eq!(answer.actions.len(), 4);
        found.answers += 13;
    }
    found
}

#[test]
fn every_answer_belongs_to_the_digest_that_it_names() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    write_policy(&root.join("..first"), &["read", "update"]);
    write_policy(&root.join("..second"), &["publish", "delete"]);
    for profile in ["news", "shop"] {
        symlink(format!("..data/{profile}"), root.join(profile)).unwrap();
    }
    let switch = |to: &str| {
        symlink(to, root.join("..tmp")).unwrap();
        fs::rename(root.join("..tmp"), root.join("..data")).unwrap();
    };
    let store = Arc::new(PolicyStore::new(Some("news")));
    let (mut reloader, rounds) = Reloader::new(ReloadConfig::new(&root), Arc::clone(&store));
    let mut allows = BTreeMap::new();
    for (number, generation) in ["..first", "..second"].into_iter().enumerate() {
        switch(generation);
        reloader.reload();
        for entry in store.current().entries().values() {
            let snapshot = entry.served().unwrap();
            assert!(!snapshot.is_stale);
            allows.insert(snapshot.digest.to_string(), u8::try_from(number).unwrap());
        }
    }
    assert_eq!(
        allows.len(),
        4,
        "two policies of two profiles, each with its own digest"
    );

    let (over, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let found: Vec<Found> = thread::scope(|scope| {
        let askers: Vec<_> = ["news", "shop"]
            .map(|profile| {
                let service = DecisionService::new(Arc::clone(&store), Timestamp::now);
                let (over, allows, answers) = (&over, &allows, &answers);
                scope.spawn(move || {
                    let found = ask(&service, profile, over, allows);
                    answers.fetch_add(found.answers, Ordering::Relaxed);
                    found
                })
            })
            .into_iter()
            .collect();
        for swap in 0..SWAPS {
            switch(["..first", "..second"][usize::try_from(swap % 2).unwrap()]);
            reloader.reload();
            reloader.tend(Instant::now());
        }
        over.store(true, Ordering::Relaxed);
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    let round = rounds.latest();
    println!(
        "{SWAPS} swaps in {:?}, {} answers meanwhile",
        begun.elapsed(),
        answers.load(Ordering::Relaxed)
    );
    assert_eq!(
        (round.swaps, round.failures),
        (SWAPS + 2, 0),
        "each reload swapped once"
    );
    for profile in found {
        assert!(profile.answers >= SWAPS, "the askers were at work all the time");
        assert_eq!(profile.by_digest.len(), 2, "{:?}", profile.by_digest);
    }
    assert_eq!(
        store.current().profile("news").unwrap().generation,
        SWAPS + 2,
        "every swap was a new version"
    );
}
