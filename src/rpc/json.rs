//! Messages of the contract as JSON: the form that the protobuf language defines, for tools and their users.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use serde_json::Value;
use thiserror::Error;

use super::proto::DESCRIPTOR_SET;

/// Says why JSON is no message.
#[derive(Debug, Error)]
pub enum JsonError {
    /// The contract has no such message.
    #[error("the contract has no message `{0}`")]
    UnknownMessage(String),
    /// The JSON does not fit the message.
    #[error("the JSON is no `{name}`")]
    Unfit {
        /// The name of the message.
        name: String,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// The message cannot be read back.
    #[error("the message cannot be read")]
    Decode(#[from] prost::DecodeError),
    /// The message holds what JSON cannot.
    #[error("the message cannot be written as JSON")]
    Write(#[from] serde_json::Error),
}

static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTOR_SET).ok());

/// Reads a message of the package `placet.v1` by its name (`CheckRequest`) from JSON; unknown names are refused.
///
/// # Errors
///
/// A [`JsonError`] if the JSON is no such message.
pub fn from_json<M: Message + Default>(name: &str, json: &Value) -> Result<M, JsonError> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message =
        DynamicMessage::deserialize_with_options(descriptor(&format!("placet.v1.{name}"))?, json, &options)
            .map_err(|source| JsonError::Unfit {
            name: name.to_owned(),
            source,
        })?;
    Ok(M::decode(message.encode_to_vec().as_slice())?)
}

/// Writes a message of the package `placet.v1` as JSON; fields that are not set are left out, names are as in the contract.
///
/// # Errors
///
/// A [`JsonError`] if the message is none of that name.
pub fn to_json<M: Message>(name: &str, message: &M) -> Result<Value, JsonError> {
    write(&format!("placet.v1.{name}"), message)
}

fn write<M: Message>(name: &str, message: &M) -> Result<Value, JsonError> {
    let mut dynamic = DynamicMessage::new(descriptor(name)?);
    dynamic.merge(message.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false);
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// Writes named values as JSON.
///
/// # Errors
///
/// A [`JsonError`] if they hold what JSON cannot.
pub fn object_to_json(object: &prost_types::Struct) -> Result<Value, JsonError> {
    write("google.protobuf.Struct", object)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, JsonError> {
    POOL.as_ref()
        .and_then(|pool| pool.get_message_by_name(name))
        .ok_or_else(|| JsonError::UnknownMessage(name.to_owned()))
}
