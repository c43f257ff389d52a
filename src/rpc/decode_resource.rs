//! From the wire to the engine's question: what it is about.

use super::decode::{Decoder, Texts};
use super::violation::Path;
use super::wire::{self, Bounded, Part};
use crate::engine::query::{Ancestor, Holder, LocalRoles, Owner, Resource};
use crate::vocab::limits::{ANCESTORS_MAX, CLAIMED_ROLES_MAX, CONTENT_DIGEST_BYTES_MAX, LOCAL_ROLES_MAX};

impl Decoder {
    /// Reads what the question is about.
    pub(super) fn resource<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> Resource<'a> {
        let (mut collection, mut id, mut state, mut digest) = ("", "", "", "");
        let (mut owner, mut attributes) = (Part::default(), Part::default());
        let mut local_roles: Bounded<&[u8], LOCAL_ROLES_MAX> = Bounded::default();
        let mut ancestors: Bounded<&[u8], ANCESTORS_MAX> = Bounded::default();
        let (mut block_inheritance, mut any_item) = (false, false);
        let read = from.each(|field| {
            match field.number {
                1 => collection = field.text()?,
                2 => id = field.text()?,
                3 => state = field.text()?,
                4 => owner.add(field.message()?),
                5 => attributes.add(field.message()?),
                6 => local_roles.push(field.message()?),
                7 => block_inheritance = field.flag()?,
                8 => ancestors.push(field.message()?),
                9 => digest = field.text()?,
                10 => any_item = field.flag()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        Resource {
            collection: self.name(&path.name("collection"), collection),
            id: self.name(&path.name("id"), id),
            state: self.name(&path.name("state"), state),
            owner: self.owner(&path.name("owner"), &owner),
            attributes: self.object(&path.name("attributes"), &attributes),
            local_roles: self.list(&path.name("local_roles"), local_roles, Self::local_role),
            block_inheritance,
            ancestors: self.list(&path.name("ancestors"), ancestors, Self::ancestor),
            content_digest: self.text(&path.name("content_digest"), digest, CONTENT_DIGEST_BYTES_MAX),
            any_item,
        }
    }

    fn owner<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> Owner<'a> {
        let mut id = "";
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let read = from.each(|field| {
            match field.number {
                1 => id = field.text()?,
                2 => roles.push(field.text()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        Owner {
            id: self.name(&path.name("id"), id),
            roles: self.names(&path.name("roles"), roles),
        }
    }

    fn ancestor<'a>(&mut self, path: &Path<'_>, from: &'a [u8]) -> Ancestor<'a> {
        let (mut collection, mut id, mut state) = ("", "", "");
        let (mut owner, mut block_inheritance) = (Part::default(), false);
        let mut local_roles: Bounded<&[u8], LOCAL_ROLES_MAX> = Bounded::default();
        let read = wire::each(from, |field| {
            match field.number {
                1 => collection = field.text()?,
                2 => id = field.text()?,
                3 => state = field.text()?,
                4 => owner.add(field.message()?),
                6 => local_roles.push(field.message()?),
                7 => block_inheritance = field.flag()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        // Nothing is decided by these, but what is malformed is refused all the same.
        self.name(&path.name("state"), state);
        self.owner(&path.name("owner"), &owner);
        Ancestor {
            collection: self.name(&path.name("collection"), collection),
            id: self.name(&path.name("id"), id),
            local_roles: self.list(&path.name("local_roles"), local_roles, Self::local_role),
            block_inheritance,
        }
    }

    fn local_role<'a>(&mut self, path: &Path<'_>, from: &'a [u8]) -> LocalRoles<'a> {
        let mut holder = None;
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let read = wire::each(from, |field| {
            match field.number {
                1 => holder = Some(Holder::User(field.text()?)),
                2 => holder = Some(Holder::Group(field.text()?)),
                3 => roles.push(field.text()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        let holder = match holder {
            Some(Holder::User(id)) => Holder::User(self.name(&path.name("subject_id"), id)),
            Some(Holder::Group(name)) => Holder::Group(self.name(&path.name("group"), name)),
            None => {
                self.complain(
                    &path.name("holder"),
                    "is not set: name a `subject_id` or a `group`",
                );
                Holder::User("")
            }
        };
        LocalRoles {
            holder,
            roles: self.names(&path.name("roles"), roles),
        }
    }
}
