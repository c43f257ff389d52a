//! From the wire to the engine's question: who asks, and under which circumstances.

use jiff::Timestamp;

use super::decode::{Decoder, Texts};
use super::violation::Path;
use super::wire::{self, Bounded, Part};
use crate::engine::query::{Approval, Context, Subject};
use crate::source::diagnostic::quote;
use crate::vocab::limits::{
    APPROVALS_MAX, CLAIMED_GROUPS_MAX, CLAIMED_ROLES_MAX, CONTENT_DIGEST_BYTES_MAX, EXPLANATION_BYTES_MAX,
};
use crate::vocab::network::Address;
use crate::vocab::value::Object;

impl Decoder {
    /// Reads who asks.
    pub(super) fn subject<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> Subject<'a> {
        let (mut id, mut attributes) = ("", Part::default());
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let mut groups: Texts<'a, CLAIMED_GROUPS_MAX> = Bounded::default();
        let read = from.each(|field| {
            match field.number {
                1 => id = field.text()?,
                2 => roles.push(field.text()?),
                3 => groups.push(field.text()?),
                4 => attributes.add(field.message()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        Subject {
            id: self.name(&path.name("id"), id),
            roles: self.names(&path.name("roles"), roles),
            groups: self.names(&path.name("groups"), groups),
            attributes: self.object(&path.name("attributes"), &attributes),
        }
    }

    /// Reads the circumstances, and tells whether they name the time.
    pub(super) fn context<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> (Context<'a>, bool) {
        let (mut ip, mut explanation, mut author) = ("", "", "");
        let (mut now, mut attributes) = (Part::default(), Part::default());
        let mut approvals: Bounded<&[u8], APPROVALS_MAX> = Bounded::default();
        let read = from.each(|field| {
            match field.number {
                1 => ip = field.text()?,
                2 => now.add(field.message()?),
                3 => explanation = field.text()?,
                4 => approvals.push(field.message()?),
                5 => author = field.text()?,
                6 => attributes.add(field.message()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        let ip_path = path.name("ip");
        let ip = self.name(&ip_path, ip);
        if !ip.is_empty() && Address::parse(ip).is_none() {
            self.complain(&ip_path, format!("{} is no IPv4 or IPv6 address", quote(ip)));
        }
        if explanation.len() > EXPLANATION_BYTES_MAX {
            let path = path.name("explanation");
            self.complain(&path, format!("has more than {EXPLANATION_BYTES_MAX} bytes"));
        }
        let context = Context {
            ip,
            now: self.moment(&path.name("now"), &now),
            explanation,
            approvals: self.list(&path.name("approvals"), approvals, Self::approval),
            comment_author_id: self.name(&path.name("comment_author_id"), author),
            attributes: self.object(&path.name("attributes"), &attributes),
        };
        (context, now.is_given())
    }

    fn approval<'a>(&mut self, path: &Path<'_>, from: &'a [u8]) -> Approval<'a> {
        let (mut subject_id, mut transition, mut digest) = ("", "", "");
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let read = wire::each(from, |field| {
            match field.number {
                1 => subject_id = field.text()?,
                2 => roles.push(field.text()?),
                3 => transition = field.text()?,
                4 => digest = field.text()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        if subject_id.is_empty() {
            self.complain(&path.name("subject_id"), "is empty");
        }
        Approval {
            subject_id: self.name(&path.name("subject_id"), subject_id),
            roles: self.names(&path.name("roles"), roles),
            transition: self.name(&path.name("transition"), transition),
            content_digest: self.text(&path.name("content_digest"), digest, CONTENT_DIGEST_BYTES_MAX),
        }
    }

    fn moment(&mut self, path: &Path<'_>, from: &Part<'_>) -> Timestamp {
        if !from.is_given() {
            return self.now;
        }
        let (mut seconds, mut nanos) = (0, 0);
        let read = from.each(|field| {
            match field.number {
                1 => seconds = field.signed()?,
                2 => nanos = field.short()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        let moment = Timestamp::new(seconds, nanos).ok();
        match moment.filter(|moment| nanos >= 0 && WIRE_YEARS.contains(&moment.as_second())) {
            Some(moment) => moment,
            None => {
                self.complain(path, "is no moment in the years 1 to 9999");
                self.now
            }
        }
    }
}

/// The seconds of the moments that the wire can tell: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const WIRE_YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

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
