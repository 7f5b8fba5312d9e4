/** Steps on their way to a table: collected, then inserted exactly once. */

import { array, RateLimitedError, type ColumnTree, type ReplayClient } from "../../src/index.js";

const WAIT_SECONDS = 1;

interface Row {
  observation: Float32Array;
  action: number;
  reward: number;
  isFirst: boolean;
  isLast: boolean;
  isTerminal: boolean;
}

export class StepRows {
  readonly #rows: Row[] = [];
  #sequence = 0;

  /** @param writer an id that nobody else has. */
  constructor(
    private readonly client: ReplayClient,
    private readonly table: string,
    private readonly writer: string,
  ) {}

  get waiting(): number {
    return this.#rows.length;
  }

  add(row: Row): void {
    this.#rows.push(row);
  }

  /** Insert all that wait; ask the rate limiter until it lets them in, or `signal` is aborted. */
  async send(signal: AbortSignal): Promise<void> {
    if (this.#rows.length === 0) return;
    const columns = columnsOf(this.#rows);
    const writer = { id: this.writer, sequence: ++this.#sequence };
    for (;;) {
      try {
        await this.client.insert(this.table, columns, { writer, timeout: WAIT_SECONDS, signal });
        break;
      } catch (error) {
        if (!(error instanceof RateLimitedError)) throw error;
      }
    }
    this.#rows.length = 0;
  }
}

function columnsOf(rows: readonly Row[]): ColumnTree {
  const n = rows.length;
  const width = rows[0]?.observation.length ?? 0;
  const flags = (of: (row: Row) => boolean) =>
    array("|b1", [n], Uint8Array.from(rows, (row) => Number(of(row))));
  return {
    observation: array("<f4", [n, width], Float32Array.from(rows.flatMap((row) => [...row.observation]))),
    action: array("<i8", [n], BigInt64Array.from(rows, (row) => BigInt(row.action))),
    reward: array("<f4", [n], Float32Array.from(rows, (row) => row.reward)),
    is_first: flags((row) => row.isFirst),
    is_last: flags((row) => row.isLast),
    is_terminal: flags((row) => row.isTerminal),
  };
}
