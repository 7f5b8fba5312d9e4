/** The client and a real server: every endpoint. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import {
  array,
  BadPriorityError,
  fromNested,
  InvalidRequestError,
  NothingToDrawError,
  RateLimitedError,
  ReplayClient,
  SchemaMismatchError,
  stacked,
  StaleSequenceError,
  TableExistsError,
  toNested,
  UnknownCheckpointError,
  UnknownParametersError,
  UnknownTableError,
  type TableSpec,
} from "../src/index.js";
import { REJECTIONS } from "../src/errors.js";
import { repository, ServerProcess } from "./server-process.js";

let folder: string;
let server: ServerProcess;
let client: ReplayClient;
let tables = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "replay-client-"));
  server = await ServerProcess.start(`--data-dir=${folder}`);
  client = new ReplayClient(server.url);
});
after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

async function newTable(spec: Partial<TableSpec> = {}): Promise<string> {
  const name = `table-${++tables}`;
  await client.createTable(name, { capacity: 100, seed: 1, ...spec });
  return name;
}
const rewards = (...values: number[]) => ({ reward: fromNested("<f4", values) });
const keys = (...values: number[]) => fromNested("<i8", values);

/** Columns of one episode of steps whose observations are 0, 1, 2, ... */
const episode = (length: number) => {
  const places = Array.from({ length }, (_, place) => place);
  const last = places.map((place) => place === length - 1);
  return {
    observation: fromNested("<f4", places.map((place) => [place])),
    action: fromNested("<i4", places),
    reward: fromNested("<f4", places.map(() => 1)),
    is_first: fromNested("|b1", places.map((place) => place === 0)),
    is_last: fromNested("|b1", last),
    is_terminal: fromNested("|b1", last),
  };
};

test("info tells the limits", async () => {
  const info = await client.info();

  assert.equal(info.protocol, 1);
  assert.equal(info.limits["max_draws_per_request"], 1_048_576);
});

test("a table is made, found, changed, listed, reset and dropped", async () => {
  const name = await newTable({ sampler: { kind: "prioritized", alpha: 0.5 } });
  await client.insert(name, rewards(1, 2));

  await assert.rejects(client.createTable(name, { capacity: 7 }), TableExistsError);
  assert.equal((await client.table(name)).stats.size, 2);
  const changed = await client.changeTable(name, { sampler: { beta: 0.75 } });
  assert.deepEqual([changed.spec.sampler?.["alpha"], changed.spec.sampler?.["beta"]], [0.5, 0.75]);
  assert.ok((await client.tables()).some((table) => table.name === name));
  await client.resetTable(name);
  assert.equal((await client.table(name)).stats.size, 0);
  await client.dropTable(name);
  await assert.rejects(client.table(name), UnknownTableError);
});

test("a writer's insert sent twice happens once", async () => {
  const name = await newTable();
  const writer = { id: "actor", sequence: 12 };

  const first = await client.insert(name, rewards(1, 2), { writer });
  const again = await client.insert(name, rewards(1, 2), { writer });

  assert.deepEqual(again.keys, first.keys);
  assert.deepEqual([first.duplicate, again.duplicate], [false, true]);
  assert.equal((await client.table(name)).stats.inserted_total, 2);
  const behind = client.insert(name, rewards(3), { writer: { id: "actor", sequence: 11 } });
  await assert.rejects(behind, (error) => error instanceof StaleSequenceError && error.last === 12);
});

test("sequences of 63 bits are exact", async () => {
  const name = await newTable();
  const last = 2n ** 63n - 2n;
  await client.insert(name, rewards(1), { writer: { id: "actor", sequence: last } });

  const behind = client.insert(name, rewards(1), { writer: { id: "actor", sequence: last - 1n } });
  await assert.rejects(behind, (error) => error instanceof StaleSequenceError && error.last === last);
});

test("rows of every dtype and of nested columns come back by scan, page by page", async () => {
  const name = await newTable();
  const columns = {
    observation: { camera: array("|u1", [3, 2], Uint8Array.of(1, 2, 3, 4, 5, 6)), half: fromNested("<f2", [0.5, 1, 2]) },
    done: fromNested("|b1", [true, false, true]),
    long: fromNested("<i8", [2n ** 62n, -1n, 0n]),
    double: fromNested("<f8", [0.1, 0.2, 0.3]),
  };
  const priorities = fromNested("<f8", [1, 2, 3]);
  const inserted = await client.insert(name, columns, { priorities });

  const page = await client.scan(name, { limit: 2 });
  const rest = await client.scan(name, { after: page.keys.data[1] as bigint });

  assert.deepEqual([page.more, rest.more], [true, false]);
  assert.deepEqual([...page.keys.data, ...rest.keys.data], [...inserted.keys.data]);
  assert.deepEqual(page.columns["observation/camera"]?.data, Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual(toNested(page.columns["observation/half"] as never), [0.5, 1]);
  assert.deepEqual(toNested(page.columns["done"] as never), [true, false]);
  assert.deepEqual(page.columns["long"]?.data, BigInt64Array.of(2n ** 62n, -1n));
  assert.deepEqual(rest.columns["double"]?.data, Float64Array.of(0.3));
  const highest = await client.scan(name, { order: "priority", limit: 1, columns: ["done"] });
  assert.deepEqual(Object.keys(highest.columns), ["done"]);
  assert.deepEqual(highest.priorities.data, Float64Array.of(3));
});

test("draws follow priorities, weigh by beta, and take updates along", async () => {
  const name = await newTable();
  await client.insert(name, rewards(1, 2), { priorities: fromNested("<f4", [0, 1]) });

  const batch = await client.sample(name, 4, { beta: 1, columns: ["reward"] });
  assert.deepEqual(batch.columns["reward"]?.data, Float32Array.of(2, 2, 2, 2));
  assert.deepEqual(batch.probabilities.data, Float64Array.of(1, 1, 1, 1));

  const update = { keys: keys(0, 1, 99), priorities: fromNested("<f4", [3, 0, 1]) };
  const after = await client.sample(name, 2, { batches: 3, update });
  assert.deepEqual([after.updated, after.stale, after.size], [2, 1, 2]);
  assert.deepEqual(after.keys.shape, [3, 2]);
  assert.ok(after.columns["reward"]?.data.every((value) => value === 1));
});

test("several tables are drawn from in one request", async () => {
  const [one, other] = [await newTable(), await newTable()];
  await client.insert(one, rewards(1));
  await client.insert(other, rewards(2));

  const batches = await client.sampleMixed([
    { table: one, batchSize: 1 },
    { table: other, batchSize: 2, beta: 0 },
  ]);
  assert.deepEqual(batches.map((batch) => toNested(batch.columns["reward"] as never)), [[1], [2, 2]]);
});

for (const items of [
  { kind: "transition", n_step: 2, frame_stack: 2 },
  { kind: "sequence", length: 3, period: 2 },
]) {
  test(`indexed draws of a ${items.kind} table, stacked, are what stacked ones are`, async () => {
    const specs = { items, sampler: { kind: "fifo" } };
    const name = await newTable(specs);
    await client.insert(name, episode(6), { streams: fromNested("<i8", [5, 5, 5, 5, 5, 5]) });

    const plain = await client.sample(name, 3);
    const indexed = await client.sample(name, 3, { layout: "indexed" });

    assert.ok(indexed.rows);
    const sorted = (columns: object) => Object.fromEntries(Object.entries(columns).sort());
    assert.deepEqual(sorted(stacked(indexed).columns), sorted(plain.columns));
  });
}

test("priorities are updated, rows deleted, and what is gone is counted", async () => {
  const name = await newTable();
  await client.insert(name, rewards(1, 2, 3));

  const updated = await client.updatePriorities(name, keys(0, 7), fromNested("<f4", [2, 2]));
  assert.deepEqual(updated, { updated: 1, stale: 1 });
  assert.deepEqual(await client.delete(name, keys(0, 7)), { deleted: 1, stale: 1 });
  const none = client.updatePriorities(name, keys(1), fromNested("<f4", [-1]));
  await assert.rejects(none, BadPriorityError);
});

test("parameters have versions, ETags, and waits for newer ones", async () => {
  const waiting = client.getParameters("policy", { newerThan: 0, wait: 20 });
  const version = await client.putParameters("policy", Uint8Array.of(1, 2, 3));

  const found = await waiting;
  assert.deepEqual([found?.version, found?.content], [version, Uint8Array.of(1, 2, 3)]);
  assert.equal(await client.getParameters("policy", { etag: found?.etag ?? "" }), null);
  assert.equal(await client.getParameters("policy", { newerThan: version }), null);
  assert.deepEqual(await client.listParameters(), [{ name: "policy", version, bytes: 3 }]);
  await client.deleteParameters("policy");
  await assert.rejects(client.getParameters("policy"), UnknownParametersError);
});

test("checkpoints are written, listed, restored and deleted", async () => {
  const name = await newTable();
  await client.insert(name, rewards(1));

  const written = await client.writeCheckpoint("monday");
  await client.insert(name, rewards(2));
  await client.restoreCheckpoint("monday");

  assert.deepEqual(await client.listCheckpoints(), [written]);
  assert.equal((await client.table(name)).stats.size, 1);
  await client.deleteCheckpoint("monday");
  await assert.rejects(client.restoreCheckpoint("monday"), UnknownCheckpointError);
});

test("refusals are told by class and by what was wrong", async () => {
  const name = await newTable({ rate_limiter: { kind: "min_size", min_size: 2 } });
  await client.insert(name, rewards(1), { priorities: fromNested("<f4", [0]) });

  await assert.rejects(client.sample(name, 1), RateLimitedError);
  await client.insert(name, rewards(1), { priorities: fromNested("<f4", [0]) });
  await assert.rejects(client.sample(name, 1), NothingToDrawError);
  const wrong = client.insert(name, { reward: fromNested("<f8", [1]) });
  await assert.rejects(wrong, (error) => error instanceof SchemaMismatchError && error.column === "reward");
  const none = client.createTable("bad", { capacity: 0 });
  await assert.rejects(none, (error) => error instanceof InvalidRequestError && error.field === "capacity");
});

test("a waiting draw is ended by its signal", async () => {
  const name = await newTable();
  const begin = performance.now();

  await assert.rejects(client.sample(name, 1, { timeout: 30, signal: AbortSignal.timeout(50) }), {
    name: "TimeoutError",
  });
  assert.ok(performance.now() - begin < 20_000);
});

test("the codes are those of the protocol", async () => {
  const protocol = await readFile(join(repository, "docs", "protocol.md"), "utf8");
  const rows = protocol.split("\n").filter((line) => /^\| \d{3}/.test(line));
  const codes = rows.flatMap((row) => [...(row.split("|")[2] ?? "").matchAll(/`([a-z_]+)`/g)].map((match) => match[1] as string));

  for (const code of codes.filter((code) => !["field", "column", "expected", "got", "detail"].includes(code))) {
    assert.ok(REJECTIONS.has(code), code);
  }
});
