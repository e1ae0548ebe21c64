/**
 * The protocol of a call. A `Port` sends the requests and waits; the rules for retries and waiting are here.
 *
 * Retried are GET and /cancel after a failed connection, HTTP 5xx or 429. /run is not idempotent: it is retried only if
 * surely nothing was queued, because no connection was made, or RunPod answered 429 with Retry-After.
 */

import { jobIdIn, jobPath } from "./addresses.js";
import { FAILED_STATUSES, RUN_BYTES } from "./contract.js";
import {
  CallError,
  CallTimeout,
  EndpointNotFound,
  InputRefused,
  RateLimited,
  ResultGone,
  SubmissionUnknown,
  Unauthorized,
  UnexpectedAnswer,
  Unreachable,
  failure,
  isRecord,
} from "./errors.js";
import { now } from "./http.js";
import { type JobOptions, besideInput, withoutSecrets } from "./job_options.js";
import { parse, stringify } from "./json.js";
import { count, plain } from "./text.js";

// How often a job that is unknown, or completed without a result, is polled again: the queue is eventually consistent.
const EXTRA_POLLS = 3;

/** A client's time and size limits. Times are in seconds, sizes in bytes. */
export interface Options {
  /**
   * For one HTTP request, from connecting to the last byte; plus one second for every 64 KiB that is sent or received. So
   * slow connections are tolerated, and a server that sends a byte at a time is not. Default: 60.
   */
  readonly requestSeconds: number;
  /** For a whole call: queueing, waiting and running. Default: 1800. */
  readonly callSeconds: number;
  /**
   * The first and the longest interval between two polls; in between, a tenth of the time since the job was sent.
   * Default: 0.5 and 10.
   */
  readonly pollSeconds: readonly [first: number, longest: number];
  /** How often a request is retried if that is safe (default: 4), and the longest pause before a retry (30). */
  readonly retries: number;
  readonly retrySeconds: number;
  /** RunPod's limit for a request to /run. Default: 10,000,000. */
  readonly maxRequestBytes: number;
  /** Of an answer, decompressed. RunPod's are at most 20 MB. Default: 32,000,000. */
  readonly maxAnswerBytes: number;
  /** The largest file to download. Default: 2,000,000,000. */
  readonly maxDownloadBytes: number;
  /** Whether to check an input against the package's schema before sending it. Default: true. */
  readonly checkInput: boolean;
}

export const OPTIONS: Options = {
  requestSeconds: 60,
  callSeconds: 1800,
  pollSeconds: [0.5, 10],
  retries: 4,
  retrySeconds: 30,
  maxRequestBytes: RUN_BYTES,
  maxAnswerBytes: 32_000_000,
  maxDownloadBytes: 2_000_000_000,
  checkInput: true,
};

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
type Asked = Omit<Send, "seconds" | "most" | "maxBytes">;

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

/** The progress of a job. All fields but `state` and `jobId` are set only if the worker reports them. */
export interface Progress<Files> {
  readonly kind: "progress";
  readonly jobId: string;
  /** IN_QUEUE or IN_PROGRESS. */
  readonly state: string;
  readonly percent?: number;
  readonly node?: string;
  readonly step?: number;
  readonly of?: number;
  /** For each of several outputs: waiting, running or done. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** If several outputs are delivered by URL: the files that are uploaded so far, in the form of the answer. */
  readonly files?: Files;
}

/** The result of a job. */
export interface Result<Output> {
  readonly kind: "result";
  readonly jobId: string;
  readonly output: Output;
}

/** The updates of a job: its progress, and at the end its result. */
export type Update<Output, Files> = Progress<Files> | Result<Output>;

/** A job, as RunPod's answers describe it. */
export type Job = Readonly<Record<string, unknown>>;

/** The state of a job at a poll, and what is inconsistent in it; the next poll may correct that. */
export interface Poll {
  readonly job: Job;
  readonly problem: CallError | undefined;
}

/** Queues a job, and returns its id. The deadline is in seconds of `now`. */
export async function submit(
  port: Port,
  request: object,
  options: Options,
  deadline: number,
  job?: JobOptions,
): Promise<string> {
  const body = new TextEncoder().encode(text(request, besideInput(job)));
  if (body.length > options.maxRequestBytes) {
    throw new InputRefused(
      `the request has ${count(body.length)} bytes, an endpoint accepts ${count(options.maxRequestBytes)}: ` +
        "send files as https URLs, or smaller ones",
    );
  }
  return jobIdIn(await queue(port, "/run", body, options, deadline, job));
}

/** Sends the body of a request to an operation that queues a job, /run or /runsync, and returns the answer. */
export async function queue(
  port: Port,
  path: string,
  body: Uint8Array<ArrayBuffer>,
  options: Options,
  deadline: number,
  job?: JobOptions,
): Promise<Job> {
  return exchange(port, { method: "POST", path, queues: true, body, job }, options, undefined, deadline);
}

/** Cancels a job. A job that has ended is not changed. */
export async function cancel(port: Port, jobId: string, options: Options, deadline = Infinity): Promise<void> {
  await exchange(port, { method: "POST", path: jobPath("cancel", jobId), queues: false }, options, jobId, deadline);
}

/** Returns the state of a job, as /status reports it. */
export async function look(port: Port, jobId: string, options: Options, deadline = Infinity): Promise<Job> {
  return exchange(port, { method: "GET", path: jobPath("status", jobId), queues: false }, options, jobId, deadline);
}

/**
 * Polls a job until it ends, and yields each change of its progress and its result, which must contain `keys`.
 *
 * @throws JobFailed: the job failed.
 * @throws ResultGone: the endpoint no longer knows the job, or has no result of it.
 * @throws CallTimeout: the job has not ended by the deadline (of `now`). It is not cancelled.
 */
export async function* follow(
  port: Port,
  jobId: string,
  options: Options,
  keys: readonly string[],
  deadline: number,
): AsyncGenerator<Update<Job, Job>, void, undefined> {
  let reported = "";
  for await (const { job, problem } of polls(port, jobId, options, keys, deadline)) {
    if (problem !== undefined) continue;
    if (job["status"] === "COMPLETED") {
      yield { kind: "result", jobId, output: job["output"] as Job };
      return;
    }
    if (hasEnded(job)) throw failure(stateText(job["status"]), job["error"], jobId);
    const progress = progressOf(jobId, job);
    const serialized = stringify(progress);
    if (serialized !== reported) yield progress;
    reported = serialized;
  }
}

/**
 * Polls a job until it ends in whatever state, and yields each state. `first` is an answer that has the job's state already.
 *
 * @throws ResultGone: the endpoint no longer knows the job, or has no result of it that contains `keys`.
 * @throws UnexpectedAnswer: the answers have no state.
 * @throws CallTimeout: the job has not ended by the deadline (of `now`).
 */
export async function* polls(
  port: Port,
  jobId: string,
  options: Options,
  keys: readonly string[],
  deadline: number,
  first?: Job,
): AsyncGenerator<Poll, void, undefined> {
  const started = now();
  let inconsistentPolls = 0;
  for (let answer = first; ; answer = undefined) {
    const state = answer === undefined ? await poll(port, jobId, options, keys, deadline) : checkedState(answer, keys, jobId);
    const { job, problem } = state;
    inconsistentPolls = problem === undefined ? 0 : inconsistentPolls + 1;
    if (problem !== undefined && inconsistentPolls > EXTRA_POLLS) throw problem;
    yield state;
    if (problem === undefined && hasEnded(job)) return;
    const time = now();
    if (time >= deadline) {
      throw new CallTimeout(`job ${jobId} has not ended in time; its last state was ${stateText(job["status"])}`, { jobId });
    }
    const [shortest, longest] = options.pollSeconds;
    const pause = Math.min(Math.max(shortest, (time - started) / 10), longest) * between(0.9, 1.1);
    await port.wait(Math.min(pause, deadline - time));
  }
}

/** Whether a job has ended, with a result or without. */
export function hasEnded(job: Job): boolean {
  const { status } = job;
  return typeof status === "string" && (status === "COMPLETED" || FAILED_STATUSES.includes(status));
}

async function poll(
  port: Port,
  jobId: string,
  options: Options,
  keys: readonly string[],
  deadline: number,
): Promise<Poll> {
  try {
    return checkedState(await look(port, jobId, options, deadline), keys, jobId);
  } catch (error) {
    if (!(error instanceof ResultGone)) throw error;
    return { job: {}, problem: error };
  }
}

function checkedState(job: Job, keys: readonly string[], jobId: string): Poll {
  const { status, output } = job;
  if (typeof status !== "string") {
    return { job, problem: new UnexpectedAnswer(`the answer for job ${jobId} has no state`, { jobId }) };
  }
  // A progress update that comes after the result overwrites it (runpod-python#250).
  const isLost = status === "COMPLETED" && !(isRecord(output) && keys.every((key) => Object.hasOwn(output, key)));
  return { job, problem: isLost ? new ResultGone(`job ${jobId} is COMPLETED, but has no result`, { jobId }) : undefined };
}

function stateText(status: unknown): string {
  return typeof status === "string" ? plain(status, 40) : "unknown";
}

/** Sends a request, and retries it if that is safe. */
async function exchange(
  port: Port,
  request: Asked,
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

function isRetryable(reply: Reply, request: Asked): boolean {
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

function refusal(reply: Reply, request: Asked, jobId: string | undefined): CallError {
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
  if (status === 404) {
    return jobId === undefined
      ? new EndpointNotFound(`${where}: HTTP 404: there is no such endpoint`)
      : new ResultGone(`${where}: HTTP 404: the endpoint does not know job ${jobId}`, about);
  }
  if (status === 429) {
    return new RateLimited(`${where}: HTTP 429: too many requests`, retryAfterSeconds(reply.retryAfter), about);
  }
  const said = beginning(reply.body, request, 200);
  if (request.queues && [400, 413, 422].includes(status)) {
    return new InputRefused(`${where}: HTTP ${status}: ${said}`);
  }
  return new UnexpectedAnswer(`${where}: HTTP ${status}: ${said}`, about);
}

function object(body: Uint8Array | null, request: Asked, jobId: string | undefined, options: Options): Job {
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

function beginning(body: Uint8Array | null, request: Asked, length: number): string {
  const text = new TextDecoder().decode(body?.subarray(0, 1000));
  return plain(withoutSecrets(text, request.job), length);
}

function text(request: object, beside: object): string {
  try {
    return stringify({ input: request, ...beside });
  } catch (error) {
    if (error instanceof CallError) throw error;
    throw new InputRefused(`the request cannot be sent: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Returns the progress of a job, as its worker reports it. */
export function progressOf(jobId: string, job: Job): Progress<Job> {
  const state = stateText(job["status"]);
  const fields: Job = isRecord(job["output"]) ? job["output"] : {};
  const { percent, node, step, of, outputs, files } = fields;
  const states = Object.entries(isRecord(outputs) ? outputs : {}).flatMap(([name, value]) =>
    typeof value === "string" ? [[plain(name, 100), plain(value, 40)] as const] : [],
  );
  return {
    kind: "progress",
    jobId,
    state,
    ...(isNumber(percent) ? { percent } : {}),
    ...(typeof node === "string" ? { node: plain(node, 200) } : {}),
    ...(isNumber(step) && Number.isInteger(step) ? { step } : {}),
    ...(isNumber(of) && Number.isInteger(of) ? { of } : {}),
    ...(states.length > 0 ? { outputs: Object.fromEntries(states) } : {}),
    ...(isRecord(files) && Object.keys(files).length > 0 ? { files } : {}),
  };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function between(low: number, high: number): number {
  return low + Math.random() * (high - low);
}
