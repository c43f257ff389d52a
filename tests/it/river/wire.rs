//! What must hold for any bytes as a request to a daemon that serves the samples; a fuzz target asks it, too.

use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use placet::rpc::proto::v1;
use placet::rpc::{Budget, DecisionService};
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use placet::vocab::call::Call;
use prost::Message;
use tonic::{Code, Status};

/// How many calls there are to pick from.
pub(crate) const CALLS: u8 = 7;

/// Asks a call, picked by the first byte, with the rest as its request. Tells whether the bytes were a request at all.
///
/// Requests are read in place; this holds that reading against the one that everybody else uses. What is no message for the
/// one is an error of the other, and what is one is answered as the same message written anew.
pub(crate) fn check_request(bytes: &[u8]) -> bool {
    let Some((pick, request)) = bytes.split_first() else {
        return false;
    };
    match pick % CALLS {
        0 => compare::<v1::CheckRequest, v1::CheckResponse>(Call::Check, request, |answer| {
            answer.decision.iter_mut().for_each(|one| one.id.clear());
        }),
        1 => compare::<v1::CheckBatchRequest, v1::CheckBatchResponse>(Call::CheckBatch, request, |answer| {
            for each in &mut answer.results {
                if let Some(v1::check_result::Result::Decision(decision)) = &mut each.result {
                    decision.id.clear();
                }
            }
        }),
        2 => compare::<v1::ListAllowedActionsRequest, v1::ListAllowedActionsResponse>(
            Call::ListAllowedActions,
            request,
            |answer| {
                for each in &mut answer.actions {
                    each.decision.iter_mut().for_each(|one| one.id.clear());
                }
            },
        ),
        3 => compare::<v1::ListAllowedTransitionsRequest, v1::ListAllowedTransitionsResponse>(
            Call::ListAllowedTransitions,
            request,
            |_| {},
        ),
        4 => {
            compare::<v1::FilterFieldsRequest, v1::FilterFieldsResponse>(Call::FilterFields, request, |_| {})
        }
        5 => compare::<v1::DescribeWorkflowRequest, v1::DescribeWorkflowResponse>(
            Call::DescribeWorkflow,
            request,
            |_| {},
        ),
        _ => compare::<v1::PlanQueryRequest, v1::PlanQueryResponse>(Call::PlanQuery, request, |_| {}),
    }
}

/// Answers bytes, and what the other reader makes of them. Each decision has an id of its own, which `unname` takes away.
fn compare<Q, A>(call: Call, bytes: &[u8], unname: impl Fn(&mut A)) -> bool
where
    Q: Message + Default + Debug,
    A: Message + Default + Debug,
{
    let ask = |bytes: &[u8]| -> Result<A, Status> {
        let mut out = Vec::new();
        service().answer(call, bytes, Budget::default(), &mut out)?;
        let mut answer = A::decode(out.as_slice()).unwrap();
        // Written in place, it is what the generated code would write.
        assert_eq!(answer.encode_to_vec(), out, "{bytes:?}: {answer:?}");
        unname(&mut answer);
        Ok(answer)
    };
    let answer = ask(bytes);
    if let Err(status) = &answer {
        let meant = [
            Code::InvalidArgument,
            Code::NotFound,
            Code::FailedPrecondition,
            Code::Unimplemented,
        ];
        assert!(meant.contains(&status.code()), "{bytes:?}: {status:?}");
    }
    let Ok(request) = Q::decode(bytes) else {
        // A question of a batch that makes no sense anyway fails alone, and is not read any further.
        assert!(
            answer.is_err() || call == Call::CheckBatch,
            "{bytes:?}: {answer:?}"
        );
        return false;
    };
    let again = ask(&request.encode_to_vec());
    // As text, because a number that is none does not equal itself; and of complaints the first may be another one, since
    // attributes have no order.
    let shown = |answer: &Result<A, Status>| match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(status) => format!("{:?}", status.code()),
    };
    assert_eq!(shown(&answer), shown(&again), "{bytes:?}: {request:?}");
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
