// Answers which documents queries of MongoDB find: see `run` beside this file for what goes in and out.
import { createInterface } from "node:readline";
import { BSONRegExp, EJSON } from "bson";
import { Query } from "mingo";

// A server reads regular expressions as Unicode; JavaScript does when it is told to. Everything else stays as it is.
const prepare = (value) => {
  if (value instanceof BSONRegExp) return new RegExp(value.pattern, value.options + "u");
  if (Array.isArray(value)) return value.map(prepare);
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, prepare(part)]));
};

const answer = (line) => {
  try {
    const { query, documents } = JSON.parse(line);
    const compiled = new Query(prepare(EJSON.deserialize(query)));
    return documents.flatMap((document, index) => (compiled.test(EJSON.deserialize(document)) ? [index] : []));
  } catch (error) {
    return { error: String(error) };
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(line)) + "\n");
}
