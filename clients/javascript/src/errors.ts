/**
 * What can go wrong.
 *
 *     ReplayClientError
 *     ├── ServerUnreachableError   no answer came, or a gateway's
 *     ├── NotAReplayServerError    who answered speaks another protocol
 *     ├── InvalidReplyError        the answer is not what the protocol says
 *     └── ServerRejectedError      a refusal, which has changed nothing; one class per code
 *
 * A call whose AbortSignal is aborted rejects with the signal's reason instead.
 */

export class ReplayClientError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** No answer came. */
export class ServerUnreachableError extends ReplayClientError {
  constructor(
    readonly url: string,
    readonly reason: string,
    /** False where the request cannot have been acted on. */
    readonly mayHaveHappened: boolean,
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions,
  ) {
    super(`no answer from ${url}: ${reason}`, options);
  }
}

export class NotAReplayServerError extends ReplayClientError {
  constructor(
    readonly url: string,
    readonly status: number,
    readonly protocol: string | null,
  ) {
    super(`${url} answered ${status}, and not as a replay server of protocol 1: check the address`);
  }
}

export class InvalidReplyError extends ReplayClientError {}

/** The problem document of a refusal (RFC 9457); further members are facts about it. */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly [fact: string]: unknown;
}

export class ServerRejectedError extends ReplayClientError {
  readonly status: number;
  readonly code: string;
  readonly detail: string;

  constructor(
    readonly problem: Problem,
    readonly retryAfterSeconds?: number,
  ) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
  }
}

export class MalformedRequestError extends ServerRejectedError {}
export class UnauthenticatedError extends ServerRejectedError {}
export class ForbiddenError extends ServerRejectedError {}
export class UnknownTableError extends ServerRejectedError {}
export class UnknownParametersError extends ServerRejectedError {}
export class UnknownCheckpointError extends ServerRejectedError {}
export class UnknownPathError extends ServerRejectedError {}
export class MethodNotAllowedError extends ServerRejectedError {}
export class RequestTimeoutError extends ServerRejectedError {}
export class TableExistsError extends ServerRejectedError {}
export class NothingToDrawError extends ServerRejectedError {}
export class TooLargeError extends ServerRejectedError {}
export class UnsupportedMediaTypeError extends ServerRejectedError {}
export class BadPriorityError extends ServerRejectedError {}
export class RateLimitedError extends ServerRejectedError {}
export class ServerFailedError extends ServerRejectedError {}
export class ServerUnavailableError extends ServerRejectedError {}
export class StorageFullError extends ServerRejectedError {}

/** The writer has sent a higher sequence before: `last`. */
export class StaleSequenceError extends ServerRejectedError {
  get last(): number | bigint | undefined {
    return this.problem["last"] as number | bigint | undefined;
  }
}

/** `field` is unknown, or holds what it may not. */
export class InvalidRequestError extends ServerRejectedError {
  get field(): string | undefined {
    return this.problem["field"] as string | undefined;
  }
}

/** `column` is not what the table's signature says. */
export class SchemaMismatchError extends ServerRejectedError {
  get column(): string | undefined {
    return this.problem["column"] as string | undefined;
  }
}

type Rejection = new (problem: Problem, retryAfterSeconds?: number) => ServerRejectedError;

/** The class of each code; a code that a later server brings is a plain `ServerRejectedError`. */
export const REJECTIONS: ReadonlyMap<string, Rejection> = new Map<string, Rejection>([
  ["malformed", MalformedRequestError],
  ["unauthenticated", UnauthenticatedError],
  ["forbidden", ForbiddenError],
  ["unknown_table", UnknownTableError],
  ["unknown_parameters", UnknownParametersError],
  ["unknown_checkpoint", UnknownCheckpointError],
  ["not_found", UnknownPathError],
  ["method_not_allowed", MethodNotAllowedError],
  ["request_timeout", RequestTimeoutError],
  ["table_exists", TableExistsError],
  ["stale_sequence", StaleSequenceError],
  ["nothing_to_draw", NothingToDrawError],
  ["too_large", TooLargeError],
  ["unsupported_media_type", UnsupportedMediaTypeError],
  ["invalid_request", InvalidRequestError],
  ["schema_mismatch", SchemaMismatchError],
  ["bad_priority", BadPriorityError],
  ["rate_limited", RateLimitedError],
  ["internal", ServerFailedError],
  ["unavailable", ServerUnavailableError],
  ["storage_full", StorageFullError],
]);

/** Return the error of a problem, of the class that belongs to its code. */
export function rejection(problem: Problem, retryAfterSeconds?: number): ServerRejectedError {
  const Class = REJECTIONS.get(problem.code) ?? ServerRejectedError;
  return new Class(problem, retryAfterSeconds);
}
