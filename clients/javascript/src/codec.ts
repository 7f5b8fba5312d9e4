/** Documents to MessagePack and back; arrays become ARRAYs, whole numbers stay whole. */

import { Decoder, Encoder } from "@msgpack/msgpack";

import { fromWire, isWireArray, toWire, type NDArray } from "./arrays.js";
import { isArray } from "./columns.js";
import { InvalidReplyError } from "./errors.js";

const LARGEST_32_BITS = 2 ** 32;

/** Return the body of a document. Keys whose value is undefined are left out. */
export function encode(document: unknown): Uint8Array<ArrayBuffer> {
  return new Encoder({ useBigInt64: true }).encode(wired(document));
}

/**
 * Return a body's document. 64-bit integers are numbers where these are exact, else bigints.
 *
 * @throws InvalidReplyError where it is no MessagePack.
 */
export function decode(body: Uint8Array): unknown {
  let document: unknown;
  try {
    document = new Decoder({ useBigInt64: true }).decode(body);
  } catch (error) {
    throw new InvalidReplyError("the answer is no MessagePack document", { cause: error });
  }
  return unwired(document);
}

function wired(value: unknown): unknown {
  if (typeof value === "number") {
    // The encoder writes whole numbers beyond 32 bits as floats unless they are bigints.
    const isLong = Number.isSafeInteger(value) && Math.abs(value) >= LARGEST_32_BITS / 2;
    return isLong ? BigInt(value) : value;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(wired);
  if (isArray(value as NDArray)) return toWire(value as NDArray);
  return mapped(value, wired);
}

function unwired(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(unwired);
  return isWireArray(value) ? fromWire(value) : mapped(value, unwired);
}

function mapped(value: object, each: (inner: unknown) => unknown): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (inner !== undefined) result[name] = each(inner);
  }
  return result;
}
