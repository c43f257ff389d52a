//! What must hold for any bytes as a request to a daemon that serves the samples; a fuzz target asks it, too.

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
    match pick % CALLS {
        0 => twice(request, |request| service.check(request)),
        1 => twice(request, |request| service.check_batch(request)),
        2 => twice(request, |request| service.list_allowed_actions(request)),
        3 => twice(request, |request| service.list_allowed_transitions(request)),
        4 => twice(request, |request| service.filter_fields(request)),
        _ => twice(request, |request| service.describe_workflow(request)),
    }
}

/// Asks the same request twice.
fn twice<Q: Message + Default, A: Message>(bytes: &[u8], ask: impl Fn(&Q) -> Result<A, Status>) -> bool {
    let Ok(request) = Q::decode(bytes) else {
        return false;
    };
    let [first, second] = [ask(&request), ask(&request)];
    match (first, second) {
        (Ok(first), Ok(second)) => {
            // Each decision has an id of its own, so the answers are as long as each other and not the same.
            assert_eq!(
                first.encoded_len(),
                second.encoded_len(),
                "{request:?}: {first:?} and {second:?}"
            );
        }
        (Err(first), Err(second)) => {
            let meant = [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition];
            assert!(meant.contains(&first.code()), "{request:?}: {first:?}");
            assert_eq!((first.code(), first.message()), (second.code(), second.message()));
        }
        (first, second) => panic!("{request:?}: {first:?} and {second:?}"),
    }
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
