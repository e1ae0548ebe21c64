/** The errors of a call that has no result, and the base of those of a job that failed; `errors` has them all. */

/** What is known beside the message: the job, as far as there is one, and what lies beneath the error. */
export interface About {
  readonly jobId?: string | undefined;
  readonly cause?: unknown;
}

/** The base of all; `jobId` is the job's, as far as there is one. */
export class CallError extends Error {
  override readonly name: string = "CallError";
  readonly jobId: string | undefined;

  constructor(message: string, about: About = {}) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.jobId = about.jobId;
  }
}

/** No API key or endpoint was given, or one that cannot be one; nothing was sent. */
export class NotConfigured extends CallError {
  override readonly name = "NotConfigured";
}

/** A request that cannot be sent, or that the endpoint refused as a whole (HTTP 400, 413, 422). */
export class InputRefused extends CallError {
  override readonly name = "InputRefused";
}

/** HTTP 401 or 403: the API key is missing, wrong, or not for this endpoint. */
export class Unauthorized extends CallError {
  override readonly name = "Unauthorized";
}

/** HTTP 404: there is no such endpoint. */
export class EndpointNotFound extends CallError {
  override readonly name = "EndpointNotFound";
}

/** HTTP 429, also after waiting as long as it said; `retryAfter` in seconds if it said so. */
export class RateLimited extends CallError {
  override readonly name = "RateLimited";
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter: number | undefined, about: About = {}) {
    super(message, about);
    this.retryAfter = retryAfter;
  }
}

/** No connection, or HTTP 5xx, also after trying again where that is safe. */
export class Unreachable extends CallError {
  override readonly name = "Unreachable";
}

/** The connection broke, or HTTP 5xx came, while a job was sent: it may be queued, or not. */
export class SubmissionUnknown extends CallError {
  override readonly name = "SubmissionUnknown";
}

/** An answer that is none of RunPod's. */
export class UnexpectedAnswer extends CallError {
  override readonly name = "UnexpectedAnswer";
}

/** The endpoint knows the job no longer, or lost its result: RunPod keeps results for 30 minutes. */
export class ResultGone extends CallError {
  override readonly name = "ResultGone";
}

/** No end within the time that the caller gave. */
export class CallTimeout extends CallError {
  override readonly name = "CallTimeout";
}

/** A file that is not the one that the worker made, or that cannot be fetched. */
export class MediaBroken extends CallError {
  override readonly name = "MediaBroken";
}

/** A file that cannot be written here: no room, no right, no folder. */
export class CannotSave extends CallError {
  override readonly name = "CannotSave";
}

/** What is wrong with one field, or went wrong with one output. */
export interface Detail {
  readonly message: string;
  readonly field?: string;
  readonly output?: string;
}

/** A job that ended without a result; `code` is stable, `reason` is the worker's message. */
export class JobFailed<Code extends string = string> extends CallError {
  override readonly name: string = "JobFailed";
  /** Whether the same request, sent again as it is, may well succeed. */
  readonly retryable: boolean = false;
  readonly code: Code;
  readonly reason: string;
  readonly details: readonly Detail[];

  constructor(code: Code, reason: string, details: readonly Detail[] = [], about: About = {}) {
    const lines = details.map((one) => `${one.field ?? one.output ?? "detail"}: ${one.message}`);
    super([`${code}: ${reason}`, ...lines].join("\n  "), about);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}
