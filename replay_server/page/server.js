// Calls to the server that this page came from, with the token that the person typed.

const KEY = "replay-server token";
const PATIENCE_MS = 10000;

/** An answer that is no success. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** Return the document at a path. Raises Refused, and TypeError or DOMException without an answer. */
export const get = (path) => call(path, {});

/** Return the answer to a document sent to a path. Raises as `get` does. */
export const post = (path, document) =>
  call(path, {
    method: "POST",
    body: JSON.stringify(document),
    headers: { "Content-Type": "application/json" },
  });

async function call(path, options) {
  const headers = { Accept: "application/json", ...options.headers };
  const known = token.get();
  if (known !== null) headers.Authorization = `Bearer ${known}`;
  const answer = await fetch(path, {
    ...options,
    headers,
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const isJson = /json/.test(answer.headers.get("content-type") ?? "");
  const document = isJson ? await answer.json() : null;
  if (!answer.ok) throw new Refused(answer.status, document?.detail ?? answer.statusText);
  if (document === null) throw new Refused(answer.status, "the answer is too large to be shown");
  return document;
}
