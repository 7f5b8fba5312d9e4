/** One call: a request, its attempts, and the answer's bytes or an error. */

import { decode, encode } from "./codec.js";
import {
  InvalidReplyError,
  NotAReplayServerError,
  ServerUnreachableError,
  rejection,
  type Problem,
} from "./errors.js";
import { goesOutAgain, pause, pauseAfter, PATIENCE, type Patience } from "./patience.js";

const MSGPACK = "application/msgpack";
const GATEWAY_STATUSES = [502, 503, 504];
/** What Node says where no connection came to stand. Browsers don't tell. */
const NEVER_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

export interface ClientOptions extends Partial<Patience> {
  /** A bearer token, where the server asks for one. */
  readonly token?: string;
  /** What sends requests; by default the runtime's `fetch`. */
  readonly fetch?: typeof fetch;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  /** Sent as MessagePack. */
  readonly document?: unknown;
  /** Sent as it is. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  /** Whether it may happen twice without harm. */
  readonly repeatable?: boolean;
  /** Seconds that the server is told to wait. */
  readonly waitSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A whole answer that is no refusal. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export class Channel {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;
  readonly #patience: Patience;

  constructor(url: string, options: ClientOptions) {
    const { token, fetch: send, ...patience } = options;
    this.#url = url.replace(/\/+$/, "");
    this.#token = token;
    this.#fetch = send ?? globalThis.fetch.bind(globalThis);
    this.#patience = { ...PATIENCE, ...patience };
    const { timeoutSeconds, totalTimeoutSeconds, attempts } = this.#patience;
    if (!(timeoutSeconds > 0 && totalTimeoutSeconds > 0 && attempts >= 1)) {
      throw new RangeError("expected timeouts of more than 0 s and at least 1 attempt");
    }
  }

  /** Make a call and return the document that it is answered with. */
  async document<Reply>(call: Call): Promise<Reply> {
    const { body } = await this.answer(call);
    return (body.length === 0 ? {} : decode(body)) as Reply;
  }

  /** Make a call: as many attempts as it takes and as are safe. */
  async answer(call: Call): Promise<Answer> {
    const waits = call.waitSeconds ?? 0;
    const deadline = performance.now() / 1000 + this.#patience.totalTimeoutSeconds + waits;
    const body = call.document === undefined ? call.bytes : encode(call.document);
    for (let failures = 1; ; failures++) {
      try {
        return await this.#attempt(call, body, deadline - performance.now() / 1000);
      } catch (error) {
        const wait = pauseAfter(error, failures);
        if (
          failures >= this.#patience.attempts ||
          !goesOutAgain(error, call.repeatable ?? false) ||
          performance.now() / 1000 + wait >= deadline
        ) {
          throw error;
        }
        await pause(wait, call.signal);
      }
    }
  }

  async #attempt(
    call: Call,
    body: Uint8Array<ArrayBuffer> | undefined,
    seconds: number,
  ): Promise<Answer> {
    call.signal?.throwIfAborted();
    const url = this.#url + call.path;
    const limit = Math.min(seconds, this.#patience.timeoutSeconds + (call.waitSeconds ?? 0));
    const abort = new AbortController();
    const timer = setTimeout(() => { abort.abort(); }, limit * 1000);
    const stop = (): void => { abort.abort(); };
    call.signal?.addEventListener("abort", stop, { once: true });
    try {
      const response = await this.#fetch(url, {
        method: call.method,
        headers: this.#headers(call),
        signal: abort.signal,
        ...(body === undefined ? {} : { body }),
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return accepted(url, response, bytes);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (abort.signal.aborted) {
        throw new ServerUnreachableError(url, `nothing for ${limit} s`, true);
      }
      if (!(error instanceof TypeError)) throw error;
      const cause = error.cause as { code?: string } | undefined;
      const reason = cause?.code ?? error.message;
      throw new ServerUnreachableError(url, reason, !NEVER_SENT.includes(reason), undefined, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      call.signal?.removeEventListener("abort", stop);
    }
  }

  #headers(call: Call): Record<string, string> {
    return {
      accept: MSGPACK,
      ...(call.document === undefined ? {} : { "content-type": MSGPACK }),
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      ...call.headers,
    };
  }
}

/** Return the answer, or throw what it says. */
function accepted(url: string, response: Response, body: Uint8Array): Answer {
  const { status, headers } = response;
  const said = Number(headers.get("retry-after") ?? NaN);
  const retryAfter = said >= 0 ? said : undefined;
  const protocol = headers.get("x-replay-protocol");
  if (protocol !== "1") {
    if (GATEWAY_STATUSES.includes(status)) {
      throw new ServerUnreachableError(url, `a gateway answered ${status}`, true, retryAfter);
    }
    throw new NotAReplayServerError(url, status, protocol);
  }
  if (status < 400) return { status, headers, body };
  throw rejection(problemOf(headers, body, status), retryAfter);
}

function problemOf(headers: Headers, body: Uint8Array, status: number): Problem {
  const isJson = headers.get("content-type")?.includes("json") ?? false;
  let problem: unknown;
  try {
    problem = isJson ? JSON.parse(new TextDecoder().decode(body)) : decode(body);
  } catch (error) {
    throw new InvalidReplyError(`the problem of a ${status} can't be read`, { cause: error });
  }
  if (typeof (problem as Problem | null)?.code !== "string") {
    throw new InvalidReplyError(`a ${status} came without a code`);
  }
  return problem as Problem;
}
