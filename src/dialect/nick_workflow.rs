//! Workflows of Nick in words of the neutral policy. Nick checks nothing in them, so everything may be anything.

use crate::policy::grant::{Held, Selection};
use crate::policy::workflow::{State, Target, Transition, Workflow};
use crate::policy::{Selector, Title};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, did_you_mean, quote};
use crate::source::json::{Json, Member};
use crate::source::span::{Span, Spanned};

use super::Mode;
use super::nick_entry::{is_truthy, text_of, wrong_type};
use super::nick_lower::{Lowering, VIEW, join, only, title};
use super::nick_merge::array_index;
use super::nick_site::WorkflowRow;

impl Lowering<'_> {
    /// Lowers one workflow and what its states allow.
    pub(super) fn lower_workflow(&mut self, row: &WorkflowRow) {
        let Some(json) = row.entry.get("json") else { return };
        let states = self.members_of(json, "states");
        let members = self.members_of(json, "transitions");
        let transitions = self.lower_transitions(members, states);
        let mut lowered = Vec::with_capacity(states.len());
        for member in states {
            let offers = self.lower_offers(&member.value, members, &transitions);
            let id = member.key.clone();
            let (text, description) = (
                text_of(&member.value, "title"),
                text_of(&member.value, "description"),
            );
            lowered.push(state(
                id,
                text,
                description,
                offers,
                member.key.span.to(member.value.span),
            ));
        }
        for transition in &transitions {
            // Only mode `exact` gets here with a target that is no state.
            if let Target::State(target) = &transition.to
                && lowered.iter().all(|state: &State| state.id.value != target.value)
            {
                lowered.push(state(target.clone(), None, None, Vec::new(), target.span));
            }
        }
        let initial_state = self.lower_initial_state(json, states);
        let collections: Vec<Spanned<String>> = self
            .policy
            .collections
            .iter()
            .filter(|kind| {
                kind.workflow
                    .as_ref()
                    .is_some_and(|workflow| workflow.value == row.id.value)
            })
            .map(|kind| kind.id.clone())
            .collect();
        for member in states {
            self.lower_permissions(member, &collections);
        }
        self.policy.workflows.push(Workflow {
            id: row.id.clone(),
            title: title(text_of(&row.entry, "title").map(str::to_owned)),
            description: title(text_of(&row.entry, "description").map(str::to_owned)),
            initial_state,
            closed: true,
            states: lowered,
            transitions,
            origin: row.entry.span,
        });
    }

    fn members_of<'j>(&mut self, json: &'j Json, key: &str) -> &'j [Member] {
        match json.get(key) {
            None => &[],
            Some(value) => value.as_object().unwrap_or_else(|| {
                if is_truthy(value) {
                    self.pass_over(value, "an object");
                }
                &[]
            }),
        }
    }

    /// Says that Nick reads nothing where something else stands than belongs there.
    fn pass_over(&mut self, value: &Json, expected: &str) {
        self.diagnostics.push(
            wrong_type(value, expected)
                .severity(Severity::Warning)
                .help("Nick passes over it without a word"),
        );
    }

    fn lower_initial_state(&mut self, json: &Json, states: &[Member]) -> Option<Spanned<String>> {
        let value = json.get("initial_state")?;
        let Some(text) = value.as_text() else {
            self.pass_over(value, "text");
            return None;
        };
        let id = Spanned {
            value: text.to_owned(),
            span: value.span,
        };
        if states.iter().any(|state| state.key.value == text) {
            return Some(id);
        }
        let help = "Nick fails when a document of such a type is made";
        self.diagnostics
            .push(unknown_state(&id, states).severity(Severity::Warning).help(help));
        None
    }

    fn lower_transitions(&mut self, members: &[Member], states: &[Member]) -> Vec<Transition> {
        let mut transitions = Vec::with_capacity(members.len());
        for member in members {
            if member.value.as_object().is_none() {
                self.pass_over(&member.value, "an object");
                continue;
            }
            transitions.extend(self.lower_transition(member, states));
        }
        transitions
    }

    fn lower_transition(&mut self, member: &Member, states: &[Member]) -> Option<Transition> {
        let exact = self.mode == Mode::Exact;
        let to = self.lower_target(member, states);
        let mut actions = Vec::new();
        // Nick lets a transition be executed from any state, whatever the states offer.
        let mut from = exact.then_some(Selector::Any);
        match member.value.get("permission") {
            None => {
                let message = format!(
                    "the transition {} asks for no permission",
                    quote(&member.key.value)
                );
                let help = if exact {
                    "anybody may execute it, visitors too; Nick never lists it"
                } else {
                    "in Nick anybody may execute it; it is left out here"
                };
                let diagnostic = Diagnostic::new(Code::MissingKey, member.key.span, message);
                self.diagnostics
                    .push(diagnostic.severity(Severity::Warning).help(help));
            }
            Some(permission) => match permission.as_text().filter(|text| !text.is_empty()) {
                Some(text) => {
                    let action = Spanned {
                        value: text.to_owned(),
                        span: permission.span,
                    };
                    self.name_permission(&action, "Nick asks for it all the same, and a state may give it");
                    actions.push(action);
                }
                None => {
                    let diagnostic =
                        wrong_type(permission, "the id of a permission").severity(Severity::Warning);
                    self.diagnostics
                        .push(diagnostic.help("nobody can have it, so nobody can execute the transition"));
                    from = Some(Selector::Only(Vec::new()));
                }
            },
        }
        let listed = !actions.is_empty();
        if !listed && !exact {
            return None;
        }
        Some(Transition {
            id: member.key.clone(),
            title: title(text_of(&member.value, "title").map(str::to_owned)),
            description: Title::default(),
            to: to?,
            actions,
            from,
            listed,
            when: None,
            explain: false,
            opens: None,
            closes: None,
            approvals: Vec::new(),
            origin: member.key.span.to(member.value.span),
        })
    }

    /// A target that is missing or no state makes the execution fail in Nick, after the permission was found in order.
    fn lower_target(&mut self, member: &Member, states: &[Member]) -> Option<Target> {
        let severity = match self.mode {
            Mode::Strict => Severity::Error,
            Mode::Exact => Severity::Warning,
        };
        let Some(value) = member.value.get("new_state") else {
            let message = format!(
                "the transition {} lacks {}",
                quote(&member.key.value),
                quote("new_state")
            );
            let diagnostic = Diagnostic::new(Code::MissingKey, member.value.span, message).severity(severity);
            self.diagnostics
                .push(diagnostic.help("Nick fails when somebody executes it"));
            return Some(Target::Unknown);
        };
        let Some(text) = value.as_text() else {
            self.diagnostics
                .push(wrong_type(value, "the id of a state").severity(severity));
            return Some(Target::Unknown);
        };
        let id = Spanned {
            value: text.to_owned(),
            span: value.span,
        };
        if states.iter().all(|state| state.key.value != text) {
            let mut diagnostic = unknown_state(&id, states).severity(severity);
            if diagnostic.help.is_none() {
                diagnostic.help = Some("Nick fails when somebody executes the transition".to_owned());
            }
            self.diagnostics.push(diagnostic);
        }
        Some(Target::State(id))
    }

    /// The offers in the order in which Nick lists them: ids that are whole numbers first, then as they are written.
    fn lower_offers(
        &mut self,
        state: &Json,
        members: &[Member],
        transitions: &[Transition],
    ) -> Vec<Spanned<String>> {
        let Some(value) = state.get("transitions").filter(|value| is_truthy(value)) else {
            return Vec::new();
        };
        let Some(values) = value.as_list() else {
            self.pass_over(value, "a list");
            return Vec::new();
        };
        let mut offers: Vec<Spanned<String>> = Vec::with_capacity(values.len());
        for value in values {
            let Some(text) = value.as_text() else {
                self.pass_over(value, "text");
                continue;
            };
            if offers.iter().any(|offer| offer.value == text) {
                continue;
            }
            if transitions.iter().any(|transition| transition.id.value == text) {
                offers.push(Spanned {
                    value: text.to_owned(),
                    span: value.span,
                });
            } else if members.iter().all(|member| member.key.value != text) {
                let message = format!(
                    "there is no transition {}, and Nick does not list it",
                    quote(text)
                );
                let diagnostic = Diagnostic::new(Code::AcceptedUnknown, value.span, message);
                let known = members.iter().map(|member| member.key.value.as_str());
                self.diagnostics.push(match did_you_mean(text, known) {
                    Some(near) => diagnostic.help(format!("did you mean {}?", quote(near))),
                    None => diagnostic,
                });
            }
        }
        offers.sort_by_key(|offer| array_index(&offer.value).unwrap_or(usize::MAX));
        offers
    }

    fn lower_permissions(&mut self, state: &Member, collections: &[Spanned<String>]) {
        let Some(map) = state.value.get("permissions") else {
            let message = format!(
                "the state {} has no {}",
                quote(&state.key.value),
                quote("permissions")
            );
            let diagnostic =
                Diagnostic::new(Code::MissingKey, state.key.span, message).severity(Severity::Warning);
            self.diagnostics
                .push(diagnostic.help("Nick fails when a document moves into it"));
            return;
        };
        let Some(roles) = map.as_object() else {
            self.pass_over(map, "an object");
            return;
        };
        for role in roles {
            let (permissions, found) = self.read_permissions(&role.value);
            if permissions.is_empty() {
                continue;
            }
            for permission in &permissions {
                self.name_permission(permission, "Nick gives it all the same");
            }
            if !self.know_role(&role.key) {
                let message = format!("there is no role {}", quote(&role.key.value));
                let diagnostic = Diagnostic::new(Code::AcceptedUnknown, role.key.span, message);
                let near = did_you_mean(&role.key.value, self.site.roles.ids());
                self.diagnostics.push(match near {
                    Some(near) => diagnostic.help(format!("did you mean {}?", quote(near))),
                    None => diagnostic,
                });
            }
            if collections.is_empty() {
                continue;
            }
            let selection = Selection {
                roles: only(role.key.clone()),
                collections: Selector::Only(collections.to_vec()),
                states: only(state.key.clone()),
                ..Selection::default()
            };
            let origin = role.key.span.to(join(&permissions).unwrap_or(role.key.span));
            self.allow(&selection, &permissions, origin);
            if found {
                self.allow_listing(
                    Selection {
                        held: Held::Site,
                        ..selection
                    },
                    origin,
                );
            }
        }
    }

    /// Reads what a state gives to a role, and whether listings find the document for it: Nick looks for `View` in
    /// whatever stands there, in text as well.
    fn read_permissions(&mut self, value: &Json) -> (Vec<Spanned<String>>, bool) {
        let mut permissions: Vec<Spanned<String>> = Vec::new();
        if let Some(text) = value.as_text().filter(|text| !text.is_empty()) {
            let diagnostic = wrong_type(value, "a list").severity(Severity::Warning);
            self.diagnostics
                .push(diagnostic.help("Nick takes the text as the only permission"));
            return (
                vec![Spanned {
                    value: text.to_owned(),
                    span: value.span,
                }],
                text.contains(VIEW),
            );
        }
        match value.as_list() {
            None if is_truthy(value) => self.pass_over(value, "a list"),
            None => {}
            Some(values) => {
                for value in values {
                    match value.as_text() {
                        None if value.is_null() => {}
                        None => self.pass_over(value, "text"),
                        Some(text) if permissions.iter().any(|other| other.value == text) => {}
                        Some(text) => permissions.push(Spanned {
                            value: text.to_owned(),
                            span: value.span,
                        }),
                    }
                }
            }
        }
        let found = permissions.iter().any(|permission| permission.value == VIEW);
        (permissions, found)
    }

    /// Makes a permission an action that only a workflow names, and says so.
    fn name_permission(&mut self, id: &Spanned<String>, help: &str) {
        if self.site.permissions.find(&id.value).is_none() {
            let message = format!("there is no permission {}", quote(&id.value));
            let mut diagnostic =
                Diagnostic::new(Code::UnknownPermission, id.span, message).severity(Severity::Warning);
            diagnostic.help = Some(match did_you_mean(&id.value, self.site.permissions.ids()) {
                Some(near) => format!("did you mean {}? {help}", quote(near)),
                None => help.to_owned(),
            });
            self.diagnostics.push(diagnostic);
        }
        self.know_action(id, None);
    }
}

fn unknown_state(id: &Spanned<String>, states: &[Member]) -> Diagnostic {
    let message = format!("there is no state {}", quote(&id.value));
    let diagnostic = Diagnostic::new(Code::UnknownState, id.span, message);
    match did_you_mean(&id.value, states.iter().map(|state| state.key.value.as_str())) {
        Some(near) => diagnostic.help(format!("did you mean {}?", quote(near))),
        None => diagnostic,
    }
}

fn state(
    id: Spanned<String>,
    text: Option<&str>,
    description: Option<&str>,
    transitions: Vec<Spanned<String>>,
    origin: Span,
) -> State {
    let title = title(text.map(str::to_owned));
    let description = Title {
        text: description.map(str::to_owned),
        ..Title::default()
    };
    State {
        id,
        title,
        description,
        transitions,
        origin,
    }
}
