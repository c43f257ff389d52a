//! `ListAllowedActions`: every action that the profile knows, decided as `Check` would.

use prost::Message;
use tonic::Status;

use super::describe::title;
use super::encode::Detail;
use super::proto::v1;
use super::violation::{Path, Violations};
use super::{DecisionService, convert, find, outlook, snapshot_info, status};
use crate::engine::actions;
use crate::engine::missing::Trials;
use crate::vocab::call::Call;

impl DecisionService {
    /// Decides every known action on one item.
    ///
    /// # Errors
    ///
    /// A status if the request makes no sense, or no profile can answer it.
    pub fn list_allowed_actions(
        &self,
        request: &v1::ListAllowedActionsRequest,
    ) -> Result<v1::ListAllowedActionsResponse, Status> {
        self.list_allowed_actions_bytes(&request.encode_to_vec())
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn list_allowed_actions_bytes(
        &self,
        bytes: &[u8],
    ) -> Result<v1::ListAllowedActionsResponse, Status> {
        let request = self.read(bytes, &[1..=5, 7..=7], |_| Ok(()))?;
        let mut decoder = self.decoder();
        let mut query = decoder.head(&request);
        query.resource = decoder.resource(&Path::ROOT.name("resource"), &request.resource);
        decoder.finish()?;

        let published = self.store.current();
        let snapshot = find(&published, request.name, request.digest)?;
        let (model, encoder) = (&*snapshot.model, self.encoder(snapshot, Call::ListAllowedActions));
        let malformed = |error| status::invalid(&Violations::of_query(&Path::ROOT, &error));
        let decisions = actions::list(model, &query).map_err(malformed)?;
        let mut listed = Vec::with_capacity(decisions.len());
        // The same question with the action in it, for what needs the whole question.
        let mut asked = query.clone();
        let mut budget = Trials::of_request();
        for (id, decision) in decisions {
            let Some(action) = model.action(id) else { continue };
            let name = model.action_names.name(id.index());
            asked.action = name;
            let (decision, trace) = if request.explain && self.detail == Detail::Full {
                self.decide(&encoder, &asked, true, &mut budget)
                    .map_err(malformed)?
            } else {
                let outlook = outlook(model, &asked, &decision, self.detail, &mut budget);
                let decision = encoder.decision(self.ids.next(), &asked, &decision, &outlook);
                (decision, request.explain.then(super::encode::Encoder::withheld))
            };
            listed.push(v1::ActionDecision {
                action: name.to_owned(),
                trace,
                decision: Some(decision),
                title: title(&action.title, "", name),
                operation: convert::operation(action.operation).into(),
            });
        }
        Ok(v1::ListAllowedActionsResponse {
            snapshot: Some(snapshot_info(snapshot)),
            actions: listed,
        })
    }
}
