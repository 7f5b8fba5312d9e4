/** Items drawn from a table. */

import type { NDArray } from "./arrays.js";
import { gather, type Columns } from "./columns.js";

/** What an answer to a draw holds. With `batches` K > 1 each array has a leading axis K. */
export interface Draw {
  keys: NDArray<"<i8">;
  probabilities: NDArray<"<f8">;
  weights: NDArray<"<f4">;
  priorities: NDArray<"<f8">;
  times_sampled: NDArray<"<i4">;
  ages: NDArray<"<i8">;
  columns: Columns & { rows?: never };
  size: number;
  updated: number;
  stale: number;
}

export interface Batch extends Draw {
  /** In the indexed layout each distinct row once, which the indices among `columns` point into. */
  rows?: Columns;
}

/** Return the batch of a reply: `rows`, which are no column, get a place of their own. */
export function toBatch(reply: Draw): Batch {
  const { rows, ...columns } = reply.columns as Columns & { rows?: Columns };
  return { ...reply, columns, ...(rows === undefined ? {} : { rows: rows }) };
}

/**
 * Return a batch in the stacked layout: itself, or with its rows put where they belong.
 *
 * Transitions get `observation` and `next_observation` (each `observation/x` alike); sequences
 * every column as [B, L, ...], 0 where `mask` is 0.
 */
export function stacked(batch: Batch): Batch {
  const { rows, ...rest } = batch;
  if (rows === undefined) return batch;
  const {
    observation_index: index,
    next_observation_index: nextIndex,
    sequence_index: sequenceIndex,
    ...columns
  } = batch.columns as Columns & Record<`${string}index`, NDArray<"<i4">>;
  for (const [name, values] of Object.entries(rows)) {
    if (sequenceIndex) {
      columns[name] = gather(values, sequenceIndex, columns["mask"] as NDArray<"|b1">);
      continue;
    }
    if (index) columns[name] = gather(values, index);
    if (nextIndex) columns[`next_${name}`] = gather(values, nextIndex);
  }
  return { ...rest, columns };
}
