/** A client of replay-server, for Node and browsers. Start with `ReplayClient`. */

export { array, fromNested, toNested, zeros, type Dtype, type DtypeArrays, type NDArray, type Nested, type TypedArray } from "./arrays.js";
export { stacked, type Batch } from "./batch.js";
export type { ClientOptions } from "./channel.js";
export { ReplayClient, type CallOptions, type DrawOptions, type InsertOptions, type Part, type ScanOptions } from "./client.js";
export { decode, encode } from "./codec.js";
export { flatten, nest, type Columns, type ColumnTree } from "./columns.js";
export * from "./errors.js";
export type * from "./messages.js";
