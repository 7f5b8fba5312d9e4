/** The program of the README, as one would paste it into a file of one's own. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { transform } from "esbuild";

import { ReplayClient } from "../src/index.js";
import { ServerProcess } from "./server-process.js";

test("the program of the README does what it says", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const program = /```ts\n(.*?)```/s.exec(readme)?.[1];
  assert.ok(program);
  const server = await ServerProcess.start();
  try {
    const here = program.replace("http://127.0.0.1:8000", server.url);
    const file = fileURLToPath(new URL("readme-program.mjs", import.meta.url));
    await writeFile(file, (await transform(here, { loader: "ts", format: "esm" })).code);

    await promisify(execFile)(process.execPath, [file]);

    const { stats } = await new ReplayClient(server.url).table("transitions");
    assert.deepEqual([stats.rows, stats.sampled_total], [2, 32]);
  } finally {
    await server.stop();
  }
});
