//! From the wire to the engine's question: borrowed from the message, checked against every limit.
//!
//! INVARIANT: nothing here recurses before the depth is checked, nor gathers before the count is.

use std::borrow::Cow;

use jiff::Timestamp;

use super::proto::v1;
use super::violation::{Path, Violations};
use crate::engine::query::{
    Ancestor, Approval, Context, Holder, LocalRoles, Names, Owner, Query, Resource, Subject,
};
use crate::source::diagnostic::quote;
use crate::vocab::limits::{
    ANCESTORS_MAX, APPROVALS_MAX, ATTRIBUTE_DEPTH_MAX, ATTRIBUTE_VALUES_MAX, CLAIMED_GROUPS_MAX,
    CLAIMED_ROLES_MAX, CONTENT_DIGEST_BYTES_MAX, EXPLANATION_BYTES_MAX, LIST_ENTRIES_MAX, LOCAL_ROLES_MAX,
    NAME_BYTES_MAX,
};
use crate::vocab::network::Address;
use crate::vocab::value::{Object, Value};

/// Reads the parts of a request and collects what is wrong with them.
#[derive(Debug)]
pub(super) struct Decoder {
    now: Timestamp,
    violations: Violations,
}

/// The parts of a question that `CheckRequest` and `CheckItem` share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The action.
    pub(super) action: &'a str,
    /// The item.
    pub(super) resource: Option<&'a v1::Resource>,
    /// Fields that are read or written.
    pub(super) fields: &'a [String],
    /// Proposed values.
    pub(super) changes: Option<&'a prost_types::Struct>,
    /// The state afterwards.
    pub(super) to_state: &'a str,
    /// The transition.
    pub(super) transition: &'a str,
    /// Fields by which the request selects or sorts.
    pub(super) filter_fields: &'a [String],
}

impl Decoder {
    /// Starts with nothing to complain about; `now` is the time of requests that name none.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            violations: Violations::default(),
        }
    }

    /// Ends with what was wrong, if anything was.
    ///
    /// # Errors
    /// Fails with every complaint that was collected.
    pub(super) fn finish(self) -> Result<(), Violations> {
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(self.violations)
        }
    }

    /// Takes what was wrong so far and goes on with nothing to complain about.
    ///
    /// # Errors
    /// Fails with every complaint that was collected since the last time.
    pub(super) fn settle(&mut self) -> Result<(), Violations> {
        let violations = std::mem::take(&mut self.violations);
        if violations.is_empty() {
            Ok(())
        } else {
            Err(violations)
        }
    }

    /// Complains about a part of the request.
    pub(super) fn complain(&mut self, path: &Path<'_>, description: impl Into<String>) {
        self.violations.add(path, description);
    }

    /// Reads what all requests have: which profile shall answer, who asks, and from where.
    pub(super) fn head<'a>(
        &mut self,
        profile: &str,
        digest: &str,
        subject: Option<&'a v1::Subject>,
        context: Option<&'a v1::Context>,
    ) -> Query<'a> {
        self.name(&Path::ROOT.name("profile"), profile);
        self.name(&Path::ROOT.name("digest"), digest);
        let mut query = Query::at(self.now);
        query.subject = self.subject(&Path::ROOT.name("subject"), subject);
        query.context = self.context(&Path::ROOT.name("context"), context);
        query
    }

    /// Reads what is asked into a question that already knows who asks.
    pub(super) fn question<'a>(&mut self, path: &Path<'_>, from: Question<'a>, query: &mut Query<'a>) {
        query.action = self.name(&path.name("action"), from.action);
        query.resource = self.resource(&path.name("resource"), from.resource);
        query.fields = self.fields(&path.name("fields"), from.fields);
        query.changes = self.object(&path.name("changes"), from.changes);
        query.to_state = self.name(&path.name("to_state"), from.to_state);
        query.transition = self.name(&path.name("transition"), from.transition);
        query.filter_fields = self.fields(&path.name("filter_fields"), from.filter_fields);
    }

    /// Reads who asks.
    pub(super) fn subject<'a>(&mut self, path: &Path<'_>, from: Option<&'a v1::Subject>) -> Subject<'a> {
        let Some(from) = from else {
            return Subject::default();
        };
        Subject {
            id: self.name(&path.name("id"), &from.id),
            roles: self.names(&path.name("roles"), &from.roles, CLAIMED_ROLES_MAX),
            groups: self.names(&path.name("groups"), &from.groups, CLAIMED_GROUPS_MAX),
            attributes: self.object(&path.name("attributes"), from.attributes.as_ref()),
        }
    }

    /// Reads the circumstances.
    pub(super) fn context<'a>(&mut self, path: &Path<'_>, from: Option<&'a v1::Context>) -> Context<'a> {
        let Some(from) = from else {
            return Query::at(self.now).context;
        };
        let ip_path = path.name("ip");
        let ip = self.name(&ip_path, &from.ip);
        if !ip.is_empty() && Address::parse(ip).is_none() {
            self.complain(&ip_path, format!("{} is no IPv4 or IPv6 address", quote(ip)));
        }
        if from.explanation.len() > EXPLANATION_BYTES_MAX {
            let path = path.name("explanation");
            self.complain(&path, format!("has more than {EXPLANATION_BYTES_MAX} bytes"));
        }
        Context {
            ip,
            now: self.moment(&path.name("now"), from.now.as_ref()),
            explanation: &from.explanation,
            approvals: self.list(
                &path.name("approvals"),
                &from.approvals,
                APPROVALS_MAX,
                Self::approval,
            ),
            comment_author_id: self.name(&path.name("comment_author_id"), &from.comment_author_id),
            attributes: self.object(&path.name("attributes"), from.attributes.as_ref()),
        }
    }

    /// Reads what the question is about.
    pub(super) fn resource<'a>(&mut self, path: &Path<'_>, from: Option<&'a v1::Resource>) -> Resource<'a> {
        let Some(from) = from else {
            return Resource::default();
        };
        Resource {
            collection: self.name(&path.name("collection"), &from.collection),
            id: self.name(&path.name("id"), &from.id),
            state: self.name(&path.name("state"), &from.state),
            owner: self.owner(&path.name("owner"), from.owner.as_ref()),
            attributes: self.object(&path.name("attributes"), from.attributes.as_ref()),
            local_roles: self.local_roles(&path.name("local_roles"), &from.local_roles),
            block_inheritance: from.block_inheritance,
            ancestors: self.list(
                &path.name("ancestors"),
                &from.ancestors,
                ANCESTORS_MAX,
                Self::ancestor,
            ),
            content_digest: self.text(
                &path.name("content_digest"),
                &from.content_digest,
                CONTENT_DIGEST_BYTES_MAX,
            ),
            any_item: from.any_item,
        }
    }

    /// Reads names of fields.
    pub(super) fn fields<'a>(&mut self, path: &Path<'_>, from: &'a [String]) -> Names<'a> {
        let names = self.names(path, from, LIST_ENTRIES_MAX);
        for (index, name) in names.iter().enumerate() {
            if name.is_empty() {
                self.complain(&path.index(index), "is empty");
            }
        }
        names
    }

    /// Reads a name, an id or a path.
    pub(super) fn name<'a>(&mut self, path: &Path<'_>, text: &'a str) -> &'a str {
        self.text(path, text, NAME_BYTES_MAX)
    }

    /// Reads named values.
    pub(super) fn object<'a>(
        &mut self,
        path: &Path<'_>,
        from: Option<&'a prost_types::Struct>,
    ) -> Object<'a> {
        let Some(from) = from else {
            return Object::default();
        };
        let mut values = Values {
            decoder: self,
            left: ATTRIBUTE_VALUES_MAX,
        };
        match values.object(path, from, ATTRIBUTE_DEPTH_MAX) {
            Some(object) => object,
            None => {
                self.complain(path, format!("has more than {ATTRIBUTE_VALUES_MAX} values"));
                Object::default()
            }
        }
    }

    fn approval<'a>(&mut self, path: &Path<'_>, from: &'a v1::Approval) -> Approval<'a> {
        if from.subject_id.is_empty() {
            self.complain(&path.name("subject_id"), "is empty");
        }
        Approval {
            subject_id: self.name(&path.name("subject_id"), &from.subject_id),
            roles: self.names(&path.name("roles"), &from.roles, CLAIMED_ROLES_MAX),
            transition: self.name(&path.name("transition"), &from.transition),
            content_digest: self.text(
                &path.name("content_digest"),
                &from.content_digest,
                CONTENT_DIGEST_BYTES_MAX,
            ),
        }
    }

    fn owner<'a>(&mut self, path: &Path<'_>, from: Option<&'a v1::Owner>) -> Owner<'a> {
        let Some(from) = from else { return Owner::default() };
        Owner {
            id: self.name(&path.name("id"), &from.id),
            roles: self.names(&path.name("roles"), &from.roles, CLAIMED_ROLES_MAX),
        }
    }

    fn ancestor<'a>(&mut self, path: &Path<'_>, from: &'a v1::Ancestor) -> Ancestor<'a> {
        // Nothing is decided by these, but what is malformed is refused all the same.
        self.name(&path.name("collection"), &from.collection);
        self.name(&path.name("state"), &from.state);
        self.owner(&path.name("owner"), from.owner.as_ref());
        Ancestor {
            id: self.name(&path.name("id"), &from.id),
            local_roles: self.local_roles(&path.name("local_roles"), &from.local_roles),
            block_inheritance: from.block_inheritance,
        }
    }

    fn local_roles<'a>(&mut self, path: &Path<'_>, from: &'a [v1::LocalRole]) -> Vec<LocalRoles<'a>> {
        self.list(path, from, LOCAL_ROLES_MAX, |decoder, path, local| {
            let holder = match &local.holder {
                Some(v1::local_role::Holder::SubjectId(id)) => {
                    Holder::User(decoder.name(&path.name("subject_id"), id))
                }
                Some(v1::local_role::Holder::Group(name)) => {
                    Holder::Group(decoder.name(&path.name("group"), name))
                }
                None => {
                    decoder.complain(
                        &path.name("holder"),
                        "is not set: name a `subject_id` or a `group`",
                    );
                    Holder::User("")
                }
            };
            LocalRoles {
                holder,
                roles: decoder.names(&path.name("roles"), &local.roles, CLAIMED_ROLES_MAX),
            }
        })
    }

    fn moment(&mut self, path: &Path<'_>, from: Option<&prost_types::Timestamp>) -> Timestamp {
        let Some(from) = from else { return self.now };
        let moment = Timestamp::new(from.seconds, from.nanos).ok();
        match moment.filter(|moment| from.nanos >= 0 && WIRE_YEARS.contains(&moment.as_second())) {
            Some(moment) => moment,
            None => {
                self.complain(path, "is no moment in the years 1 to 9999");
                self.now
            }
        }
    }

    fn names<'a>(&mut self, path: &Path<'_>, from: &'a [String], max: usize) -> Names<'a> {
        if !self.fits(path, from.len(), max) {
            return Names::new();
        }
        from.iter()
            .enumerate()
            .map(|(index, name)| self.name(&path.index(index), name))
            .collect()
    }

    fn list<'a, F, T>(
        &mut self,
        path: &Path<'_>,
        from: &'a [F],
        max: usize,
        decode: impl Fn(&mut Self, &Path<'_>, &'a F) -> T,
    ) -> Vec<T> {
        if !self.fits(path, from.len(), max) {
            return Vec::new();
        }
        from.iter()
            .enumerate()
            .map(|(index, each)| decode(self, &path.index(index), each))
            .collect()
    }

    fn fits(&mut self, path: &Path<'_>, count: usize, max: usize) -> bool {
        if count > max {
            self.complain(path, format!("has more than {max} entries"));
        }
        count <= max
    }

    fn text<'a>(&mut self, path: &Path<'_>, text: &'a str, max: usize) -> &'a str {
        if text.len() > max {
            self.complain(path, format!("has more than {max} bytes"));
        } else if has_control(text) {
            self.complain(path, "has a control character");
        }
        text
    }
}

/// The seconds of the moments that the wire can tell: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const WIRE_YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Tells whether a text has a control character, those beyond ASCII included.
fn has_control(text: &str) -> bool {
    // Nearly all names are plain ASCII, which is told byte by byte.
    if text.is_ascii() {
        text.bytes().any(|byte| byte.is_ascii_control())
    } else {
        text.chars().any(char::is_control)
    }
}

/// Reads values and counts them.
struct Values<'d> {
    decoder: &'d mut Decoder,
    left: usize,
}

impl Values<'_> {
    /// Reads an object; `None` as soon as there are too many values.
    fn object<'a>(
        &mut self,
        path: &Path<'_>,
        from: &'a prost_types::Struct,
        depth: usize,
    ) -> Option<Object<'a>> {
        self.left = self.left.checked_sub(from.fields.len())?;
        let mut entries = Vec::with_capacity(from.fields.len());
        for (name, value) in &from.fields {
            let path = path.name(name);
            self.decoder.name(&path, name);
            entries.push((Cow::Borrowed(name.as_str()), self.value(&path, value, depth - 1)?));
        }
        Some(Object::new(entries))
    }

    /// Reads a value that may hold so many more levels of objects and lists.
    fn value<'a>(
        &mut self,
        path: &Path<'_>,
        from: &'a prost_types::Value,
        depth: usize,
    ) -> Option<Value<'a>> {
        use prost_types::value::Kind;
        Some(match &from.kind {
            Some(Kind::NullValue(_)) => Value::Null,
            Some(Kind::BoolValue(value)) => Value::Bool(*value),
            Some(Kind::NumberValue(value)) if value.is_finite() => Value::Number(*value),
            Some(Kind::NumberValue(_)) => {
                self.decoder.complain(path, "is no finite number");
                Value::Null
            }
            Some(Kind::StringValue(value)) => Value::Text(Cow::Borrowed(value)),
            Some(Kind::StructValue(_) | Kind::ListValue(_)) if depth == 0 => {
                self.decoder
                    .complain(path, format!("is nested more than {ATTRIBUTE_DEPTH_MAX} deep"));
                Value::Null
            }
            Some(Kind::StructValue(value)) => Value::Object(self.object(path, value, depth)?),
            Some(Kind::ListValue(list)) => {
                self.left = self.left.checked_sub(list.values.len())?;
                let mut values = Vec::with_capacity(list.values.len());
                for (index, value) in list.values.iter().enumerate() {
                    values.push(self.value(&path.index(index), value, depth - 1)?);
                }
                Value::List(values)
            }
            None => {
                self.decoder.complain(path, "has no kind");
                Value::Null
            }
        })
    }
}

/// Returns the circumstances of one question of a batch: its own, and where it is silent the common ones.
pub(super) fn lay_over<'a>(common: &Context<'a>, own: Context<'a>, names_time: bool) -> Context<'a> {
    let text = |own: &'a str, common: &'a str| if own.is_empty() { common } else { own };
    Context {
        ip: text(own.ip, common.ip),
        now: if names_time { own.now } else { common.now },
        explanation: text(own.explanation, common.explanation),
        approvals: if own.approvals.is_empty() {
            common.approvals.clone()
        } else {
            own.approvals
        },
        comment_author_id: text(own.comment_author_id, common.comment_author_id),
        attributes: if common.attributes.is_empty() {
            own.attributes
        } else {
            // Of two entries with one name the last is kept.
            let mut entries = common.attributes.clone().into_entries();
            entries.extend(own.attributes.into_entries());
            Object::new(entries)
        },
    }
}
