// Asks every call of the table through grpc-js, knowing only what server reflection (v1alpha) tells.
// Writes one JSON object per call: its name, the status, and the answer.
"use strict";

const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { FileDescriptorProto } = require("protobufjs/ext/descriptor");

const DEADLINE_MS = 10_000;
const OPTIONS = { defaults: true, arrays: true, enums: String, longs: String, keepCase: true };

// What of the reflection protocol is needed here.
const REFLECTION = {
  nested: {
    grpc: { nested: { reflection: { nested: { v1alpha: { nested: {
      ServerReflection: {
        methods: {
          ServerReflectionInfo: {
            requestType: "Request", requestStream: true, responseType: "Response", responseStream: true,
          },
        },
      },
      Request: {
        oneofs: { message: { oneof: ["fileByFilename", "fileContainingSymbol", "listServices"] } },
        fields: {
          fileByFilename: { type: "string", id: 3 },
          fileContainingSymbol: { type: "string", id: 4 },
          listServices: { type: "string", id: 7 },
        },
      },
      Response: {
        fields: { files: { type: "Files", id: 4 }, services: { type: "Services", id: 6 } },
      },
      Files: { fields: { file: { rule: "repeated", type: "bytes", id: 1 } } },
      Services: { fields: { service: { rule: "repeated", type: "Service", id: 1 } } },
      Service: { fields: { name: { type: "string", id: 1 } } },
    } } } } } },
  },
};

// Fields of the contract that hold a google.protobuf.Struct, which proto-loader leaves in its wire form; from a descriptor set
// it makes a map the list of entries that it is on the wire, and keeps the names of fields as they are declared.
const STRUCTS = new Set(["attributes", "changes", "document", "presets"]);

// In the clear, by TLS if DOOR_CA is set, and with a certificate of one's own if DOOR_CERT and DOOR_KEY are.
function credentials() {
  const read = (name) => (process.env[name] ? fs.readFileSync(process.env[name]) : null);
  if (!process.env.DOOR_CA) return grpc.credentials.createInsecure();
  return grpc.credentials.createSsl(read("DOOR_CA"), read("DOOR_KEY"), read("DOOR_CERT"));
}

// The certificate is that of localhost, whatever the address.
const CHANNEL = process.env.DOOR_CA
  ? { "grpc.ssl_target_name_override": "localhost", "grpc.default_authority": "localhost" }
  : {};

function deadline() {
  return { deadline: Date.now() + DEADLINE_MS };
}

function reflect(address) {
  const definition = loader.fromJSON(REFLECTION, OPTIONS);
  const Client = grpc.loadPackageDefinition(definition).grpc.reflection.v1alpha.ServerReflection;
  const client = new Client(address, credentials(), CHANNEL);
  return (request) =>
    new Promise((resolve, reject) => {
      const stream = client.ServerReflectionInfo(new grpc.Metadata(), deadline());
      stream.on("data", resolve);
      stream.on("error", reject);
      stream.write(request);
      stream.end();
    });
}

// Collects the file of a symbol and all that it depends on, dependencies first.
async function collect(reflected, request, files = new Map()) {
  const answer = await reflected(request);
  for (const bytes of answer.files.file) {
    const { name, dependency } = FileDescriptorProto.decode(bytes);
    if (files.has(name)) continue;
    for (const needed of dependency) {
      if (!files.has(needed)) await collect(reflected, { fileByFilename: needed }, files);
    }
    files.set(name, bytes);
  }
  return files;
}

// A FileDescriptorSet is nothing but its files one after the other, each as field 1.
function descriptorSet(files) {
  return Buffer.concat(
    files.map((file) => {
      const length = [0x0a];
      for (let rest = file.length; ; rest >>>= 7) {
        if (rest < 0x80) {
          length.push(rest);
          break;
        }
        length.push((rest & 0x7f) | 0x80);
      }
      return Buffer.concat([Buffer.from(length), file]);
    }),
  );
}

function toStruct(object) {
  return { fields: Object.entries(object).map(([key, value]) => ({ key, value: toValue(value) })) };
}

function toValue(value) {
  if (value === null) return { null_value: "NULL_VALUE" };
  if (typeof value === "boolean") return { bool_value: value };
  if (typeof value === "number") return { number_value: value };
  if (typeof value === "string") return { string_value: value };
  if (Array.isArray(value)) return { list_value: { values: value.map(toValue) } };
  return { struct_value: toStruct(value) };
}

function fromStruct(struct) {
  return Object.fromEntries(struct.fields.map(({ key, value }) => [key, fromValue(value)]));
}

function fromValue(value) {
  if (value.bool_value !== undefined) return value.bool_value;
  if (value.number_value !== undefined) return value.number_value;
  if (value.string_value !== undefined) return value.string_value;
  if (value.list_value) return value.list_value.values.map(fromValue);
  if (value.struct_value) return fromStruct(value.struct_value);
  return null;
}

function toTimestamp(text) {
  const [, whole, fraction] = /^([^.]*?)(?:\.(\d+))?Z$/.exec(text);
  return { seconds: Date.parse(`${whole}Z`) / 1000, nanos: Number((fraction ?? "").padEnd(9, "0")) };
}

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

// Walks over a message, renames its fields, and converts those that hold a Struct.
function convert(message, rename, struct) {
  if (Array.isArray(message)) return message.map((each) => convert(each, rename, struct));
  if (message === null || typeof message !== "object") return message;
  const fields = Object.entries(message).map(([key, value]) => {
    if (STRUCTS.has(key) && value !== null) return [key, struct(value)];
    if (key === "now") return [key, toTimestamp(value)];
    return [rename(key), convert(value, rename, struct)];
  });
  return Object.fromEntries(fields);
}

function ask(clients, call) {
  const [service, method] = call.method.split("/");
  const client = clients[service];
  const { responseStream } = client[method];
  const request = convert(call.request, snake, toStruct);
  return new Promise((resolve) => {
    const done = (error, answer) =>
      resolve(
        error
          ? { status: grpc.status[error.code], message: error.details }
          : { status: "OK", answer: convert(answer, camel, fromStruct) },
      );
    if (!responseStream) {
      client[method](request, new grpc.Metadata(), deadline(), done);
      return;
    }
    const stream = client[method](request, new grpc.Metadata(), deadline());
    stream.on("error", (error) => done(error));
    stream.once("data", (answer) => {
      done(null, answer);
      stream.cancel();
    });
  });
}

async function main(address, table) {
  const { calls } = JSON.parse(fs.readFileSync(table, "utf8"));
  const reflected = reflect(address);
  const services = (await reflected({ listServices: "" })).services.service.map(({ name }) => name).sort();
  const clients = {};
  const methods = [];
  for (const name of services.filter((each) => each.startsWith("placet."))) {
    const files = await collect(reflected, { fileContainingSymbol: name });
    const definition = loader.loadFileDescriptorSetFromBuffer(descriptorSet([...files.values()]), OPTIONS);
    const short = name.replace("placet.v1.", "");
    const Client = grpc.makeClientConstructor(definition[name], short);
    clients[short] = new Client(address, credentials(), CHANNEL);
    methods.push(...Object.keys(definition[name]).map((method) => `${short}/${method}`));
  }
  console.log(JSON.stringify({ services, methods }));
  for (const call of calls) {
    console.log(JSON.stringify({ name: call.name, ...(await ask(clients, call)) }));
  }
}

main(...process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
