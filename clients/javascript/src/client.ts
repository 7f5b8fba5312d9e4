/** The protocol's endpoints, a method each. */

import type { NDArray } from "./arrays.js";
import { toBatch, type Batch, type Draw } from "./batch.js";
import { Channel, type ClientOptions } from "./channel.js";
import { flatten, type ColumnTree } from "./columns.js";
import { InvalidReplyError } from "./errors.js";
import type {
  Checkpoint,
  DeleteResult,
  Info,
  InsertResult,
  Parameters,
  ParametersEntry,
  Priorities,
  PriorityUpdate,
  ScanResult,
  TableChange,
  TableDocument,
  TableSpec,
  UpdateResult,
  WriterStamp,
} from "./messages.js";

export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}
export interface InsertOptions extends CallOptions {
  priorities?: Priorities;
  /** Makes the insert happen exactly once; only with it is one without an answer sent again. */
  writer?: WriterStamp;
  /** Of tables of steps: which environment each row is of. */
  streams?: NDArray<"<i8">;
  /** Seconds that the server waits for the rate limiter. */
  timeout?: number;
}
export interface DrawOptions {
  batches?: number;
  beta?: number;
  normalize?: "batch" | "table";
  columns?: readonly string[];
  layout?: "stacked" | "indexed";
  /** Stored at the moment of the draw. */
  update?: PriorityUpdate;
  /** Seconds that the server waits for the rate limiter. */
  timeout?: number;
}
export interface Part extends DrawOptions {
  table: string;
  batchSize: number;
}
export interface ScanOptions extends CallOptions {
  after?: number | bigint;
  limit?: number;
  columns?: readonly string[];
  order?: "key" | "priority";
}

const tablePath = (table: string, verb = ""): string =>
  `/v1/tables/${encodeURIComponent(table)}${verb && `/${verb}`}`;
const parametersPath = (name: string): string => `/v1/parameters/${encodeURIComponent(name)}`;
const checkpointPath = (name: string): string => `/v1/checkpoints/${encodeURIComponent(name)}`;

export class ReplayClient {
  readonly #channel: Channel;

  /**
   * @param url where the server is; "" is the site of the page that this runs on.
   * @throws RangeError where a limit lets nothing through.
   */
  constructor(url: string, options: ClientOptions = {}) {
    this.#channel = new Channel(url, options);
  }

  info({ signal }: CallOptions = {}): Promise<Info> {
    return this.#get("/v1/info", signal);
  }

  /** Make a table, or find an equal one. @throws TableExistsError where it is another one. */
  createTable(table: string, spec: TableSpec, { signal }: CallOptions = {}): Promise<TableDocument> {
    const call = { method: "PUT", path: tablePath(table), document: spec, repeatable: true, signal };
    return this.#channel.document(call);
  }

  table(table: string, { signal }: CallOptions = {}): Promise<TableDocument> {
    return this.#get(tablePath(table), signal);
  }

  async tables({ signal }: CallOptions = {}): Promise<TableDocument[]> {
    return (await this.#get<{ tables: TableDocument[] }>("/v1/tables", signal)).tables;
  }

  /** Change settings of a live table. A rate limiter that is set begins to count anew. */
  changeTable(table: string, change: TableChange, { signal }: CallOptions = {}): Promise<TableDocument> {
    const repeatable = change.rate_limiter === undefined;
    return this.#channel.document({ method: "PATCH", path: tablePath(table), document: change, repeatable, signal });
  }

  async dropTable(table: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#channel.answer({ method: "DELETE", path: tablePath(table), signal });
  }

  async resetTable(table: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#channel.answer({ method: "POST", path: tablePath(table, "reset"), signal });
  }

  /** Insert N rows: arrays [N, ...] by name, or in a tree of names. */
  insert(table: string, columns: ColumnTree, options: InsertOptions = {}): Promise<InsertResult> {
    const { signal, ...request } = options;
    return this.#channel.document({
      method: "POST",
      path: tablePath(table, "insert"),
      document: { columns: flatten(columns), ...request },
      repeatable: request.writer !== undefined,
      waitSeconds: request.timeout,
      signal,
    });
  }

  /** Draw a batch. A draw whose answer was lost is not made again. */
  async sample(table: string, batchSize: number, options: DrawOptions & CallOptions = {}): Promise<Batch> {
    const { signal, ...request } = options;
    const reply = await this.#channel.document<Draw>({
      method: "POST",
      path: tablePath(table, "sample"),
      document: { batch_size: batchSize, ...request },
      waitSeconds: request.timeout,
      signal,
    });
    return toBatch(reply);
  }

  /** Draw from several tables at one moment: all parts, or none. */
  async sampleMixed(parts: readonly Part[], { signal }: CallOptions = {}): Promise<Batch[]> {
    const reply = await this.#channel.document<{ parts: Draw[] }>({
      method: "POST",
      path: "/v1/sample",
      document: { parts: parts.map(({ batchSize, ...part }) => ({ batch_size: batchSize, ...part })) },
      waitSeconds: Math.max(0, ...parts.map((part) => part.timeout ?? 0)),
      signal,
    });
    return reply.parts.map(toBatch);
  }

  updatePriorities(
    table: string,
    keys: NDArray<"<i8">,
    priorities: Priorities,
    { signal }: CallOptions = {},
  ): Promise<UpdateResult> {
    return this.#channel.document({
      method: "POST",
      path: tablePath(table, "update-priorities"),
      document: { keys, priorities },
      repeatable: true,
      signal,
    });
  }

  delete(table: string, keys: NDArray<"<i8">, { signal }: CallOptions = {}): Promise<DeleteResult> {
    return this.#channel.document({ method: "POST", path: tablePath(table, "delete"), document: { keys }, signal });
  }

  scan(table: string, options: ScanOptions = {}): Promise<ScanResult> {
    const { signal, ...request } = options;
    return this.#channel.document({
      method: "POST",
      path: tablePath(table, "scan"),
      document: request,
      repeatable: true,
      signal,
    });
  }

  /** Store bytes as the next version, which is returned. */
  async putParameters(
    name: string,
    content: Uint8Array<ArrayBuffer>,
    { signal }: CallOptions = {},
  ): Promise<number> {
    const headers = { "content-type": "application/octet-stream" };
    const call = { method: "PUT", path: parametersPath(name), bytes: content, headers, signal };
    return (await this.#channel.document<{ version: number }>(call)).version;
  }

  /**
   * Return what stands under a name; null where it is not newer than `newerThan` even after
   * `wait` seconds, or where its ETag is still `etag`.
   */
  async getParameters(
    name: string,
    options: { newerThan?: number; wait?: number; etag?: string } & CallOptions = {},
  ): Promise<Parameters | null> {
    const { newerThan, wait, etag, signal } = options;
    const query = new URLSearchParams();
    if (newerThan !== undefined) query.set("newer_than", String(newerThan));
    if (wait !== undefined) query.set("wait", String(wait));
    const asked = query.size === 0 ? "" : `?${query.toString()}`;
    const { status, headers, body } = await this.#channel.answer({
      method: "GET",
      path: parametersPath(name) + asked,
      ...(etag === undefined ? {} : { headers: { "if-none-match": etag } }),
      repeatable: true,
      waitSeconds: wait,
      signal,
    });
    if (status === 304) return null;
    const version = Number(headers.get("x-parameters-version") ?? NaN);
    if (!Number.isInteger(version)) throw new InvalidReplyError("parameters came without a version");
    return { version, content: body, etag: headers.get("etag") ?? `"${version}"` };
  }

  async listParameters({ signal }: CallOptions = {}): Promise<ParametersEntry[]> {
    return (await this.#get<{ parameters: ParametersEntry[] }>("/v1/parameters", signal)).parameters;
  }

  async deleteParameters(name: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#channel.answer({ method: "DELETE", path: parametersPath(name), signal });
  }

  writeCheckpoint(name?: string, { signal }: CallOptions = {}): Promise<Checkpoint> {
    return this.#channel.document({ method: "POST", path: "/v1/checkpoints", document: { name }, signal });
  }

  async listCheckpoints({ signal }: CallOptions = {}): Promise<Checkpoint[]> {
    return (await this.#get<{ checkpoints: Checkpoint[] }>("/v1/checkpoints", signal)).checkpoints;
  }

  async restoreCheckpoint(name: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#channel.answer({ method: "POST", path: `${checkpointPath(name)}/restore`, signal });
  }

  async deleteCheckpoint(name: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#channel.answer({ method: "DELETE", path: checkpointPath(name), signal });
  }

  #get<Reply>(path: string, signal?: AbortSignal): Promise<Reply> {
    return this.#channel.document({ method: "GET", path, repeatable: true, signal });
  }
}
