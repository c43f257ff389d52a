//! `ListAllowedActions`: every action that the profile knows, decided as `Check` would.

use tonic::Status;

use super::check::Decided;
use super::describe::title;
use super::encode::Detail;
use super::out::Out;
use super::proto::fields as field;
use super::proto::v1;
use super::trace::Account;
use super::violation::{Path, Violations};
use super::{DecisionService, convert, find, outlook, status, write_snapshot};
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
        self.ask(Call::ListAllowedActions, request)
    }

    /// Does the same with a request as it comes over the wire.
    pub(super) fn write_allowed_actions(&self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Status> {
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
        write_snapshot(out, field::list_allowed_actions_response::SNAPSHOT, snapshot);
        // The same question with the action in it, for what needs the whole question.
        let mut asked = query.clone();
        let mut budget = Trials::of_request();
        for (id, decision) in decisions {
            let Some(action) = model.action(id) else { continue };
            let name = model.action_names.name(id.index());
            asked.action = name;
            let decided = if request.explain && self.detail == Detail::Full {
                encoder.decide(&asked, true, &mut budget).map_err(malformed)?
            } else {
                Decided {
                    outlook: outlook(model, &asked, &decision, self.detail, &mut budget),
                    account: Account::silent(request.explain),
                    decision,
                }
            };
            out.part(field::list_allowed_actions_response::ACTIONS, |out| {
                use field::action_decision as to;
                out.text(to::ACTION, name);
                encoder.trace(out, to::TRACE, &asked, &decided);
                self.write_decision(out, to::DECISION, &encoder, &asked, &decided);
                out.text(to::TITLE, title(&action.title, "", name));
                out.word(to::OPERATION, convert::operation(action.operation));
            });
        }
        Ok(())
    }
}
