import assert from "node:assert/strict";
import { test } from "node:test";

import {
  encode,
  fromNested,
  NotAReplayServerError,
  RateLimitedError,
  ReplayClient,
  ServerFailedError,
  ServerRejectedError,
  ServerUnavailableError,
  ServerUnreachableError,
} from "../src/index.js";
import { REJECTIONS } from "../src/errors.js";
import { pauseAfter } from "../src/patience.js";

type Step = (() => Response) | Error | "silence";
const BASE = { "x-replay-protocol": "1", "content-type": "application/msgpack" };
const ok = (document: unknown = {}) => () => new Response(encode(document), { headers: BASE });
const problem = (status: number, code: string, headers: Record<string, string> = {}) => () =>
  new Response(encode({ status, code, detail: "no" }), { status, headers: { ...BASE, ...headers } });
const lost = new TypeError("fetch failed");
const refused = new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });

/** A client whose requests meet what is scripted, and how many there have been. */
function scripted(...steps: Step[]): { client: ReplayClient; sent: RequestInit[] } {
  const sent: RequestInit[] = [];
  const send = (_url: unknown, init: RequestInit = {}): Promise<Response> => {
    const step = steps[sent.push(init) - 1];
    if (step === undefined) throw new Error("nothing is scripted for this request");
    if (step === "silence") {
      return new Promise((_, reject) => {
        init.signal?.addEventListener("abort", () => {
          reject(new DOMException("aborted", "AbortError"));
        });
      });
    }
    return step instanceof Error ? Promise.reject(step) : Promise.resolve(step());
  };
  const options = { fetch: send, token: "secret", timeoutSeconds: 0.2, totalTimeoutSeconds: 5 };
  return { client: new ReplayClient("http://server", options), sent };
}
const rows = { reward: fromNested("<f4", [1]) };
const writer = { id: "a", sequence: 1 };

test("what may happen twice is sent again after a lost answer, with the same bytes", async () => {
  const { client, sent } = scripted(lost, ok({ duplicate: true }));

  assert.ok((await client.insert("t", rows, { writer })).duplicate);
  assert.deepEqual(sent[0]?.body, sent[1]?.body);
});

test("what may not happen twice is not sent again after a lost answer", async () => {
  for (const call of [
    (client: ReplayClient) => client.insert("t", rows),
    (client: ReplayClient) => client.sample("t", 1),
    (client: ReplayClient) => client.putParameters("p", new Uint8Array(1)),
    (client: ReplayClient) => client.changeTable("t", { rate_limiter: { kind: "min_size" } }),
    (client: ReplayClient) => client.dropTable("t"),
    (client: ReplayClient) => client.resetTable("t"),
    (client: ReplayClient) => client.delete("t", fromNested("<i8", [1])),
  ]) {
    const { client, sent } = scripted(lost, ok());

    await assert.rejects(call(client), { name: "ServerUnreachableError", mayHaveHappened: true });
    assert.equal(sent.length, 1);
  }
});

test("a draw goes out again where no connection stood, and after 503", async () => {
  const { client, sent } = scripted(refused, problem(503, "unavailable"), ok({ columns: {} }));

  await client.sample("t", 1);
  assert.equal(sent.length, 3);
});

test("refusals are not sent again", async () => {
  for (const [step, kind] of [
    [problem(429, "rate_limited", { "retry-after": "1" }), RateLimitedError],
    [problem(500, "internal"), ServerFailedError],
    [problem(418, "of_a_later_server"), ServerRejectedError],
    [() => new Response("hello"), NotAReplayServerError],
  ] as const) {
    const { client, sent } = scripted(step, ok());

    await assert.rejects(client.info(), kind);
    assert.equal(sent.length, 1);
  }
});

test("Retry-After of a 503 is waited for, and not where it leads beyond the whole call's time", async () => {
  const begin = performance.now();
  await scripted(problem(503, "unavailable", { "retry-after": "1" }), ok()).client.info();
  assert.ok(performance.now() - begin >= 1000);

  const { client, sent } = scripted(problem(503, "unavailable", { "retry-after": "30" }), ok());
  await assert.rejects(client.info(), ServerUnavailableError);
  assert.equal(sent.length, 1);
});

test("a gateway's 502 is an answer that was lost", async () => {
  const gateway = () => new Response("", { status: 502 });

  await scripted(gateway, ok()).client.info();
  await assert.rejects(scripted(gateway, ok()).client.sample("t", 1), ServerUnreachableError);
});

test("silence ends after the timeout, and the wait that the server is told is added", async () => {
  const begin = performance.now();
  await assert.rejects(scripted("silence").client.sample("t", 1, { timeout: 0.3 }), ServerUnreachableError);
  const took = performance.now() - begin;
  assert.ok(took >= 490 && took < 3000, `${took} ms`);
});

test("a signal ends a call with its reason, under way or in a pause", async () => {
  const reason = new Error("enough");
  for (const step of ["silence", problem(503, "unavailable", { "retry-after": "3" })] as const) {
    const stop = new AbortController();
    const call = scripted(step, ok()).client.info({ signal: stop.signal });
    setTimeout(() => {
      stop.abort(reason);
    }, 20);

    await assert.rejects(call, reason);
  }
});

test("the token goes along", async () => {
  const { client, sent } = scripted(ok());
  await client.info();

  assert.equal((sent[0]?.headers as Record<string, string>)["authorization"], "Bearer secret");
});

test("pauses grow to two seconds", () => {
  const pauses = [1, 2, 3, 4, 5, 6, 60].map((failures) => pauseAfter(lost, failures, () => 1));

  assert.deepEqual(pauses, [0.2, 0.4, 0.8, 1.6, 2, 2, 2]);
});

test("every code has a class of its own", () => {
  assert.equal(new Set(REJECTIONS.values()).size, REJECTIONS.size);
});
