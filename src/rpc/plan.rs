//! `PlanQuery`: the filter that a listing needs.

use tonic::Status;

use super::proto::v1;
use super::violation::Path;
use super::{DecisionService, find, status};
use crate::vocab::limits::PLAN_TARGETS_MAX;

impl DecisionService {
    /// Refuses to plan, which this version cannot; what is wrong with the request is told first.
    ///
    /// # Errors
    ///
    /// A status in any case.
    pub fn plan_query(&self, request: &v1::PlanQueryRequest) -> Result<v1::PlanQueryResponse, Status> {
        let mut decoder = self.decoder();
        let (subject, context) = (request.subject.as_ref(), request.context.as_ref());
        decoder.head(&request.profile, &request.digest, subject, context);
        let action = Path::ROOT.name("action");
        if decoder.name(&action, &request.action).is_empty() {
            decoder.complain(&action, "is empty");
        }
        decoder.name(&Path::ROOT.name("collection"), &request.collection);
        decoder.fields(&Path::ROOT.name("fields"), &request.fields);
        decoder.fields(&Path::ROOT.name("filter_fields"), &request.filter_fields);
        if request.targets.len() > PLAN_TARGETS_MAX {
            decoder.complain(
                &Path::ROOT.name("targets"),
                format!("has more than {PLAN_TARGETS_MAX} entries"),
            );
        }
        decoder
            .finish()
            .map_err(|violations| status::invalid(&violations))?;
        let published = self.store.current();
        find(&published, &request.profile, &request.digest)?;
        Err(status::unimplemented("PlanQuery"))
    }
}
