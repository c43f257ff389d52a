//! What must hold for any bytes as a request to a daemon that serves the samples; a fuzz target asks it, too.

use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use placet::rpc::DecisionService;
use placet::rpc::proto::v1;
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use prost::Message;
use tonic::{Code, Status};

/// How many calls there are to pick from.
pub(crate) const CALLS: u8 = 6;

/// Asks a call, picked by the first byte, with the rest as its request. Tells whether the bytes were a request at all.
pub(crate) fn check_request(bytes: &[u8]) -> bool {
    let Some((pick, request)) = bytes.split_first() else {
        return false;
    };
    let service = service();
    // Each decision has an id of its own; without it the same question has the same answer.
    let unnamed = |decision: Option<&mut v1::Decision>| decision.into_iter().for_each(|one| one.id.clear());
    match pick % CALLS {
        0 => twice(request, |request| {
            let mut answer = service.check(request)?;
            unnamed(answer.decision.as_mut());
            Ok(answer)
        }),
        1 => twice(request, |request| {
            let mut answer = service.check_batch(request)?;
            for each in &mut answer.results {
                if let Some(v1::check_result::Result::Decision(decision)) = &mut each.result {
                    unnamed(Some(decision));
                }
            }
            Ok(answer)
        }),
        2 => twice(request, |request| {
            let mut answer = service.list_allowed_actions(request)?;
            answer
                .actions
                .iter_mut()
                .for_each(|each| unnamed(each.decision.as_mut()));
            Ok(answer)
        }),
        3 => twice(request, |request| service.list_allowed_transitions(request)),
        4 => twice(request, |request| service.filter_fields(request)),
        _ => twice(request, |request| service.describe_workflow(request)),
    }
}

/// Asks the same request twice.
fn twice<Q: Message + Default + Debug, A: Debug>(
    bytes: &[u8],
    ask: impl Fn(&Q) -> Result<A, Status>,
) -> bool {
    let Ok(request) = Q::decode(bytes) else {
        return false;
    };
    let [first, second] = [ask(&request), ask(&request)];
    if let Err(status) = &first {
        let meant = [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition];
        assert!(meant.contains(&status.code()), "{request:?}: {status:?}");
    }
    // As text, because a number that is none does not equal itself.
    let shown = |answer: Result<A, Status>| {
        format!(
            "{:?}",
            answer.map_err(|status| (status.code(), status.message().to_owned()))
        )
    };
    assert_eq!(shown(first), shown(second), "{request:?}");
    true
}

fn service() -> &'static DecisionService {
    static SERVICE: OnceLock<DecisionService> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let policies = here
            .ancestors()
            .map(|folder| folder.join("policies"))
            .find(|folder| folder.is_dir());
        let store = Arc::new(PolicyStore::new(Some("newsroom")));
        let config = ReloadConfig::new(policies.expect("the samples are in the repository"));
        let (mut reloader, _rounds) = Reloader::new(config, Arc::clone(&store));
        reloader.reload();
        assert!(store.current().is_ready(), "the samples are not served");
        // A fixed clock, so that the same question has the same answer.
        DecisionService::new(store, || Timestamp::UNIX_EPOCH)
    })
}
