/**
 * One request to the endpoint and its answer, with retries where they are safe. A `Port` sends the requests and waits.
 *
 * Retried are GET and /cancel after a failed connection, HTTP 5xx or 429. /run is not idempotent: it is retried only if
 * surely nothing was queued, because no connection was made, or RunPod answered 429 with Retry-After.
 */

import {
  type CallError,
  CallTimeout,
  EndpointNotFound,
  InputRefused,
  RateLimited,
  ResultGone,
  SubmissionUnknown,
  Unauthorized,
  UnexpectedAnswer,
  Unreachable,
  isRecord,
} from "./errors.js";
import { now } from "./http.js";
import { type JobOptions, withoutSecrets } from "./job_options.js";
import { parse } from "./json.js";
import type { Options } from "./options.js";
import { count, plain } from "./text.js";

/** A request to the endpoint; `seconds` as Options.requestSeconds, `most` limits the whole request. */
export interface Send {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Whether it queues a job, whose id is lost without the answer. */
  readonly queues: boolean;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly seconds: number;
  readonly most: number;
  readonly maxBytes: number;
  /** The options that are sent beside the input. */
  readonly job?: JobOptions | undefined;
}

/** A request without its time limits, which are set for each attempt. */
type Request = Omit<Send, "seconds" | "most" | "maxBytes">;

/**
 * An answer, whose body is null if it is too long; or whether a request without an answer may have been sent. Of an error
 * answer, only the beginning of the body is kept.
 */
export type Reply =
  | { readonly status: number; readonly body: Uint8Array | null; readonly retryAfter: string | null }
  | { readonly status: 0; readonly broken: "nothing_sent" | "perhaps_sent"; readonly reason: string };

/** Sends requests and waits. Rejects only if the caller aborts. */
export interface Port {
  send(request: Send): Promise<Reply>;
  wait(seconds: number): Promise<void>;
}

/** A job, as RunPod's answers describe it. */
export type Job = Readonly<Record<string, unknown>>;

/** Sends a request, and retries it if that is safe. */
export async function exchange(
  port: Port,
  request: Request,
  options: Options,
  jobId: string | undefined,
  deadline: number,
): Promise<Job> {
  for (let retries = 0; ; retries += 1) {
    // The last poll gets a second even if no time is left.
    const most = Math.max(deadline - now(), 1);
    const seconds = Math.min(options.requestSeconds, most);
    const reply = await port.send({ ...request, seconds, most, maxBytes: options.maxAnswerBytes });
    if (reply.status >= 200 && reply.status < 300 && "body" in reply) return object(reply.body, request, jobId, options);
    const error = refusal(reply, request, jobId);
    const pause = isRetryable(reply, request) ? retryPause(reply, retries, options) : undefined;
    if (pause === undefined) throw error;
    if (now() + pause > deadline) {
      throw new CallTimeout(`no time is left for a retry: ${error.message}`, { jobId, cause: error });
    }
    await port.wait(pause);
  }
}

function isRetryable(reply: Reply, request: Request): boolean {
  if (request.queues) {
    return "broken" in reply ? reply.broken === "nothing_sent" : reply.status === 429 && reply.retryAfter !== null;
  }
  return "broken" in reply || reply.status === 429 || reply.status >= 500;
}

/** Seconds before the next retry, with exponential backoff; undefined if there is none. */
function retryPause(reply: Reply, retries: number, options: Options): number | undefined {
  if (retries >= options.retries) return undefined;
  const requested = "broken" in reply ? undefined : retryAfterSeconds(reply.retryAfter);
  if (requested !== undefined) return requested > options.retrySeconds ? undefined : requested;
  return Math.min(0.5 * 2 ** retries, options.retrySeconds) * between(0.5, 1);
}

/** Parses a Retry-After header. Only a number of seconds is supported, since RunPod sends no dates. */
function retryAfterSeconds(retryAfter: string | null): number | undefined {
  return retryAfter !== null && /^\s*\d{1,9}\s*$/.test(retryAfter) ? Number(retryAfter) : undefined;
}

function refusal(reply: Reply, request: Request, jobId: string | undefined): CallError {
  const where = `${request.method} ${request.path}`;
  const about = { jobId };
  if ("broken" in reply) {
    if (reply.broken === "nothing_sent") return new Unreachable(`${where}: no connection (${reply.reason})`, about);
    return request.queues
      ? new SubmissionUnknown(`${where}: ${reply.reason}; the job may be queued, or not`, about)
      : new Unreachable(`${where}: the connection broke (${reply.reason})`, about);
  }
  const { status } = reply;
  if (status >= 500) {
    return request.queues
      ? new SubmissionUnknown(`${where}: HTTP ${status}; the job may be queued, or not`, about)
      : new Unreachable(`${where}: HTTP ${status}`, about);
  }
  if (status === 401 || status === 403) {
    return new Unauthorized(`${where}: HTTP ${status}: the API key is not valid for this endpoint`, about);
  }
  const said = beginning(reply.body, request, 200);
  if (status === 404) {
    return jobId === undefined
      // `serve` names those that there are.
      ? new EndpointNotFound(`${where}: HTTP 404: there is no such endpoint${said && `: ${said}`}`)
      : new ResultGone(`${where}: HTTP 404: the endpoint does not know job ${jobId}`, about);
  }
  if (status === 429) {
    return new RateLimited(`${where}: HTTP 429: too many requests`, retryAfterSeconds(reply.retryAfter), about);
  }
  if (request.queues && [400, 413, 422].includes(status)) {
    return new InputRefused(`${where}: HTTP ${status}: ${said}`);
  }
  return new UnexpectedAnswer(`${where}: HTTP ${status}: ${said}`, about);
}

function object(body: Uint8Array | null, request: Request, jobId: string | undefined, options: Options): Job {
  if (body === null) {
    const most = count(options.maxAnswerBytes);
    throw new UnexpectedAnswer(`${request.method} ${request.path}: the answer has more than ${most} bytes`, { jobId });
  }
  try {
    const value = parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (isRecord(value)) return value;
  } catch (error) {
    // Invalid UTF-8 is a TypeError; a text that is too long for a string, of half a gigabyte, is another error.
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error;
  }
  const said = JSON.stringify(beginning(body, request, 80));
  throw new UnexpectedAnswer(`the answer is not a JSON object: ${said}`, { jobId });
}

function beginning(body: Uint8Array | null, request: Request, length: number): string {
  const text = new TextDecoder().decode(body?.subarray(0, 1000));
  return plain(withoutSecrets(text, request.job), length);
}

/** A random number, so that clients do not ask all at once. */
export function between(low: number, high: number): number {
  return low + Math.random() * (high - low);
}
