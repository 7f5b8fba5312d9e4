/** The network of `agent-client learn`: rectified layers, normalized or not, and a linear head. */

import type { Tensor } from "./safetensors.js";

interface Layer {
  weight: Tensor;
  bias: Tensor;
}
const NORM_EPSILON = 1e-5;

export class QNetwork {
  readonly #layers: Layer[];

  /** @throws Error where the head is not a plain one (dueling, noisy, of a distribution). */
  constructor(tensors: ReadonlyMap<string, Tensor>) {
    const named = /^(hidden|head\.advantage)\.(\d+)\.(weight|bias)$/;
    for (const name of tensors.keys()) {
      if (!named.test(name)) throw new Error(`this actor knows plain networks, not ${name}`);
    }
    const numbered = (stem: string): Layer[] =>
      [...tensors.keys()]
        .filter((name) => name.startsWith(`${stem}.`) && name.endsWith(".weight"))
        .map((name) => Number(name.slice(stem.length + 1, -".weight".length)))
        .sort((one, other) => one - other)
        .map((number) => ({
          weight: tensors.get(`${stem}.${number}.weight`) as Tensor,
          bias: tensors.get(`${stem}.${number}.bias`) as Tensor,
        }));
    this.#layers = [...numbered("hidden"), ...numbered("head.advantage")];
  }

  /** Return the value of each action. */
  values(observation: Float32Array): Float32Array {
    let values = observation;
    this.#layers.forEach((layer, place) => {
      const isLinear = layer.weight.shape.length === 2;
      if (isLinear && place > 0) values = values.map((value) => Math.max(0, value));
      values = isLinear ? linear(layer, values) : normalized(layer, values);
    });
    return values;
  }

  /** Return the action of the highest value. */
  best(observation: Float32Array): number {
    const values = this.values(observation);
    return values.indexOf(Math.max(...values));
  }
}

function linear({ weight, bias }: Layer, values: Float32Array): Float32Array {
  const width = values.length;
  return bias.data.map((start, row) => {
    let sum = start;
    for (let i = 0; i < width; i++) {
      sum += (weight.data[row * width + i] as number) * (values[i] as number);
    }
    return sum;
  });
}

function normalized({ weight, bias }: Layer, values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const scale = 1 / Math.sqrt(variance + NORM_EPSILON);
  return values.map(
    (value, i) => (value - mean) * scale * (weight.data[i] as number) + (bias.data[i] as number),
  );
}
