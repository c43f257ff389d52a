//! `PlanQuery`: the filter that a listing needs.

use tonic::Status;

use super::proto::v1;
use super::violation::Path;
use super::wire::Bounded;
use super::{DecisionService, find, status};
use crate::vocab::call::Call;
use crate::vocab::limits::PLAN_TARGETS_MAX;

impl DecisionService {
    /// Refuses to plan, which this version cannot; what is wrong with the request is told first.
    ///
    /// # Errors
    ///
    /// A status in any case.
    pub fn plan_query(&self, request: &v1::PlanQueryRequest) -> Result<v1::PlanQueryResponse, Status> {
        self.ask(Call::PlanQuery, request)
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn write_plan(&self, bytes: &[u8]) -> Result<(), Status> {
        let mut collection = "";
        let mut targets: Bounded<i32, PLAN_TARGETS_MAX> = Bounded::default();
        let request = self.read(bytes, &[1..=6, 8..=8, 12..=12], |field| {
            match field.number {
                13 => collection = field.text()?,
                15 => field.shorts(|target| targets.push(target))?,
                _ => {}
            }
            Ok(())
        })?;
        let mut decoder = self.decoder();
        decoder.head(&request);
        let action = Path::ROOT.name("action");
        if decoder.name(&action, request.action).is_empty() {
            decoder.complain(&action, "is empty");
        }
        decoder.name(&Path::ROOT.name("collection"), collection);
        decoder.fields(&Path::ROOT.name("fields"), &request.fields);
        decoder.fields(&Path::ROOT.name("filter_fields"), &request.filter_fields);
        if targets.is_too_long() {
            decoder.complain(
                &Path::ROOT.name("targets"),
                format!("has more than {PLAN_TARGETS_MAX} entries"),
            );
        }
        decoder.finish()?;
        let published = self.store.current();
        find(&published, request.name, request.digest)?;
        Err(status::unimplemented("PlanQuery"))
    }
}
