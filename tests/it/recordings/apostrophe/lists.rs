//! Lists by the database: what `PlanQuery` plans for each type is run as a query of MongoDB on the recorded documents.

use std::cell::RefCell;
use std::collections::BTreeSet;

use placet::rpc::proto::v1::PlanKind;
use serde_json::Value;

use super::super::door::Door;
use super::super::listed::Comparisons;
use super::ask::Question;
use super::world::World;
use crate::mongodb::Engine;

/// Runs queries, if there is an engine for them.
pub(crate) struct Lists {
    engine: RefCell<Option<Engine>>,
    /// How many plans there were, by what came of them.
    tally: Comparisons,
}

impl Lists {
    /// Starts the engine.
    pub(crate) fn start() -> Self {
        Self {
            engine: RefCell::new(Engine::start()),
            tally: Comparisons::default(),
        }
    }

    /// Returns the ids of the documents that all of these lists hold, in the order of the recording; `None` without an engine.
    pub(crate) fn find(
        &self,
        world: &World,
        door: &dyn Door,
        question: &Question,
        lists: &[&str],
    ) -> Result<Option<Vec<Value>>, String> {
        let mut engine = self.engine.borrow_mut();
        let Some(engine) = engine.as_mut() else {
            return Ok(None);
        };
        let mut found: Vec<bool> = vec![true; world.docs.len()];
        let types: BTreeSet<&str> = world.docs.iter().filter_map(|doc| doc["type"].as_str()).collect();
        for list in lists {
            for doc_type in &types {
                let places: Vec<usize> = (0..world.docs.len())
                    .filter(|place| world.docs[*place]["type"] == **doc_type)
                    .collect();
                let plan = question.plan(door, doc_type, list)?;
                let kept: BTreeSet<usize> = match plan.kind() {
                    PlanKind::Always => places.iter().copied().collect(),
                    PlanKind::Never => BTreeSet::new(),
                    PlanKind::Conditional => {
                        let rendering = plan.renderings.first().ok_or("nothing is rendered")?;
                        if !rendering.error.is_empty() {
                            return Err(rendering.error.clone());
                        }
                        let query: Value = serde_json::from_str(&rendering.text).unwrap();
                        let docs: Vec<Value> =
                            places.iter().map(|place| world.docs[*place].clone()).collect();
                        let listed = engine.find(&query, &docs);
                        listed.into_iter().map(|index| places[index]).collect()
                    }
                    PlanKind::Unspecified => return Err("the plan is of no kind".to_owned()),
                };
                let what = plan.kind().as_str_name();
                self.tally.count(what.to_owned());
                for place in places {
                    found[place] &= kept.contains(&place);
                }
            }
        }
        let docs = world.docs.iter().zip(found).filter(|(_, is_found)| *is_found);
        Ok(Some(docs.map(|(doc, _)| doc["_id"].clone()).collect()))
    }

    /// Returns how many lists were planned.
    pub(crate) fn report(&self) -> String {
        self.tally.report()
    }
}
