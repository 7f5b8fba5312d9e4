/** What goes over the wire, as the protocol names it, but for arrays and times. */

import type { Dtype, NDArray } from "./arrays.js";
import type { Columns } from "./columns.js";

export interface ColumnSpec {
  dtype: Dtype;
  shape: readonly number[];
  compression?: "lz4" | "zstd";
}
export interface Kinded {
  kind: string;
  [setting: string]: unknown;
}
export interface TableSpec {
  capacity: number;
  columns?: Record<string, ColumnSpec>;
  items?: Kinded;
  sampler?: Kinded;
  remover?: Kinded;
  rate_limiter?: Kinded;
  max_times_sampled?: number;
  seed?: number | null;
}
export interface TableStats {
  size: number;
  rows: number;
  inserted_total: number;
  sampled_total: number;
  updated_total: number;
  stale_total: number;
  bytes: number;
  max_priority: number;
  priority_sum: number;
  samples_per_insert: number;
  sample_age: Record<string, number | null>;
  [further: string]: unknown;
}
export interface TableDocument {
  name: string;
  spec: TableSpec;
  stats: TableStats;
}
/** Settings to change; `null` or absent is as it was. */
export interface TableChange {
  sampler?: Record<string, unknown>;
  rate_limiter?: Record<string, unknown>;
  max_times_sampled?: number;
}
export interface Info {
  version: string;
  protocol: number;
  limits: Record<string, number>;
}
export interface WriterStamp {
  id: string;
  sequence: number | bigint;
}
export type Priorities = NDArray<Exclude<Dtype, "|b1">>;
export interface InsertResult {
  keys: NDArray<"<i8">;
  /** Whether the server had done this insert before, and only told its keys again. */
  duplicate: boolean;
}
export interface UpdateResult {
  updated: number;
  stale: number;
}
export interface DeleteResult {
  deleted: number;
  stale: number;
}
export interface ScanResult {
  keys: NDArray<"<i8">;
  priorities: NDArray<"<f8">;
  columns: Columns;
  /** Of tables of steps: the key of the step before each. */
  previous?: NDArray<"<i8">;
  more: boolean;
}
export interface PriorityUpdate {
  keys: NDArray<"<i8">;
  priorities: Priorities;
}
export interface Parameters {
  version: number;
  content: Uint8Array;
  etag: string;
}
export interface ParametersEntry {
  name: string;
  version: number;
  bytes: number;
}
export interface Checkpoint {
  name: string;
  tables: number;
  rows: number;
  bytes: number;
}
