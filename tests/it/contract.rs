//! The wire contract: names that clients rely on, numbers that match, comments on everything.

use std::collections::{BTreeMap, BTreeSet};

use placet::rpc::proto::{DESCRIPTOR_SET, v1};
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};

const PACKAGE: &str = "placet.v1";

/// Names every call of the contract, and whether its answer is a stream.
const CALLS: [(&str, &[(&str, bool)]); 2] = [
    (
        "PolicyDecisionService",
        &[
            ("Check", false),
            ("CheckBatch", false),
            ("ListAllowedActions", false),
            ("ListAllowedTransitions", false),
            ("FilterFields", false),
            ("PlanQuery", false),
            ("DescribeWorkflow", false),
        ],
    ),
    (
        "PolicyAdminService",
        &[("GetStatus", false), ("Reload", false), ("WatchStatus", true)],
    ),
];

/// Numbers that every request of the decision service uses for the same field.
const COMMON_REQUEST_FIELDS: [(&str, i32); 5] = [
    ("profile", 1),
    ("subject", 2),
    ("context", 3),
    ("explain", 4),
    ("digest", 5),
];

/// Names of fields that are promised to clients, by message.
const FIXED_FIELDS: [(&str, &str); 21] = [
    ("Subject", "id roles groups attributes"),
    ("Owner", "id roles"),
    ("LocalRole", "subject_id group roles"),
    (
        "Ancestor",
        "collection id state owner local_roles block_inheritance",
    ),
    (
        "Resource",
        "collection id state owner attributes local_roles block_inheritance ancestors \
         content_digest any_item",
    ),
    ("Approval", "subject_id roles transition content_digest"),
    (
        "Context",
        "ip now explanation approvals comment_author_id attributes",
    ),
    (
        "Decision",
        "id effect reason message grants obligations left_out violations missing valid_until \
         conditional cms_code",
    ),
    ("Violation", "field operator origin"),
    ("SnapshotInfo", "profile generation digest loaded_at stale"),
    (
        "CheckRequest",
        "action resource fields changes to_state transition filter_fields",
    ),
    ("CheckResponse", "snapshot decision trace"),
    ("CheckBatchRequest", "checks"),
    (
        "CheckItem",
        "id context action resource fields changes to_state transition filter_fields",
    ),
    ("ListAllowedActionsRequest", "resource"),
    ("ListAllowedTransitionsRequest", "resource include_denied locale"),
    (
        "TransitionOption",
        "id title to_state requires_explanation approvals reason missing",
    ),
    (
        "FilterFieldsRequest",
        "resource operation action fields document filter_fields",
    ),
    (
        "FilterFieldsResponse",
        "allowed denied document presets filter_fields",
    ),
    (
        "PlanQueryRequest",
        "collection action fields filter_fields targets local_roles",
    ),
    ("DescribeWorkflowRequest", "collection id locale"),
];

/// The numbers of reasons. They are part of the contract, so a change here breaks clients.
const REASONS: [(&str, i32); 19] = [
    ("REASON_UNSPECIFIED", 0),
    ("REASON_ALLOWED", 1),
    ("REASON_NO_GRANT", 2),
    ("REASON_NO_MATCHING_GRANT", 3),
    ("REASON_DENIED", 4),
    ("REASON_FIELD_OUT_OF_REACH", 5),
    ("REASON_FIELD_NOT_COVERED", 6),
    ("REASON_VIOLATION", 7),
    ("REASON_NETWORK", 8),
    ("REASON_EXPLANATION_REQUIRED", 9),
    ("REASON_APPROVAL_MISSING", 10),
    ("REASON_NOT_OFFERED", 11),
    ("REASON_UNKNOWN_COLLECTION", 12),
    ("REASON_UNKNOWN_ACTION", 13),
    ("REASON_UNKNOWN_TRANSITION", 14),
    ("REASON_UNKNOWN_ROLE", 15),
    ("REASON_MISSING_ATTRIBUTE", 16),
    ("REASON_BROKEN_RULE", 17),
    ("REASON_FAULT", 18),
];

/// How deep attributes may be nested, and how deep the filter of a plan can get, as documented.
const ATTRIBUTE_DEPTH: usize = 32;
const PLAN_DEPTH: usize = 40;

/// Holds the files of our package, as the daemon serves them by reflection.
struct Contract {
    files: Vec<FileDescriptorProto>,
}

impl Contract {
    fn read() -> Self {
        let set = FileDescriptorSet::decode(DESCRIPTOR_SET).expect("the descriptor set decodes");
        let files: Vec<_> = set
            .file
            .into_iter()
            .filter(|file| file.package() == PACKAGE)
            .collect();
        assert!(!files.is_empty(), "the descriptor set has no file of `{PACKAGE}`");
        Self { files }
    }

    fn messages(&self) -> impl Iterator<Item = &DescriptorProto> {
        self.files.iter().flat_map(|file| &file.message_type)
    }

    fn enums(&self) -> impl Iterator<Item = &EnumDescriptorProto> {
        self.files.iter().flat_map(|file| &file.enum_type)
    }

    fn services(&self) -> impl Iterator<Item = &ServiceDescriptorProto> {
        self.files.iter().flat_map(|file| &file.service)
    }

    fn message(&self, name: &str) -> &DescriptorProto {
        self.messages()
            .find(|message| message.name() == name)
            .unwrap_or_else(|| panic!("message `{name}` is gone"))
    }

    fn service(&self, name: &str) -> &ServiceDescriptorProto {
        self.services()
            .find(|service| service.name() == name)
            .unwrap_or_else(|| panic!("service `{name}` is gone"))
    }

    /// Returns the messages of one service's requests.
    fn requests(&self, service: &str) -> Vec<&DescriptorProto> {
        self.service(service)
            .method
            .iter()
            .map(|call| self.message(local(call.input_type())))
            .collect()
    }

    /// Returns the messages of one service's answers.
    fn answers(&self, service: &str) -> Vec<&DescriptorProto> {
        self.service(service)
            .method
            .iter()
            .map(|call| self.message(local(call.output_type())))
            .collect()
    }
}

/// Strips the package from the name of a type.
fn local(name: &str) -> &str {
    name.strip_prefix(".placet.v1.").unwrap_or(name)
}

fn field<'a>(message: &'a DescriptorProto, name: &str) -> Option<&'a FieldDescriptorProto> {
    message.field.iter().find(|field| field.name() == name)
}

/// Describes what must be equal for two fields to be the same on the wire.
fn shape(field: &FieldDescriptorProto) -> (i32, Label, Type, &str) {
    (field.number(), field.label(), field.r#type(), field.type_name())
}

#[test]
fn every_promised_call_is_there_and_no_other() {
    let contract = Contract::read();
    assert_eq!(contract.services().count(), CALLS.len());
    for (service, calls) in CALLS {
        let found: Vec<_> = contract
            .service(service)
            .method
            .iter()
            .map(|call| {
                assert!(
                    !call.client_streaming(),
                    "{service}.{} takes a stream",
                    call.name()
                );
                assert_eq!(local(call.input_type()), format!("{}Request", call.name()));
                assert_eq!(local(call.output_type()), format!("{}Response", call.name()));
                (call.name(), call.server_streaming())
            })
            .collect();
        assert_eq!(found, calls, "calls of {service}");
    }
}

#[test]
fn promised_field_names_are_there() {
    let contract = Contract::read();
    for (name, fields) in FIXED_FIELDS {
        let message = contract.message(name);
        for wanted in fields.split_whitespace() {
            assert!(
                field(message, wanted).is_some(),
                "`{name}` has no field `{wanted}`"
            );
        }
    }
}

#[test]
fn reasons_keep_their_numbers() {
    let contract = Contract::read();
    let reason = contract
        .enums()
        .find(|found| found.name() == "Reason")
        .expect("enum `Reason`");
    let found: Vec<_> = reason
        .value
        .iter()
        .map(|value| (value.name(), value.number()))
        .collect();
    assert_eq!(found, REASONS);
    for (name, number) in REASONS {
        assert_eq!(
            v1::Reason::from_str_name(name).map(i32::from),
            Some(number),
            "{name} in Rust"
        );
    }
}

#[test]
fn common_fields_have_the_same_numbers_everywhere() {
    let contract = Contract::read();
    let requests = contract.requests("PolicyDecisionService");
    for request in &requests {
        for (name, number) in COMMON_REQUEST_FIELDS {
            let found = field(request, name).map(FieldDescriptorProto::number);
            assert_eq!(found, Some(number), "`{}.{name}`", request.name());
        }
    }
    // Beyond the five: whatever two requests both have is the same thing under the same number. A
    // batch item is a request without the fields that the batch shares.
    let item = contract.message("CheckItem");
    let mut seen = BTreeMap::new();
    for message in requests.into_iter().chain([item]) {
        for field in &message.field {
            if field.name() == "id" {
                continue; // names the item in one message and the workflow in the other
            }
            let (first, known) = *seen.entry(field.name()).or_insert((message.name(), shape(field)));
            assert_eq!(
                shape(field),
                known,
                "`{}.{}` and `{first}`",
                message.name(),
                field.name()
            );
        }
    }
}

#[test]
fn every_answer_tells_its_snapshot_and_traces_lie_at_two() {
    let contract = Contract::read();
    for answer in contract.answers("PolicyDecisionService") {
        let snapshot = field(answer, "snapshot").unwrap_or_else(|| panic!("`{}` lacks it", answer.name()));
        assert_eq!(
            (snapshot.number(), local(snapshot.type_name())),
            (1, "SnapshotInfo"),
            "{}",
            answer.name()
        );
    }
    let traces: Vec<_> = contract
        .messages()
        .filter_map(|message| Some((message.name(), field(message, "trace")?.number())))
        .collect();
    assert!(traces.len() >= 5, "only {traces:?} have a trace");
    assert!(traces.iter().all(|&(_, number)| number == 2), "{traces:?}");
}

#[test]
fn an_ancestor_is_numbered_like_a_resource() {
    let contract = Contract::read();
    let resource = contract.message("Resource");
    for ancestor in &contract.message("Ancestor").field {
        let same = field(resource, ancestor.name()).map(shape);
        assert_eq!(same, Some(shape(ancestor)), "`{}`", ancestor.name());
    }
}

#[test]
fn fields_of_every_request_take_one_byte_of_tag() {
    let contract = Contract::read();
    for (service, _) in CALLS {
        for field in contract
            .requests(service)
            .iter()
            .flat_map(|request| &request.field)
        {
            assert!(
                (1..=15).contains(&field.number()),
                "`{}` is {}",
                field.name(),
                field.number()
            );
        }
    }
}

#[test]
fn everything_has_a_comment() {
    let mut count = 0;
    for file in Contract::read().files {
        let info = file
            .source_code_info
            .as_ref()
            .expect("source information is kept");
        let comments: BTreeMap<_, _> = info
            .location
            .iter()
            .map(|place| (&place.path[..], place.leading_comments().trim()))
            .collect();
        for (path, name) in declarations(&file) {
            let comment = comments.get(&path[..]).copied().unwrap_or_default();
            let words = comment.split_whitespace().count();
            let refers = comment.starts_with("As `"); // to the same field elsewhere
            assert!(
                refers || words >= 3,
                "{}: `{name}` has {words} words of comment",
                file.name()
            );
            assert!(
                comment.ends_with(['.', '?']),
                "{}: comment of `{name}` breaks off",
                file.name()
            );
            count += 1;
        }
    }
    assert!(count > 300, "only {count} declarations were looked at");
}

/// Lists whatever needs a comment in a file: its path in the source information, and its name.
fn declarations(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut found = Vec::new();
    for (index, message) in (0..).zip(&file.message_type) {
        declare_message(&[4, index], message, &mut found);
    }
    for (index, declared) in (0..).zip(&file.enum_type) {
        declare_enum(&[5, index], declared, &mut found);
    }
    for (index, service) in (0..).zip(&file.service) {
        found.push((vec![6, index], service.name().to_owned()));
        for (call, method) in (0..).zip(&service.method) {
            found.push((vec![6, index, 2, call], method.name().to_owned()));
        }
    }
    found
}

fn declare_message(path: &[i32], message: &DescriptorProto, found: &mut Vec<(Vec<i32>, String)>) {
    let name = message.name();
    found.push((path.to_vec(), name.to_owned()));
    for (index, field) in (0..).zip(&message.field) {
        found.push(([path, &[2, index]].concat(), format!("{name}.{}", field.name())));
    }
    for (index, oneof) in (0..).zip(&message.oneof_decl) {
        found.push(([path, &[8, index]].concat(), format!("{name}.{}", oneof.name())));
    }
    for (index, nested) in (0..).zip(&message.nested_type) {
        declare_message(&[path, &[3, index]].concat(), nested, found);
    }
    for (index, nested) in (0..).zip(&message.enum_type) {
        declare_enum(&[path, &[4, index]].concat(), nested, found);
    }
}

fn declare_enum(path: &[i32], declared: &EnumDescriptorProto, found: &mut Vec<(Vec<i32>, String)>) {
    found.push((path.to_vec(), declared.name().to_owned()));
    for (index, value) in (0..).zip(&declared.value) {
        found.push(([path, &[2, index]].concat(), value.name().to_owned()));
    }
}

#[test]
fn reflection_can_resolve_every_import() {
    let set = FileDescriptorSet::decode(DESCRIPTOR_SET).expect("the descriptor set decodes");
    let names: BTreeSet<_> = set.file.iter().map(FileDescriptorProto::name).collect();
    for file in &set.file {
        for import in &file.dependency {
            assert!(
                names.contains(import.as_str()),
                "`{}` imports `{import}`",
                file.name()
            );
        }
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTOR_SET)
    };
    assert!(reflection().build_v1().is_ok(), "reflection v1 takes the set");
    assert!(
        reflection().build_v1alpha().is_ok(),
        "reflection v1alpha takes the set"
    );
}

/// Attributes of the documented depth pass the decoder's own limit at the deepest place of the
/// contract, so that the documented limit is the one that callers meet.
#[test]
fn attributes_of_the_documented_depth_decode() {
    let batch = |depth| v1::CheckBatchRequest {
        checks: vec![v1::CheckItem {
            resource: Some(v1::Resource {
                attributes: Some(nested(depth)),
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let decoded = |depth| v1::CheckBatchRequest::decode(&batch(depth).encode_to_vec()[..]);
    assert_eq!(
        decoded(ATTRIBUTE_DEPTH).expect("the documented depth decodes"),
        batch(ATTRIBUTE_DEPTH)
    );
    assert!(
        decoded(100).is_err(),
        "the decoder has no limit of its own any more"
    );
}

#[test]
fn the_deepest_plan_decodes() {
    use v1::plan_filter::Node;
    let leaf = v1::PlanComparison {
        values: vec![1.0.into()],
        ..Default::default()
    };
    let mut filter = v1::PlanFilter {
        node: Some(Node::Comparison(leaf)),
    };
    for _ in 1..PLAN_DEPTH {
        filter = v1::PlanFilter {
            node: Some(Node::AllOf(v1::PlanParts { parts: vec![filter] })),
        };
    }
    let plan = Some(v1::Plan {
        filter: Some(filter),
        ..Default::default()
    });
    let field = v1::FieldPlan {
        plan,
        ..Default::default()
    };
    let answer = v1::PlanQueryResponse {
        fields: vec![field],
        ..Default::default()
    };
    assert_eq!(
        v1::PlanQueryResponse::decode(&answer.encode_to_vec()[..]),
        Ok(answer)
    );
}

/// Makes nested structs of so many levels, with a number in the innermost one.
fn nested(levels: usize) -> prost_types::Struct {
    let value = match levels {
        0 | 1 => prost_types::Value::from(1.0),
        _ => prost_types::value::Kind::StructValue(nested(levels - 1)).into(),
    };
    prost_types::Struct {
        fields: BTreeMap::from([("a".to_owned(), value)]),
    }
}
