/** Columns by name, and the trees that names with `/` stand for. */

import { elementCount, zeros, type NDArray } from "./arrays.js";

export type Columns = Record<string, NDArray>;
/** `{observation: {camera: ..., speed: ...}}` is `observation/camera` and `observation/speed`. */
export interface ColumnTree {
  [name: string]: NDArray | ColumnTree;
}

/** Whether a value is an array, and no map of further ones. */
export function isArray(value: NDArray | ColumnTree): value is NDArray {
  return ArrayBuffer.isView((value as NDArray).data) && typeof value.dtype === "string";
}

/** Return columns under their full names. Arrays are kept. */
export function flatten(tree: ColumnTree, prefix = ""): Columns {
  const flat: Columns = {};
  for (const [name, value] of Object.entries(tree)) {
    if (isArray(value)) flat[prefix + name] = value;
    else Object.assign(flat, flatten(value, `${prefix}${name}/`));
  }
  return flat;
}

/** Return the tree of columns whose names hold `/`: the opposite of `flatten`. */
export function nest(columns: Columns): ColumnTree {
  const tree: ColumnTree = {};
  for (const [name, value] of Object.entries(columns)) {
    const parts = name.split("/");
    const last = parts.pop() as string;
    let level = tree;
    for (const part of parts) level = (level[part] ??= {}) as ColumnTree;
    level[last] = value;
  }
  return tree;
}

/**
 * Return `rows[index]`: the rows of [U, ...] that an index of any shape points to, in new memory.
 * Where `mask` (of the index's shape) is 0 the result is 0.
 */
export function gather(rows: NDArray, index: NDArray<"<i4">, mask?: NDArray<"|b1">): NDArray {
  const rowShape = rows.shape.slice(1);
  const width = elementCount(rowShape);
  const result = zeros(rows.dtype, [...index.shape, ...rowShape]);
  index.data.forEach((row, place) => {
    if (mask && !mask.data[place]) return;
    const source = rows.data.subarray(row * width, (row + 1) * width);
    (result.data as { set(from: typeof source, at: number): void }).set(source, place * width);
  });
  return result;
}
