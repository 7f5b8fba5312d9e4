/** How long a client waits, what it sends again, and after how long (docs/client.md). */

import { ServerUnavailableError, ServerUnreachableError } from "./errors.js";

export interface Patience {
  /** Seconds until one attempt must be answered whole; what the server is told to wait is added. */
  readonly timeoutSeconds: number;
  /** Seconds that a call may take in all, attempts and pauses included; alike. */
  readonly totalTimeoutSeconds: number;
  /** How often a request goes out at most. */
  readonly attempts: number;
}
export const PATIENCE: Patience = { timeoutSeconds: 60, totalTimeoutSeconds: 120, attempts: 5 };

const FIRST_PAUSE = 0.1;
const LONGEST_PAUSE = 2;
const LONGEST_RETRY_AFTER = 60;

/**
 * Whether a request goes out again after an error: what the server refused for the moment (503)
 * has changed nothing; without an answer it does where it can't have been acted on, or may happen
 * twice without harm.
 */
export function goesOutAgain(error: unknown, repeatable: boolean): boolean {
  if (error instanceof ServerUnreachableError) return repeatable || !error.mayHaveHappened;
  return error instanceof ServerUnavailableError;
}

/** Return the seconds to wait after `failures` in a row: what the server said, or ever more. */
export function pauseAfter(error: unknown, failures: number, random = Math.random): number {
  const said = (error as { retryAfterSeconds?: number }).retryAfterSeconds;
  if (said !== undefined) {
    const obeyed = Math.min(said, LONGEST_RETRY_AFTER);
    return obeyed + random() * (FIRST_PAUSE + 0.1 * obeyed);
  }
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures, 16));
  return longest / 2 + (random() * longest) / 2;
}

/** Resolve after some seconds; reject with the signal's reason where that comes first. */
export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
