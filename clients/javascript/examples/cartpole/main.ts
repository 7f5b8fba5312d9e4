/** `npm run actor -- http://127.0.0.1:8000 RUN [EPSILON]`, beside `agent-client learn --table RUN`. */

import { ReplayClient } from "../../src/index.js";
import { act } from "./actor.js";

const [url = "http://127.0.0.1:8000", run = "CartPole-v1-dqn", epsilon = "0.2"] = process.argv.slice(2);
const token = process.env["REPLAY_TOKEN"];
const stop = new AbortController();
process.once("SIGINT", () => {
  stop.abort(new Error("interrupted"));
});

const client = new ReplayClient(url, token === undefined ? {} : { token });
const report = await act(client, { run, epsilon: Number(epsilon), index: 0, signal: stop.signal });
const last = report.returns.slice(-20);
const mean = last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length);
console.log(
  `the run is over (${report.outcome}): ${report.steps} steps, ${report.returns.length} episodes, ` +
    `mean return of the last ${last.length}: ${mean.toFixed(1)}`,
);
