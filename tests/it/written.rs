//! Answers as they are written: in place, and still as the contract and its generated code have them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use placet::rpc::encode::Detail;
use placet::rpc::proto::{DESCRIPTOR_SET, v1};
use placet::rpc::{Budget, DecisionService, service};
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use placet::vocab::call::Call;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, Value};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::decisions::project;

/// The calls whose answers are written in place.
const CALLS: [&str; 5] = [
    "Check",
    "CheckBatch",
    "ListAllowedActions",
    "ListAllowedTransitions",
    "FilterFields",
];

/// Tells whether the bytes of an answer are those that the generated code writes for the same message.
fn is_canonical<M: Message + Default>(bytes: &[u8]) -> bool {
    M::decode(bytes).is_ok_and(|message| message.encode_to_vec() == bytes)
}

/// The house of the corpus, from a copy.
struct House {
    service: DecisionService,
    reloader: Reloader,
    root: TempDir,
    pool: DescriptorPool,
}

impl House {
    fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let profile = root.path().join("house");
        fs::create_dir(&profile).unwrap();
        for entry in fs::read_dir(project("tests/corpus/answers/house")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), profile.join(entry.file_name())).unwrap();
        }
        let store = Arc::new(PolicyStore::new(None));
        let (mut reloader, _rounds) = Reloader::new(ReloadConfig::new(root.path()), Arc::clone(&store));
        reloader.reload();
        assert!(store.current().is_ready(), "the house is not served");
        Self {
            service: DecisionService::new(store, || Timestamp::UNIX_EPOCH),
            reloader,
            root,
            pool: DescriptorPool::decode(DESCRIPTOR_SET).unwrap(),
        }
    }

    fn descriptor(&self, name: &str) -> MessageDescriptor {
        self.pool
            .get_message_by_name(&format!("placet.v1.{name}"))
            .unwrap()
    }

    /// Asks, holds the bytes of the answer to the generated code, and returns the answer.
    fn ask(&self, detail: Detail, question: &Json) -> DynamicMessage {
        let name = question["call"].as_str().unwrap();
        let request = self.descriptor(&format!("{name}Request"));
        let request = DynamicMessage::deserialize(request, &question["request"])
            .unwrap_or_else(|error| panic!("{question}: {error}"));
        let call = service::find(name).unwrap();
        let mut bytes = Vec::new();
        self.service
            .clone()
            .telling(detail)
            .answer(call, &request.encode_to_vec(), Budget::default(), &mut bytes)
            .unwrap_or_else(|status| panic!("{question}: {status:?}"));
        let is_canonical = match call {
            Call::Check => is_canonical::<v1::CheckResponse>(&bytes),
            Call::CheckBatch => is_canonical::<v1::CheckBatchResponse>(&bytes),
            Call::ListAllowedActions => is_canonical::<v1::ListAllowedActionsResponse>(&bytes),
            Call::ListAllowedTransitions => is_canonical::<v1::ListAllowedTransitionsResponse>(&bytes),
            Call::FilterFields => is_canonical::<v1::FilterFieldsResponse>(&bytes),
            other => panic!("{other:?}"),
        };
        let answer = DynamicMessage::decode(self.descriptor(&format!("{name}Response")), bytes.as_slice());
        let answer = answer.unwrap_or_else(|error| panic!("{question}: {error}"));
        assert!(is_canonical, "{question}: {answer:?}");
        answer
    }
}

/// Names every field below a message.
fn fields_of(message: &MessageDescriptor, seen: &mut BTreeSet<String>) {
    for field in message.fields() {
        let is_new = message.is_map_entry() || seen.insert(field.full_name().to_owned());
        if let Kind::Message(inner) = field.kind()
            && is_new
        {
            fields_of(&inner, seen);
        }
    }
}

/// Names every field that is set in a message, and below it.
fn set_fields(message: &DynamicMessage, seen: &mut BTreeSet<String>) {
    assert_eq!(message.unknown_fields().count(), 0, "{message:?}");
    for (field, value) in message.fields() {
        seen.insert(field.full_name().to_owned());
        let mut each = |value: &Value| {
            if let Value::Message(inner) = value {
                set_fields(inner, seen);
            }
        };
        match value {
            Value::List(values) => values.iter().for_each(each),
            Value::Map(values) => values.values().for_each(each),
            value => each(value),
        }
    }
}

#[test]
fn every_field_of_an_answer_is_written_as_the_generated_code_does() {
    let mut house = House::open();
    let questions = fs::read_to_string(project("tests/corpus/answers/questions.json")).unwrap();
    let questions: Json = serde_json::from_str(&questions).unwrap();
    let questions = questions["questions"].as_array().unwrap();
    let mut written = BTreeSet::new();
    for question in questions {
        for detail in [Detail::None, Detail::Code, Detail::Full] {
            set_fields(&house.ask(detail, question), &mut written);
        }
    }
    // More rules than a trace tells, and then a version that is stale.
    let grant = |index: usize| {
        json!({"id": format!("grant-{index}"), "roles": ["everyone"], "collections": ["articles"],
            "actions": ["read"], "when": {"id": {"_eq": index}}})
    };
    let grants: Vec<Json> = (0..1001).map(grant).collect();
    let file = house.root.path().join("house/grants.json");
    fs::write(&file, json!({"grants": grants}).to_string()).unwrap();
    house.reloader.reload();
    fs::write(&file, "no grants").unwrap();
    house.reloader.reload();
    let question = json!({"call": "Check", "request": {"action": "read", "explain": true,
        "resource": {"collection": "articles", "id": "1", "attributes": {"id": -1}}}});
    set_fields(&house.ask(Detail::Full, &question), &mut written);

    let mut all = BTreeSet::new();
    for call in CALLS {
        fields_of(&house.descriptor(&format!("{call}Response")), &mut all);
    }
    let left: Vec<_> = all.difference(&written).collect();
    assert!(left.is_empty(), "no question makes an answer with {left:#?}");
}
