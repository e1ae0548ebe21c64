/**
 * What can go wrong with a call.
 *
 *     CallError
 *     ├── NotConfigured           no API key or endpoint was given, or one that cannot be one; nothing was sent
 *     ├── InputRefused            a request that cannot be sent, or that the endpoint refused with HTTP 400, 413, 422
 *     ├── Unauthorized            HTTP 401 or 403: the API key
 *     ├── EndpointNotFound        HTTP 404 for the endpoint itself
 *     ├── RateLimited             HTTP 429, also after waiting
 *     ├── Unreachable             no connection, or HTTP 5xx, also after trying again
 *     ├── SubmissionUnknown       the connection broke while a job was sent: it may be queued, or not
 *     ├── UnexpectedAnswer        not an answer of RunPod's
 *     ├── ResultGone              the endpoint knows the job no longer, or lost its result
 *     ├── CallTimeout             no end within the time that the caller gave
 *     ├── MediaBroken             a file that is not the one that the worker made, or cannot be fetched
 *     ├── CannotSave              a file that cannot be written here
 *     └── JobFailed               the job ended without a result: `code`, `reason`, `details`
 *         ├── InvalidInput        the input; without a `jobId` it was found here, and nothing was sent
 *         ├── ComfyuiError, …     one class a code
 *         └── (JobFailed itself)                a code that this client does not know
 *
 * `name` tells the first ones apart, `code` the classes of JobFailed. A call whose AbortSignal was aborted ends with the
 * signal's own reason, which is none of these.
 */

import { parse } from "./json.js";
import { plain } from "./text.js";

// What is kept of an error that a worker, or somebody in its place, says.
const MOST_DETAILS = 100;
const LONGEST_NAME = 200;

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

/** The input is not one that this endpoint takes: correct the fields that the details name. */
export class InvalidInput extends JobFailed<"invalid_input"> {
  override readonly name = "InvalidInput";
}

/** ComfyUI refused the prompt, or a node failed. */
export class ComfyuiError extends JobFailed<"comfyui_error"> {
  override readonly name = "ComfyuiError";
}

/** The GPU's memory is too small for the job: ask for a smaller size or less at once. */
export class OutOfMemory extends JobFailed<"out_of_memory"> {
  override readonly name = "OutOfMemory";
}

/** The job made no progress for too long and was stopped. */
export class Stalled extends JobFailed<"stalled"> {
  override readonly name = "Stalled";
}

/** A disk of the worker is full: another worker takes the job if it is sent again. */
export class DiskFull extends JobFailed<"disk_full"> {
  override readonly name = "DiskFull";
}

/** ComfyUI cannot be reached on the worker: another worker takes the job if it is sent again. */
export class ComfyuiUnavailable extends JobFailed<"comfyui_unavailable"> {
  override readonly name = "ComfyuiUnavailable";
}

/** The job ended without its file. */
export class OutputMissing extends JobFailed<"output_missing"> {
  override readonly name = "OutputMissing";
}

/** The file is not whole. */
export class OutputInvalid extends JobFailed<"output_invalid"> {
  override readonly name = "OutputInvalid";
}

/** The result is larger than an answer may be: ask for less, or for a URL. */
export class OutputTooLarge extends JobFailed<"output_too_large"> {
  override readonly name = "OutputTooLarge";
}

/** The bucket did not take the result: try again, or look at the bucket's keys. */
export class DeliveryFailed extends JobFailed<"delivery_failed"> {
  override readonly name = "DeliveryFailed";
}

/** The job took longer than the endpoint lets it. */
export class Timeout extends JobFailed<"timeout"> {
  override readonly name = "Timeout";
}

/** The job was stopped. */
export class Cancelled extends JobFailed<"cancelled"> {
  override readonly name = "Cancelled";
}

/** A model file cannot be had: tell whoever runs the endpoint. */
export class ModelUnavailable extends JobFailed<"model_unavailable"> {
  override readonly name = "ModelUnavailable";
}

/** The worker failed for a reason of its own. */
export class InternalError extends JobFailed<"internal_error"> {
  override readonly name = "InternalError";
}

export const BY_CODE = {
  invalid_input: InvalidInput,
  comfyui_error: ComfyuiError,
  out_of_memory: OutOfMemory,
  stalled: Stalled,
  disk_full: DiskFull,
  comfyui_unavailable: ComfyuiUnavailable,
  output_missing: OutputMissing,
  output_invalid: OutputInvalid,
  output_too_large: OutputTooLarge,
  delivery_failed: DeliveryFailed,
  timeout: Timeout,
  cancelled: Cancelled,
  model_unavailable: ModelUnavailable,
  internal_error: InternalError,
} as const;

/** The codes that this client knows. */
export type ErrorCode = keyof typeof BY_CODE;

/** Every class of a known code: a switch over `code` narrows it. */
export type KnownFailure = InstanceType<(typeof BY_CODE)[ErrorCode]>;

/** Whether an error is a failed job's, of a code that this client knows. */
export function isKnownFailure(error: unknown): error is KnownFailure {
  return error instanceof JobFailed && Object.hasOwn(BY_CODE, error.code);
}

const BY_STATE: Readonly<Record<string, ErrorCode>> = { CANCELLED: "cancelled", TIMED_OUT: "timeout" };

/** The error for a job that ended as FAILED, CANCELLED or TIMED_OUT; `error` is what RunPod says of it. */
export function failure(state: string, error: unknown, jobId: string): JobFailed {
  const told = errorObject(error);
  const code = told?.["code"];
  if (told === undefined || typeof code !== "string") {
    // A worker that died, or one that is no package of ours, says its reason in words of its own.
    const text = typeof error === "string" && error !== "" ? plain(error) : `the job ended as ${state}`;
    return failed(BY_STATE[state] ?? "failed", text, [], jobId);
  }
  const details = Array.isArray(told["details"]) ? told["details"].slice(0, MOST_DETAILS).map(detail) : [];
  const message = told["message"];
  return failed(plain(code, LONGEST_NAME), typeof message === "string" ? plain(message) : "", details, jobId);
}

function failed(code: string, reason: string, details: readonly Detail[], jobId: string): JobFailed {
  if (!Object.hasOwn(BY_CODE, code)) return new JobFailed(code, reason, details, { jobId });
  // Each class takes its own code alone, which a compiler cannot see here.
  const Kind = BY_CODE[code as ErrorCode] as unknown as typeof JobFailed;
  return new Kind(code, reason, details, { jobId });
}

function errorObject(error: unknown): Readonly<Record<string, unknown>> | undefined {
  let value = error;
  if (typeof value === "string") {
    try {
      value = parse(value);
    } catch {
      return undefined;
    }
  }
  return isRecord(value) ? value : undefined;
}

function detail(part: unknown): Detail {
  if (!isRecord(part)) return { message: typeof part === "string" ? plain(part) : "a detail that is none" };
  const { message, field, output } = part;
  return {
    message: typeof message === "string" ? plain(message) : "",
    ...(typeof field === "string" ? { field: plain(field, LONGEST_NAME) } : {}),
    ...(typeof output === "string" ? { output: plain(output, LONGEST_NAME) } : {}),
  };
}

/** Whether a value is an object with keys, as JSON has them. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
