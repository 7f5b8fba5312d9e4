/** The vectors that every client's tests read: docs/vectors. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { encode as packed } from "@msgpack/msgpack";

import { decode, encode, fromNested, toNested, type Dtype, type NDArray, type Nested } from "../src/index.js";
import { repository } from "./server-process.js";

interface BodyVector {
  meaning: unknown;
  bytes: string[];
}
interface ArrayVector {
  dtype: Dtype;
  shape: number[];
  values: (number | boolean | string)[][];
  data: string;
}
const read = (name: string): unknown => JSON.parse(readFileSync(join(repository, "docs/vectors", name), "utf8"));

function assembled(lines: readonly string[]): Uint8Array {
  const tokens = lines.flatMap((line) => (line.split("#")[0] ?? "").split(" ").filter(Boolean));
  return Uint8Array.from(
    tokens.flatMap((token) => {
      const [byte = "", times = "1"] = token.split("*").reverse();
      return Array<number>(Number(times)).fill(parseInt(byte, 16));
    }),
  );
}

type JsonArray = { dtype: Dtype; shape: number[]; data: Nested };
const isJsonArray = (value: object): value is JsonArray => "dtype" in value && "data" in value;
const isArray = (value: object): value is NDArray => "dtype" in value && "data" in value;

/** JSON's form of a decoded document. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (isArray(value)) return { dtype: value.dtype, shape: value.shape, data: plain(toNested(value)) };
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

/** A document as this client has it, of JSON's form. */
function typed(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(typed);
  if (isJsonArray(value)) return fromNested(value.dtype, value.data);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, typed(inner)]));
}

for (const [name, vector] of Object.entries(read("bodies.json") as Record<string, BodyVector>)) {
  test(`${name}: the body is read as what it means, and written so that it means the same`, () => {
    assert.deepEqual(plain(decode(assembled(vector.bytes))), vector.meaning);
    assert.deepEqual(plain(decode(encode(typed(vector.meaning)))), vector.meaning);
  });
}

for (const { dtype, shape, values, data } of read("arrays.json") as ArrayVector[]) {
  test(`${dtype}: an array has the bytes of the vector`, () => {
    const isLong = dtype === "<i8" || dtype === "<u8";
    const elements = values.map((row) => row.map((value) => (isLong ? BigInt(value) : value))) as Nested;
    const bytes = assembled([data]);

    const document = { values: { dtype, shape, data: bytes } };
    assert.deepEqual(packed(document), encode({ values: fromNested(dtype, elements) }));
    const found = decode(packed(document)) as { values: NDArray };
    assert.deepEqual(toNested(found.values), elements);
  });
}
