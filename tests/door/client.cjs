// Asks every call of the table through grpc-js, knowing only what server reflection (v1alpha) tells.
// Writes one JSON object per call: its name, the status, and the answer.
"use strict";

const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const DEADLINE_MS = 10_000;
const OPTIONS = { defaults: true, arrays: true, enums: String, longs: String };

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

// Fields of the contract that hold a google.protobuf.Struct, which proto-loader leaves in its wire form.
const STRUCTS = new Set(["attributes", "changes", "document", "presets"]);

function deadline() {
  return { deadline: Date.now() + DEADLINE_MS };
}

function reflect(address) {
  const definition = loader.fromJSON(REFLECTION, OPTIONS);
  const Client = grpc.loadPackageDefinition(definition).grpc.reflection.v1alpha.ServerReflection;
  const client = new Client(address, grpc.credentials.createInsecure());
  return (request) =>
    new Promise((resolve, reject) => {
      const stream = client.ServerReflectionInfo(new grpc.Metadata(), deadline());
      stream.on("data", resolve);
      stream.on("error", reject);
      stream.write(request);
      stream.end();
    });
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
  const fields = Object.entries(object).map(([key, value]) => [key, toValue(value)]);
  return { fields: Object.fromEntries(fields) };
}

function toValue(value) {
  if (value === null) return { nullValue: "NULL_VALUE" };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return { numberValue: value };
  if (typeof value === "string") return { stringValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
  return { structValue: toStruct(value) };
}

function fromStruct(struct) {
  const fields = Object.entries(struct.fields ?? {}).map(([key, value]) => [key, fromValue(value)]);
  return Object.fromEntries(fields);
}

function fromValue(value) {
  if ("boolValue" in value) return value.boolValue;
  if ("numberValue" in value) return value.numberValue;
  if ("stringValue" in value) return value.stringValue;
  if ("listValue" in value) return (value.listValue.values ?? []).map(fromValue);
  if ("structValue" in value) return fromStruct(value.structValue);
  return null;
}

// Walks over a message and converts the fields that hold a Struct.
function convert(message, converter) {
  if (Array.isArray(message)) return message.map((each) => convert(each, converter));
  if (message === null || typeof message !== "object") return message;
  const fields = Object.entries(message).map(([key, value]) => {
    const struct = STRUCTS.has(key) && value !== null;
    return [key, struct ? converter(value) : convert(value, converter)];
  });
  return Object.fromEntries(fields);
}

function ask(clients, call) {
  const [service, method] = call.method.split("/");
  const client = clients[service];
  const { responseStream } = client[method];
  const request = convert(call.request, toStruct);
  return new Promise((resolve) => {
    const done = (error, answer) =>
      resolve(
        error
          ? { status: grpc.status[error.code], message: error.details }
          : { status: "OK", answer: convert(answer, fromStruct) },
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
    const { files } = await reflected({ fileContainingSymbol: name });
    const definition = loader.loadFileDescriptorSetFromBuffer(descriptorSet(files.file), OPTIONS);
    const short = name.replace("placet.v1.", "");
    const Client = grpc.makeClientConstructor(definition[name], short);
    clients[short] = new Client(address, grpc.credentials.createInsecure());
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
