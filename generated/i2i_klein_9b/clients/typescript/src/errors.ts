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
 *         ├── ComfyUIError, …     one class a code: see `faults`
 *         └── (JobFailed itself)                a code that this client does not know
 *
 * `name` tells the first ones apart, `code` the classes of JobFailed. A call whose AbortSignal was aborted ends with the
 * signal's own reason, which is none of these.
 */

import { type Detail, JobFailed } from "./call_errors.js";
import { STATUS_CODES } from "./contract.js";
import { BY_CODE, type ErrorCode, type KnownFailure } from "./faults.js";
import { parse } from "./json.js";
import { plain } from "./text.js";

export * from "./call_errors.js";
export * from "./faults.js";

// Limits of an error from a worker, or from another server in its place.
const MOST_DETAILS = 100;
const LONGEST_NAME = 200;

/** Whether an error is a failed job's, of a code that this client knows. */
export function isKnownFailure(error: unknown): error is KnownFailure {
  return error instanceof JobFailed && Object.hasOwn(BY_CODE, error.code);
}

/** The error for a job that ended as FAILED, CANCELLED or TIMED_OUT; `error` is what RunPod says of it. */
export function failure(state: string, error: unknown, jobId: string): JobFailed {
  const told = errorObject(error);
  const code = told?.["code"];
  if (told === undefined || typeof code !== "string") {
    // A worker that died, or one that is no package of ours, says its reason in words of its own.
    const text = typeof error === "string" && error !== "" ? plain(error) : `the job ended as ${state}`;
    return failed(STATUS_CODES.get(state) ?? "failed", text, [], jobId);
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
