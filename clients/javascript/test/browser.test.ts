/** The bundle in a real Chromium, behind a reverse proxy with a real server. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { ReplayClient } from "../src/index.js";
import { repository, ServerProcess } from "./server-process.js";

const BUNDLE = join(repository, "clients/javascript/dist/browser/replay-client.js");
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
);

/** Inserts and draws by the page's own origin; then tries a server of another origin. */
const page = (elsewhere: string): string => `<!doctype html><script type="module">
import { fromNested, ReplayClient } from "./bundle.js";
const outcome = {};
try {
  const client = new ReplayClient("");
  await client.createTable("page", { capacity: 10 });
  const columns = { observation: { camera: fromNested("|u1", [[1, 2], [3, 4]]) }, long: fromNested("<i8", [2n ** 60n, 1n]) };
  const options = { writer: { id: "page", sequence: 1 } };
  await client.insert("page", columns, options);
  outcome.duplicate = (await client.insert("page", columns, options)).duplicate;
  const { keys } = await client.sample("page", 4);
  outcome.drawn = keys.data.length;
  const rows = await client.scan("page");
  outcome.camera = [...rows.columns["observation/camera"].data];
  outcome.long = String(rows.columns.long.data[0]);
  await client.table("none").catch((error) => { outcome.refused = error.code; });
  await client.putParameters("page", Uint8Array.of(1, 2));
  outcome.parameters = [...(await client.getParameters("page")).content];
  const other = new ReplayClient("${elsewhere}");
  await other.dropTable("page").catch((error) => { outcome.elsewhere = error.url; });
} catch (error) {
  outcome.failed = String(error);
}
await fetch("/outcome", { method: "POST", body: JSON.stringify(outcome) });
</script>`;

/** Serves the page and passes everything else on; `told` is called with the page's outcome. */
async function proxy(target: string, told: (outcome: string) => void): Promise<Server> {
  const bundle = await readFile(BUNDLE);
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === "/page") {
      outgoing.setHeader("content-type", "text/html").end(page(target));
    } else if (incoming.url === "/bundle.js") {
      outgoing.setHeader("content-type", "text/javascript").end(bundle);
    } else if (incoming.url === "/outcome") {
      let body = "";
      incoming.on("data", (chunk: Buffer) => (body += chunk.toString()));
      incoming.on("end", () => {
        outgoing.end();
        told(body);
      });
    } else {
      const { method, headers } = incoming;
      const onward = request(new URL(incoming.url ?? "/", target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(onward);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

test(
  "a page inserts, draws and reads at its own origin, and can't change a server of another",
  { skip: CHROMIUM === undefined && "there is no Chromium", timeout: 120_000 },
  async () => {
    const server = await ServerProcess.start();
    const profile = await mkdtemp(join(tmpdir(), "replay-page-"));
    let told: (outcome: string) => void = () => undefined;
    const outcome = new Promise<string>((resolve) => (told = resolve));
    const site = await proxy(server.url, told);
    const address = `http://127.0.0.1:${(site.address() as AddressInfo).port}/page`;
    const options = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`];
    const browser = spawn(CHROMIUM ?? "", [...options, address], { stdio: "ignore" });
    const gone = new Promise((resolve) => browser.once("exit", resolve));
    try {
      assert.deepEqual(JSON.parse(await outcome), {
        duplicate: true,
        drawn: 4,
        camera: [1, 2, 3, 4],
        long: String(2n ** 60n),
        refused: "unknown_table",
        parameters: [1, 2],
        elsewhere: `${server.url}/v1/tables/page`,
      });
      assert.equal((await new ReplayClient(server.url).table("page")).stats.rows, 2);
    } finally {
      browser.kill();
      await gone;
      site.closeAllConnections();
      site.close();
      await server.stop();
      await rm(profile, { recursive: true, force: true, maxRetries: 10 });
    }
  },
);
