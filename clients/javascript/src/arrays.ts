/** ARRAY of the protocol (docs/protocol.md, section 2) and typed arrays. */

import { InvalidReplyError } from "./errors.js";
import { fromHalf, toHalf } from "./float16.js";

/** What holds the elements of each dtype: `|b1` as 0 and 1, `<f2` as float32. */
export interface DtypeArrays {
  "|b1": Uint8Array;
  "|i1": Int8Array;
  "|u1": Uint8Array;
  "<i2": Int16Array;
  "<u2": Uint16Array;
  "<i4": Int32Array;
  "<u4": Uint32Array;
  "<i8": BigInt64Array;
  "<u8": BigUint64Array;
  "<f2": Float32Array;
  "<f4": Float32Array;
  "<f8": Float64Array;
}
export type Dtype = keyof DtypeArrays;
export type TypedArray = DtypeArrays[Dtype];

/** An array of `shape`, its elements in C order. */
export interface NDArray<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DtypeArrays[D];
}

/** Numbers, bigints or booleans in lists of lists, as JSON would have them. */
export type Nested = number | bigint | boolean | readonly Nested[];

/** An ARRAY as it stands in a MessagePack document. */
export interface WireArray {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

interface Kind {
  readonly itemsize: number;
  readonly make: new (length: number) => TypedArray;
  readonly view: new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;
}
const kind = (itemsize: number, type: Kind["make"] & Kind["view"]): Kind => ({
  itemsize,
  make: type,
  view: type,
});
const KINDS: Record<Dtype, Kind> = {
  "|b1": kind(1, Uint8Array),
  "|i1": kind(1, Int8Array),
  "|u1": kind(1, Uint8Array),
  "<i2": kind(2, Int16Array),
  "<u2": kind(2, Uint16Array),
  "<i4": kind(4, Int32Array),
  "<u4": kind(4, Uint32Array),
  "<i8": kind(8, BigInt64Array),
  "<u8": kind(8, BigUint64Array),
  "<f2": kind(4, Float32Array),
  "<f4": kind(4, Float32Array),
  "<f8": kind(8, Float64Array),
};

if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) {
  throw new Error("replay-client needs a little-endian machine: the protocol's arrays are so");
}

/** Return how many elements there are. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

/**
 * Return an array. `data` is kept, not copied.
 *
 * @throws RangeError where the shape has another number of elements.
 */
export function array<D extends Dtype>(
  dtype: D,
  shape: readonly number[],
  data: DtypeArrays[D],
): NDArray<D> {
  if (data.length !== elementCount(shape)) {
    throw new RangeError(`shape [${shape.join(", ")}] has not ${data.length} elements`);
  }
  return { dtype, shape, data };
}

/** Return an array of zeros. */
export function zeros<D extends Dtype>(dtype: D, shape: readonly number[]): NDArray<D> {
  return { dtype, shape, data: new KINDS[dtype].make(elementCount(shape)) as DtypeArrays[D] };
}

/**
 * Return an array of nested lists, each element converted to the dtype.
 *
 * @throws RangeError where lists of one level differ in length.
 */
export function fromNested<D extends Dtype>(dtype: D, values: Nested): NDArray<D> {
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0] as Nested) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const made = zeros(dtype, shape);
  const isBig = dtype === "<i8" || dtype === "<u8";
  const target = made.data as { [place: number]: number | bigint };
  let place = 0;
  const fill = (level: Nested, axis: number): void => {
    if (Array.isArray(level)) {
      if (level.length !== shape[axis]) throw new RangeError("lists of one level differ in length");
      for (const inner of level as readonly Nested[]) fill(inner, axis + 1);
    } else {
      if (axis !== shape.length) throw new RangeError("lists of one level differ in depth");
      const value = level as number | bigint | boolean;
      target[place++] = isBig ? BigInt(value) : dtype === "|b1" ? Number(Boolean(value)) : Number(value);
    }
  };
  fill(values, 0);
  return made;
}

/** Return nested lists of an array's elements: numbers, bigints for 64-bit integers, booleans. */
export function toNested(values: NDArray): Nested {
  const strides = values.shape.map((_, axis) => elementCount(values.shape.slice(axis + 1)));
  const element = (place: number): Nested => {
    const value = values.data[place] as number | bigint;
    return values.dtype === "|b1" ? Boolean(value) : value;
  };
  const level = (axis: number, start: number): Nested =>
    axis === values.shape.length
      ? element(start)
      : Array.from({ length: values.shape[axis] as number }, (_, i) =>
          level(axis + 1, start + i * (strides[axis] as number)),
        );
  return level(0, 0);
}

/** Return an array as the protocol has it; the bytes are the array's own where they can be. */
export function toWire(values: NDArray): WireArray {
  const { dtype, data } = values;
  if (data.length !== elementCount(values.shape)) {
    throw new RangeError(`shape [${values.shape.join(", ")}] has not ${data.length} elements`);
  }
  const held = dtype === "<f2" ? Uint16Array.from(data as Float32Array, toHalf) : data;
  return {
    dtype,
    shape: [...values.shape],
    data: new Uint8Array(held.buffer, held.byteOffset, held.byteLength),
  };
}

/** Whether a value of a decoded document is an ARRAY. */
export function isWireArray(value: unknown): value is WireArray {
  if (typeof value !== "object" || value === null) return false;
  const { dtype, shape, data } = value as Record<string, unknown>;
  return typeof dtype === "string" && Array.isArray(shape) && data instanceof Uint8Array;
}

/**
 * Return the array of an ARRAY: a view of the body's bytes where they are aligned, else a copy.
 *
 * @throws InvalidReplyError where the bytes are not those of the dtype and shape.
 */
export function fromWire(wired: WireArray): NDArray {
  const found = Object.hasOwn(KINDS, wired.dtype) ? KINDS[wired.dtype as Dtype] : undefined;
  if (found === undefined) throw new InvalidReplyError(`there is no dtype ${wired.dtype}`);
  const dtype = wired.dtype as Dtype;
  const length = elementCount(wired.shape);
  const itemsize = dtype === "<f2" ? 2 : found.itemsize;
  if (wired.data.byteLength !== length * itemsize) {
    throw new InvalidReplyError(
      `${wired.data.byteLength} bytes are not ${dtype} of shape [${wired.shape.join(", ")}]`,
    );
  }
  const bytes = wired.data.byteOffset % itemsize === 0 ? wired.data : wired.data.slice();
  const data =
    dtype === "<f2"
      ? Float32Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, length), fromHalf)
      : new found.view(bytes.buffer, bytes.byteOffset, length);
  return { dtype, shape: wired.shape, data };
}
