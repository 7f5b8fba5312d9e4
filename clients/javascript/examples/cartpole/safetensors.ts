/** Reads safetensors files of float32 tensors: a length, a header in JSON, bytes. */

export interface Tensor {
  shape: number[];
  data: Float32Array;
}
export interface Safetensors {
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** @throws Error where a tensor is of another dtype. */
export function readSafetensors(content: Uint8Array): Safetensors {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(content.subarray(8, start))) as Record<string, Entry>;
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, Entry> & {
    __metadata__?: Record<string, string>;
  };
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(entries as Record<string, Entry>)) {
    if (entry.dtype !== "F32") throw new Error(`tensor ${name} is ${entry.dtype}, not F32`);
    const [from, to] = entry.data_offsets;
    const bytes = content.slice(start + from, start + to);
    tensors.set(name, { shape: entry.shape, data: new Float32Array(bytes.buffer) });
  }
  return { tensors, metadata };
}
