//! Which fields the allows of a plan cover, and where: the step of [`super::coverage`] with filters in place of truths.

use crate::model::grant::Mask;
use crate::model::id::FieldId;
use crate::vocab::effect::Operation;

use super::coverage::{Asked, Field, selects_some};
use super::facts::Facts;
use super::filter::Filter;

/// A deny that takes fields away.
pub(super) struct Taking<'q> {
    pub(super) fields: &'q Mask<Box<[FieldId]>>,
    /// Where it does; what stays open does, too.
    pub(super) applies: Filter,
}

/// An allow.
pub(super) struct Allow<'q> {
    /// Its fields; `None` for all that there are.
    pub(super) fields: Option<&'q Mask<Box<[FieldId]>>>,
    /// Whether it names states afterwards, so that it covers a change of the state.
    pub(super) names_target: bool,
    /// Where it is in reach.
    pub(super) reach: Filter,
    /// Where it matches.
    pub(super) fits: Filter,
    /// Where its `validate` holds.
    pub(super) valid: Filter,
    /// Whether it has a condition that does not drop out.
    pub(super) conditioned: bool,
    pub(super) neutral: bool,
    pub(super) explain: bool,
}

impl Allow<'_> {
    /// Returns the allow that grants on documents are together.
    pub(super) fn of_documents(granted: Filter) -> Self {
        Self {
            fields: None,
            names_target: false,
            reach: granted.clone(),
            fits: granted,
            valid: Filter::always(),
            conditioned: false,
            neutral: false,
            explain: false,
        }
    }

    fn covers(&self, field: &Field<'_>) -> bool {
        self.fields.is_none_or(|fields| fields.selects(field.id)) || field.is_state && self.names_target
    }

    fn selects_some(&self) -> bool {
        self.fields.is_none_or(selects_some)
    }

    /// Whether it touches what is asked at all.
    fn touches(&self, asked: &Asked<'_>) -> bool {
        asked.is_plain()
            || asked
                .names
                .iter()
                .take(asked.count)
                .any(|field| self.covers(field))
            || asked.star && self.selects_some()
    }

    /// Whether it is looked at beyond its reach.
    fn is_asked(&self, asked: &Asked<'_>) -> bool {
        self.touches(asked) || !self.selects_some() || asked.names.iter().any(|field| self.covers(field))
    }
}

/// What is asked of fields, and the rules that are for them.
pub(super) struct Cover<'c, 'q> {
    pub(super) facts: &'c Facts<'q>,
    pub(super) asked: &'c Asked<'q>,
    pub(super) takings: &'c [Taking<'q>],
    pub(super) allows: &'c [Allow<'q>],
}

impl<'q> Cover<'_, 'q> {
    fn asked_fields(&self) -> impl Iterator<Item = &Field<'q>> {
        self.asked.names.iter().take(self.asked.count)
    }

    fn filter_fields(&self) -> impl Iterator<Item = &Field<'q>> {
        self.asked.names.iter().skip(self.asked.count)
    }

    fn any<'a>(&'a self, of: impl Fn(&'a Allow<'q>) -> Option<Filter>) -> Filter {
        Filter::any(self.allows.iter().filter_map(of))
    }

    /// Where a field is taken away.
    fn taken(&self, field: Option<FieldId>) -> Filter {
        let takings = self.takings.iter().filter(|taking| taking.fields.selects(field));
        Filter::any(takings.map(|taking| taking.applies.clone()))
    }

    /// Where an administrator may touch what is asked.
    pub(super) fn administered(&self) -> Filter {
        let taken = |field: &Field<'q>| self.taken(field.id);
        let filters = Filter::all(self.filter_fields().map(|field| taken(field).not()));
        if self.asked.is_plain() {
            return filters;
        }
        let is_read = self.asked.operation == Operation::Read;
        let fields = if is_read && self.asked.star {
            Filter::always()
        } else if is_read || self.drops() {
            Filter::any(self.asked_fields().map(|field| taken(field).not()))
        } else {
            Filter::all(self.asked_fields().map(|field| taken(field).not()))
        };
        filters.and(fields)
    }

    /// Where everybody else may.
    pub(super) fn weigh(&self) -> Filter {
        let covered = match self.asked.operation {
            _ if self.asked.is_plain() => self.plain(),
            Operation::Read => self.read(),
            Operation::Create | Operation::Update | Operation::Delete | Operation::Other => self.write(),
        };
        let covered = covered.and(self.filters());
        // What covers matches; only a neutral allow covers and does not count beside others.
        if self.any_neutral() {
            covered.and(self.any_matched())
        } else {
            covered
        }
    }

    fn any_neutral(&self) -> bool {
        self.allows.iter().any(|allow| allow.neutral)
    }

    fn drops(&self) -> bool {
        self.facts
            .collection
            .is_some_and(|collection| collection.drops_unwritable)
    }

    /// Whether no explanation was given and some allow demands one, which does not count.
    fn is_unexplained(&self) -> bool {
        self.facts.query.context.explanation.trim().is_empty()
            && self.allows.iter().any(|allow| allow.explain)
    }

    /// Where an allow with a condition touches what is asked, so that neutral ones do not count.
    fn any_conditioned(&self) -> Filter {
        self.any(|allow| (allow.conditioned && allow.touches(self.asked)).then(|| allow.reach.clone()))
    }

    /// The same for one field.
    fn conditioned(&self, field: &Field<'q>) -> Filter {
        self.any(|allow| (allow.conditioned && allow.covers(field)).then(|| allow.reach.clone()))
    }

    /// Where some allow matches.
    fn any_matched(&self) -> Filter {
        let usual = self.any(|allow| (!allow.neutral).then(|| allow.fits.clone()));
        let neutral = self.any(|allow| allow.neutral.then(|| allow.fits.clone()));
        if neutral.is_never() {
            return usual;
        }
        let by_fields = self.any(|allow| {
            let counts =
                allow.neutral && self.asked.operation != Operation::Read && allow.is_asked(self.asked);
            counts.then(|| {
                let covered = self.asked.names.iter().filter(|field| allow.covers(field));
                let left = Filter::any(covered.map(|field| self.conditioned(field).not()));
                allow.fits.clone().and(left)
            })
        });
        let alone = self.any_conditioned().not().or(by_fields);
        usual.or(neutral.and(alone))
    }

    /// Where an allow touches what is asked.
    fn touching(&self, allow: &Allow<'q>) -> Option<Filter> {
        if !allow.is_asked(self.asked) || !allow.touches(self.asked) {
            return None;
        }
        Some(self.unless_beside(allow))
    }

    /// Where an allow counts as a whole: a neutral one does not beside one that has a condition.
    fn unless_beside(&self, allow: &Allow<'q>) -> Filter {
        if allow.neutral {
            allow.fits.clone().and(self.any_conditioned().not())
        } else {
            allow.fits.clone()
        }
    }

    fn plain(&self) -> Filter {
        self.any(|allow| {
            if allow.explain && self.is_unexplained() {
                return None;
            }
            Some(self.touching(allow)?.and(allow.valid.clone()))
        })
    }

    fn in_reach(&self, field: &Field<'q>) -> Filter {
        self.any(|allow| allow.covers(field).then(|| allow.reach.clone()))
    }

    /// Where a field is covered: by allows whose `validate` holds if asked, and by some that demand no explanation.
    fn covered(&self, field: &Field<'q>, valid: bool, free: bool) -> Filter {
        self.any(|allow| {
            if !allow.covers(field) || free && allow.explain {
                return None;
            }
            let mut covers = allow.fits.clone();
            if allow.neutral {
                covers = covers.and(self.conditioned(field).not());
            }
            if valid {
                covers = covers.and(allow.valid.clone());
            }
            Some(covers)
        })
    }

    fn write(&self) -> Filter {
        let passes = |field: &Field<'q>| self.covered(field, true, false).and(self.taken(field.id).not());
        let passing = if self.drops() {
            Filter::any(self.asked_fields().map(passes))
        } else {
            Filter::all(self.asked_fields().map(passes))
        };
        if !self.is_unexplained() {
            return passing;
        }
        let free = self.asked_fields().map(|field| {
            let free = self.covered(field, true, true);
            passes(field).not().or(free)
        });
        passing.and(Filter::all(free))
    }

    fn read(&self) -> Filter {
        let omits = self
            .facts
            .collection
            .is_some_and(|collection| collection.omits_unreadable);
        let any_selects = self.any(|allow| allow.selects_some().then(|| allow.reach.clone()));
        let is_bare = if omits {
            Filter::never()
        } else {
            any_selects.clone().not().and(self.any_matched())
        };
        let is_visible = if self.any_neutral() {
            self.any(|allow| self.touching(allow))
        } else {
            Filter::always()
        };
        let passes = |field: &Field<'q>| {
            Filter::all([
                is_visible.clone(),
                self.covered(field, false, false),
                self.taken(field.id).not(),
            ])
        };
        let in_reach = self.asked_fields().map(|field| {
            // A single field that passes is in reach.
            if omits || self.asked.count == 1 && !self.asked.star {
                return Filter::always();
            }
            self.in_reach(field).or(is_bare.clone())
        });
        let in_reach = Filter::all(in_reach);
        let by_star = |free: bool| {
            if !self.asked.star {
                return Filter::never();
            }
            self.any(|allow| {
                if free && allow.explain || !allow.is_asked(self.asked) {
                    return None;
                }
                let stars = self.unless_beside(allow).and(self.leaves(allow));
                let bare = allow.fits.clone().and(any_selects.clone().not());
                Some(stars.or(bare))
            })
        };
        let shown = Filter::any(
            self.asked_fields()
                .map(passes)
                .chain([by_star(false), is_bare.clone()]),
        );
        let shown = in_reach.and(shown);
        if !self.is_unexplained() {
            return shown;
        }
        let free_fields = self.asked_fields().map(|field| {
            let free = self.covered(field, false, true);
            passes(field).not().or(free)
        });
        let free_star = by_star(false).not().or(by_star(true));
        let free = Filter::all(free_fields.chain([free_star]));
        let free_item = self.any(|allow| {
            let counts = !allow.explain && allow.is_asked(self.asked);
            counts.then(|| allow.fits.clone())
        });
        let free = Filter::any([is_bare.clone().and(free_item), is_bare.not().and(free)]);
        shown.and(free)
    }

    /// Where an allow leaves a field to be read: see [`super::coverage::Denied::leaves`].
    fn leaves(&self, allow: &Allow<'q>) -> Filter {
        let Some(fields) = allow.fields else {
            return Filter::always();
        };
        let names = &self.facts.model.field_names;
        let collection = self.facts.collection;
        let mut left: Vec<Filter> = Vec::new();
        let mut try_field = |field: Option<FieldId>| {
            if fields.selects(field) {
                left.push(self.taken(field).not());
            }
        };
        if !collection.is_some_and(|collection| collection.lists_fields) {
            try_field(None);
        }
        let declared = collection.into_iter().flat_map(|collection| &collection.fields);
        declared.for_each(|field| try_field(names.find(&field.name).map(FieldId::new)));
        let named = |mask: &'q Mask<Box<[FieldId]>>| match mask {
            Mask::Any => &[][..],
            Mask::Only(ids) | Mask::Except(ids) => ids,
        };
        named(fields).iter().for_each(|id| try_field(Some(*id)));
        for taking in self.takings {
            for id in named(taking.fields) {
                if fields.selects(Some(*id)) {
                    // It is a field to be thought of only where the deny is there that names it.
                    left.push(taking.applies.clone().and(self.taken(Some(*id)).not()));
                }
            }
        }
        Filter::any(left)
    }

    /// Where the fields that select or sort may do so.
    fn filters(&self) -> Filter {
        let by_reach = self
            .facts
            .collection
            .is_some_and(|collection| collection.filters_by_reach);
        let may = self.filter_fields().map(|field| {
            let seen = if by_reach {
                self.in_reach(field)
            } else {
                self.covered(field, false, false)
            };
            seen.and(self.taken(field.id).not())
        });
        Filter::all(may)
    }
}
