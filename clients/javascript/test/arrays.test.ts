import assert from "node:assert/strict";
import { test } from "node:test";

import { encode as packed } from "@msgpack/msgpack";

import { array, decode, encode, flatten, fromNested, InvalidReplyError, nest, toNested, type Dtype, type Nested } from "../src/index.js";
import { fromHalf, toHalf } from "../src/float16.js";

const VALUES: [Dtype, Nested][] = [
  ["|b1", [true, false]],
  ["|i1", [-128, 127]],
  ["|u1", [0, 255]],
  ["<i2", [-32768, 32767]],
  ["<u2", [0, 65535]],
  ["<i4", [-(2 ** 31), 2 ** 31 - 1]],
  ["<u4", [0, 2 ** 32 - 1]],
  ["<i8", [-(2n ** 63n), 2n ** 63n - 1n]],
  ["<u8", [0n, 2n ** 64n - 1n]],
  ["<f2", [0.5, -65504]],
  ["<f4", [0.5, -0.25]],
  ["<f8", [0.1, -1e300]],
];

for (const [dtype, values] of VALUES) {
  test(`${dtype} comes back as it went, aligned or not`, () => {
    for (const name of ["a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"]) {
      const document = decode(encode({ [name]: fromNested(dtype, [values]) })) as Record<string, never>;

      assert.deepEqual(toNested(document[name] as never), [values]);
    }
  });
}

test("every half that is a number survives the way to float32 and back", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromHalf(bits);
    if (!Number.isNaN(value)) assert.equal(toHalf(value), bits);
  }
});

test("halves are rounded to the nearest, ties to even", () => {
  assert.equal(fromHalf(toHalf(2049)), 2048);
  assert.equal(fromHalf(toHalf(2051)), 2052);
  assert.equal(fromHalf(toHalf(65519)), 65504);
  assert.equal(fromHalf(toHalf(65520)), Infinity);
  assert.equal(fromHalf(toHalf(2 ** -25)), 0);
});

test("whole numbers beyond 32 bits stay whole, and exact", () => {
  const numbers = { a: 2 ** 31, b: 2 ** 53 - 1, c: -(2 ** 40), d: 2n ** 63n - 1n, e: 0.5, f: -(2 ** 31) };

  const body = encode(numbers);

  assert.deepEqual(decode(body), numbers);
  assert.ok(!encode({ a: 2 ** 53 - 1 }).includes(0xcb)); // no float64
});

test("a shape with another number of elements is refused", () => {
  assert.throws(() => array("<f4", [2, 2], new Float32Array(3)), RangeError);
  assert.throws(() => fromNested("<f4", [[1, 2], [3]]), RangeError);
});

test("bytes that are not those of the shape are an invalid reply", () => {
  const body = packed({ keys: { dtype: "<i8", shape: [2], data: new Uint8Array(8) } });

  assert.throws(() => decode(body), InvalidReplyError);
});

test("columns of names with slashes are trees, and back", () => {
  const camera = fromNested("|u1", [[1, 2]]);
  const tree = { observation: { camera, speed: camera }, action: camera };

  const flat = flatten(tree);

  assert.deepEqual(Object.keys(flat), ["observation/camera", "observation/speed", "action"]);
  assert.deepEqual(nest(flat), tree);
});
