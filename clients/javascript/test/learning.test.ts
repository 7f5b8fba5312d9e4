/** An actor in JavaScript and a learner in Python, around a real server. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { act } from "../examples/cartpole/actor.js";
import { ReplayClient } from "../src/index.js";
import { python, ServerProcess } from "./server-process.js";

const LEARN = [
  "--env=CartPole-v1", "--tracker=none", "--steps=1500", "--evaluation-period=700", "--evaluation-episodes=3",
  "--stop-return=inf", "--set", "learning_starts=100", "--set", "update_period=10", "--set", "updates_per_round=2",
  "--set", "hidden_units=16", "--publish-period=5",
];

test("a learner learns from what an actor of this client inserts", { timeout: 400_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "replay-learner-"));
  const server = await ServerProcess.start();
  const run = "javascript";
  const learner = python([
    "-m", "agent_client", "learn", ...LEARN, `--server=${server.url}`, `--table=${run}`, `--out=${join(folder, "run")}`,
  ]);
  learner.stdout?.resume();
  const ended = new Promise<number | null>((resolve) => learner.once("exit", resolve));
  try {
    const client = new ReplayClient(server.url);
    const signal = AbortSignal.timeout(380_000);
    const report = await act(client, { run, epsilon: 0.3, index: 3, signal });

    assert.equal(await ended, 0);
    assert.match(report.outcome, /out of steps/);
    assert.ok(report.versions > 5, `${report.versions} versions`);
    const { stats } = await client.table(run);
    assert.ok(stats.inserted_total >= 1500);
    assert.ok(stats.sampled_total > 10_000 && stats.updated_total > 10_000);
    const episodes = await client.scan(`${run}.episodes`);
    assert.deepEqual([...(episodes.columns["episode_return"]?.data ?? [])], report.returns);
    assert.ok(episodes.columns["actor"]?.data.every((actor) => actor === 3));
  } finally {
    learner.kill();
    await server.stop();
    await rm(folder, { recursive: true });
  }
});
