//! The daemon as a process, when things go wrong around it: bad starts, kills, directories that it may not read, files that
//! stay broken.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_admin_service_client::PolicyAdminServiceClient;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use serde_json::json;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::grpc::message;
use crate::serve::{BROKEN, Daemon, GRANTS, OTHER_GRANTS, PATIENCE, health, placet, write_profile};

/// Asks whether an editor may read articles of a profile.
async fn check(channel: &Channel, profile: &str) -> Result<v1::CheckResponse, tonic::Status> {
    let request: v1::CheckRequest = message(
        "CheckRequest",
        json!({
            "profile": profile, "action": "read",
            "subject": {"id": "7", "roles": ["editor"]}, "resource": {"collection": "articles"},
        }),
    );
    let mut client = PolicyDecisionServiceClient::new(channel.clone());
    client.check(request).await.map(tonic::Response::into_inner)
}

async fn status(channel: &Channel) -> v1::GetStatusResponse {
    let mut client = PolicyAdminServiceClient::new(channel.clone());
    let request = v1::GetStatusRequest::default();
    client.get_status(request).await.unwrap().into_inner()
}

async fn reload(channel: &Channel) -> Result<v1::ReloadResponse, tonic::Status> {
    let mut client = PolicyAdminServiceClient::new(channel.clone());
    let request = v1::ReloadRequest::default();
    client.reload(request).await.map(tonic::Response::into_inner)
}

async fn wait_for_health(channel: &Channel, name: &str, wanted: ServingStatus) {
    let mut client = HealthClient::new(channel.clone());
    let begun = Instant::now();
    while health(&mut client, name).await != Some(wanted) {
        assert!(begun.elapsed() < PATIENCE, "`{name}` does not become {wanted:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn reason(status: &tonic::Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// Connects to a daemon that was told to start without anything to serve.
async fn connect_degraded(daemon: &Daemon) -> Channel {
    let address = daemon.wait_for("listening")["address"]
        .as_str()
        .unwrap()
        .to_owned();
    daemon.wait_for("started without a profile that can be served");
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

#[tokio::test]
async fn killed_and_started_again_it_serves_what_the_files_say() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("profiles");
    write_profile(&root, "news", GRANTS);
    let mut first = Daemon::start_at(&root, placet(&[]), &[]);
    let channel = first.connect().await;
    let before = check(&channel, "news").await.unwrap().snapshot.unwrap();
    // In the middle of reloads, and without a chance to tidy up.
    for round in 0..20 {
        write_profile(&root, "news", [OTHER_GRANTS, GRANTS][round % 2]);
        std::thread::sleep(Duration::from_millis(7));
    }
    first.signal("KILL");
    assert_eq!(first.wait().code(), None);

    let again = Daemon::start_at(&root, placet(&[]), &[]);
    let channel = again.connect().await;
    let after = check(&channel, "news").await.unwrap();
    assert_eq!(after.decision.unwrap().effect(), v1::Effect::Allow);
    let after = after.snapshot.unwrap();
    assert_eq!(
        (after.generation, after.stale),
        (1, false),
        "a new process counts anew"
    );
    assert_eq!(after.digest, before.digest, "the same files have the same digest");

    write_profile(&root, "news", BROKEN);
    again.wait_for("profile is broken, its last good version stays");
    drop(again);
    // Nothing is kept from before: what is broken when the daemon starts has no last good version.
    let mut last = Daemon::start_at(&root, placet(&[]), &[]);
    assert_eq!(last.wait().code(), Some(3));
}

#[tokio::test]
async fn told_to_start_degraded_it_waits_for_something_to_serve() {
    let daemon = Daemon::start(
        |root| write_profile(root, "news", BROKEN),
        &["--start-degraded", "--default-profile", "news"],
    );
    let channel = connect_degraded(&daemon).await;
    wait_for_health(&channel, "liveness", ServingStatus::Serving).await;
    wait_for_health(&channel, "", ServingStatus::NotServing).await;
    let refused = check(&channel, "").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unavailable, "NEVER_LOADED".to_owned())
    );
    let told = status(&channel).await;
    assert_eq!(told.profiles[0].state(), v1::ProfileState::NeverLoaded);
    assert_eq!(told.profiles[0].problem, "the files have 1 error");
    write_profile(&daemon.root, "news", GRANTS);
    wait_for_health(&channel, "", ServingStatus::Serving).await;
    assert!(check(&channel, "").await.is_ok());
}

#[tokio::test]
async fn told_to_start_degraded_it_waits_for_a_missing_root() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("not/yet");
    let daemon = Daemon::start_at(&root, placet(&[]), &["--start-degraded"]);
    let channel = connect_degraded(&daemon).await;
    let refused = check(&channel, "news").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unavailable, "NOT_READY".to_owned())
    );
    let told = status(&channel).await.reload.unwrap();
    assert_eq!((told.is_unread, told.reloads, told.failures), (true, 1, 1));
    let refused = reload(&channel).await.unwrap_err();
    assert_eq!(reason(&refused), "UNREADABLE_PROFILES");
    write_profile(&root, "news", GRANTS);
    wait_for_health(&channel, "profile/news", ServingStatus::Serving).await;
    assert!(check(&channel, "").await.is_ok());
}

#[tokio::test]
async fn a_broken_default_does_not_keep_others_from_being_served() {
    let daemon = Daemon::start(
        |root| {
            write_profile(root, "news", BROKEN);
            write_profile(root, "shop", GRANTS);
        },
        &["--default-profile", "news"],
    );
    let channel = daemon.connect().await;
    wait_for_health(&channel, "profile/shop", ServingStatus::Serving).await;
    wait_for_health(&channel, "profile/news", ServingStatus::NotServing).await;
    wait_for_health(&channel, "", ServingStatus::NotServing).await;
    assert!(check(&channel, "shop").await.is_ok());
    assert_eq!(reason(&check(&channel, "").await.unwrap_err()), "NEVER_LOADED");
    write_profile(&daemon.root, "news", GRANTS);
    wait_for_health(&channel, "", ServingStatus::Serving).await;
    assert!(check(&channel, "").await.is_ok());
}

#[tokio::test]
async fn each_bad_start_ends_as_documented() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("file"), "").unwrap();
    write_profile(&at("broken"), "news", BROKEN);
    write_profile(&at("good"), "news", GRANTS);
    let cases: [(&str, &[&str], i32); 6] = [
        ("missing", &[], 4),
        ("empty", &[], 4),
        ("file", &[], 4),
        ("broken", &[], 3),
        ("good", &["--default-profile", "shop"], 2),
        ("good", &["--max-stale", "0"], 2),
    ];
    for (name, options, code) in cases {
        let mut daemon = Daemon::start_at(&at(name), placet(&[]), options);
        assert_eq!(daemon.wait().code(), Some(code), "{name} {options:?}");
    }
}

#[tokio::test]
async fn what_stays_broken_is_told_and_then_served_no_more() {
    let daemon = Daemon::start(
        |root| {
            write_profile(root, "news", GRANTS);
            write_profile(root, "shop", GRANTS);
        },
        &["--max-stale", "4", "--default-profile", "news"],
    );
    let channel = daemon.connect().await;
    wait_for_health(&channel, "profile/news", ServingStatus::Serving).await;
    let good = status(&channel).await;
    assert_eq!(good.profiles[0].problem, "");
    assert!(good.profiles[0].age.is_some() && good.profiles[0].stale_since.is_none());
    assert!(good.reload.as_ref().unwrap().last_good_at.is_some());

    write_profile(&daemon.root, "news", BROKEN);
    daemon.wait_for("profile is broken, its last good version stays");
    let broken_at = Instant::now();
    let answer = check(&channel, "news").await.unwrap();
    assert!(answer.snapshot.unwrap().stale, "each answer says it");
    let told = status(&channel).await;
    let news = &told.profiles[0];
    assert_eq!(
        (news.state(), news.diagnostics.len()),
        (v1::ProfileState::Stale, 1)
    );
    assert_eq!(news.problem, "the files have 1 error");
    assert!(news.stale_since.is_some() && news.stale_for.is_some());
    assert_eq!(told.profiles[1].state(), v1::ProfileState::Current);
    let reloads = told.reload.unwrap();
    assert!(reloads.failures >= 1 && reloads.swaps >= 2 && !reloads.is_unread);

    daemon.wait_for("profile has been stale for too long and is not served any more");
    println!("given up {:?} after the first look at it", broken_at.elapsed());
    wait_for_health(&channel, "profile/news", ServingStatus::NotServing).await;
    wait_for_health(&channel, "", ServingStatus::NotServing).await;
    wait_for_health(&channel, "liveness", ServingStatus::Serving).await;
    wait_for_health(&channel, "profile/shop", ServingStatus::Serving).await;
    let refused = check(&channel, "news").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unavailable, "STALE_TOO_LONG".to_owned())
    );
    assert!(check(&channel, "shop").await.is_ok());
    let told = status(&channel).await;
    assert_eq!(told.profiles[0].state(), v1::ProfileState::Expired);
    assert_eq!(told.profiles[0].snapshot.as_ref().unwrap().generation, 1);

    write_profile(&daemon.root, "news", OTHER_GRANTS);
    wait_for_health(&channel, "profile/news", ServingStatus::Serving).await;
    let answer = check(&channel, "news").await.unwrap().snapshot.unwrap();
    assert_eq!((answer.generation, answer.stale), (2, false));
}

#[tokio::test]
async fn sighup_waits_for_the_reload_and_logs_what_is_wrong_even_if_it_was_said_before() {
    let daemon = Daemon::start(
        |root| {
            write_profile(root, "news", GRANTS);
            write_profile(root, "shop", BROKEN);
        },
        &[],
    );
    daemon.wait_for("ready");
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for("signal received")["signal"], "SIGHUP");
    let line = daemon.wait_for("profiles are read");
    assert_eq!(
        ["why", "unchanged", "broken"].map(|field| line[field].clone()),
        [json!("asked"), json!(1), json!(1)]
    );
    let line = daemon.wait_for("profile is broken and is not served");
    assert!(
        line["diagnostics"]
            .as_str()
            .unwrap()
            .contains("shop/grants.json:1:24")
    );
    write_profile(&daemon.root, "shop", GRANTS);
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for("profile is served")["profile"], "shop");
}

#[tokio::test]
async fn calls_of_reload_are_bounded_and_each_gets_a_reload_that_began_after_it() {
    let daemon = Daemon::start(|root| write_profile(root, "news", GRANTS), &[]);
    let channel = daemon.connect().await;
    let before = status(&channel).await.reload.unwrap().reloads;
    let begun = Instant::now();
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    assert_eq!(reload(&channel).await.unwrap().results.len(), 1);
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    let reloads = status(&channel).await.reload.unwrap().reloads - before;
    let most = u64::try_from(begun.elapsed().as_millis() / 50).unwrap() + 2;
    println!("40 calls led to {reloads} reloads in {:?}", begun.elapsed());
    assert!((5..=most).contains(&reloads), "{reloads} of at most {most}");
}

/// Prepares the binary to run as a user who is bound by permissions: whoever runs the tests, or somebody else if that is the
/// superuser. None if nobody else can run it.
fn placet_without_powers(directory: &Path) -> Option<Command> {
    let probe = directory.join("probe");
    fs::create_dir(&probe).unwrap();
    fs::set_permissions(&probe, Permissions::from_mode(0o000)).unwrap();
    let is_bound = fs::read_dir(&probe).is_err();
    fs::set_permissions(&probe, Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir(&probe).unwrap();
    if is_bound {
        return Some(placet(&[]));
    }
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    let copy: PathBuf = directory.join("placet");
    fs::copy(env!("CARGO_BIN_EXE_placet"), &copy).unwrap();
    let nobody = 65_534;
    let mut command = Command::new(&copy);
    command.env_clear().uid(nobody).gid(nobody);
    command.envs([("PLACET_HTTP_LISTEN", "off"), ("PLACET_ADMIN_LISTEN", "off")]);
    let mut trial = Command::new(&copy);
    trial.env_clear().uid(nobody).gid(nobody).arg("--version");
    trial
        .output()
        .is_ok_and(|output| output.status.success())
        .then_some(command)
}

#[tokio::test]
async fn a_directory_that_it_may_not_read_is_told_and_read_once_it_may() {
    let directory = tempfile::tempdir().unwrap();
    let Some(command) = placet_without_powers(directory.path()) else {
        println!("skipped: nobody else can run the binary");
        return;
    };
    let root = directory.path().join("profiles");
    write_profile(&root, "news", GRANTS);
    write_profile(&root, "shop", GRANTS);
    let allow = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    allow(&root, 0o755);
    let daemon = Daemon::start_at(&root, command, &[]);
    let channel = daemon.connect().await;
    // Waiting for the log holds the client up, and who connects and then says nothing is cut off.
    check(&channel, "news").await.unwrap();

    allow(&root.join("news"), 0o000);
    let line = daemon.wait_for("profile is broken, its last good version stays");
    let text = line["diagnostics"].as_str().unwrap();
    assert!(
        text.contains("unreadable-file") && text.contains("Permission denied"),
        "{text}"
    );
    write_profile(&root, "shop", OTHER_GRANTS);
    assert_eq!(daemon.wait_for("profile is served")["profile"], "shop");
    assert!(check(&channel, "news").await.unwrap().snapshot.unwrap().stale);
    allow(&root.join("news"), 0o755);
    let line = daemon.wait_for("profile on disk is the served one again");
    assert_eq!(line["profile"], "news");

    // The same of one file, and of the whole root.
    allow(&root.join("news/grants.json"), 0o000);
    daemon.wait_for("profile is broken, its last good version stays");
    allow(&root.join("news/grants.json"), 0o644);
    daemon.wait_for("profile on disk is the served one again");
    allow(&root, 0o000);
    let line = daemon.wait_for("profiles cannot be read");
    assert!(
        line["reason"].as_str().unwrap().contains("Permission denied"),
        "{line}"
    );
    assert!(check(&channel, "shop").await.unwrap().snapshot.unwrap().stale);
    allow(&root, 0o755);
    daemon.wait_for("profile on disk is the served one again");
    assert!(!check(&channel, "news").await.unwrap().snapshot.unwrap().stale);
}

#[tokio::test]
async fn a_file_that_is_mounted_by_itself_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("profiles");
    write_profile(&root, "news", GRANTS);
    let (other, point) = (directory.path().join("other.json"), root.join("news/grants.json"));
    fs::write(&other, GRANTS).unwrap();
    // In a name space of its own, so that the mount is nobody else's and ends with the daemon.
    let script = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
    let inside = |program: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "sh", "-c", script])
            .args([&other, &point])
            .arg(program);
        command
    };
    if !inside("true").status().is_ok_and(|status| status.success()) {
        println!("skipped: nothing can be mounted here");
        return;
    }
    let mut command = inside(env!("CARGO_BIN_EXE_placet"));
    command.envs([
        ("PLACET_HTTP_LISTEN", "off"),
        ("PLACET_ADMIN_LISTEN", "off"),
        ("PLACET_LISTEN_ALLOW", "decide,status,administer"),
    ]);
    let daemon = Daemon::start_at(&root, command, &[]);
    let channel = daemon.connect().await;
    let told = status(&channel).await.reload.unwrap().frozen_mounts;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("news/grants.json` is mounted by itself"),
        "{told:?}"
    );
}
