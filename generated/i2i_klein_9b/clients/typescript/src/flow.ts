/**
 * What a call does, step by step. How a request is sent, and how time passes, is the port's business; so every rule about
 * retries, waiting and ends is here.
 *
 * What is tried again: GET and /cancel after a broken connection, HTTP 5xx, or 429; /run only where surely nothing was
 * queued: no connection was made, or 429 with Retry-After.
 */

import { jobIdIn, jobPath } from "./addresses.js";
import { RUN_BYTES } from "./contract.js";
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

const ENDED = ["FAILED", "CANCELLED", "TIMED_OUT"];
// How often a job that is not known, or ended without its result, is looked at again: the queue may be behind itself.
const SECOND_LOOKS = 3;

/** How patient a client is. Times in seconds, sizes in bytes. */
export interface Options {
  /**
   * Of one HTTP request from connecting to its last byte; one more for every 64 KiB that is sent or received, so that slow
   * lines are waited for, and drops that never end are not. 60 unless given.
   */
  readonly requestSeconds: number;
  /** A whole call: queueing, waiting and running. 1800 unless given. */
  readonly callSeconds: number;
  /**
   * The first and the longest wait between two looks at a job; in between, a tenth of the time that it has taken.
   * 0.5 and 10 unless given.
   */
  readonly pollSeconds: readonly [first: number, longest: number];
  /** How often a request that is safe to repeat is tried again (4), and how long at most before one try (30). */
  readonly retries: number;
  readonly retrySeconds: number;
  /** RunPod's own limit of a request to /run: 10,000,000. */
  readonly maxRequestBytes: number;
  /** Of an answer, unpacked: 32,000,000; RunPod's own are at most 20 MB. */
  readonly maxAnswerBytes: number;
  /** The longest file that is fetched: 2,000,000,000. */
  readonly maxDownloadBytes: number;
  /** Whether an input is checked here before it is sent, by the package's schema and in the worker's words: true. */
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

/** A request to the endpoint; `seconds` as Options.requestSeconds, `most` how long it may take in all. */
export interface Send {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly seconds: number;
  readonly most: number;
  readonly maxBytes: number;
  /** What it says beside its input. */
  readonly job?: JobOptions | undefined;
}

/** A request as it is asked for: how long it may take is said with each try. */
type Asked = Omit<Send, "seconds" | "most" | "maxBytes">;

/**
 * An answer, whose body is null if it is longer than it may be; or what is known of a request without one. A refusal's body
 * is its beginning.
 */
export type Reply =
  | { readonly status: number; readonly body: Uint8Array | null; readonly retryAfter: string | null }
  | { readonly status: 0; readonly broken: "nothing_sent" | "perhaps_sent"; readonly reason: string };

/** The world, as a call sees it. Rejects only where the caller aborts. */
export interface Port {
  send(request: Send): Promise<Reply>;
  wait(seconds: number): Promise<void>;
}

/** How far a job is. All but `state` and `jobId` is there only if the worker says it. */
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
  /** Of several outputs by URL, those that are done, as the answer will have them; each update has all so far. */
  readonly files?: Files;
}

/** A job's end: its output. */
export interface Result<Output> {
  readonly kind: "result";
  readonly jobId: string;
  readonly output: Output;
}

/** What is told of a job, one after the other: its progress, and at the end its result. */
export type Update<Output, Files> = Progress<Files> | Result<Output>;

type Job = Readonly<Record<string, unknown>>;

/** Queues a job; its id. The deadline is one of `now`. */
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
      `the request has ${count(body.length)} bytes, an endpoint takes ${count(options.maxRequestBytes)}: ` +
        "give images as https URLs, or smaller ones",
    );
  }
  return jobIdIn(await exchange(port, { method: "POST", path: "/run", body, job }, options, undefined, deadline));
}

/** Stops a job, or takes it out of the queue. A job that has ended stays as it is. */
export async function cancel(port: Port, jobId: string, options: Options, deadline = Infinity): Promise<void> {
  await exchange(port, { method: "POST", path: jobPath("cancel", jobId) }, options, jobId, deadline);
}

/** How a job is now, as /status says it. */
export async function look(port: Port, jobId: string, options: Options, deadline = Infinity): Promise<Job> {
  return exchange(port, { method: "GET", path: jobPath("status", jobId) }, options, jobId, deadline);
}

/**
 * Looks at a job until it ends, and tells of it whenever it is further; an output must hold `keys`.
 *
 * @throws JobFailed: it ended without a result.
 * @throws ResultGone: the endpoint knows the job no longer, or has no result of it.
 * @throws CallTimeout: the deadline (of `now`) came first.
 */
export async function* follow(
  port: Port,
  jobId: string,
  options: Options,
  keys: readonly string[],
  deadline: number,
): AsyncGenerator<Update<Job, Job>, void, undefined> {
  const started = now();
  let [told, doubts] = ["", 0];
  for (;;) {
    let job: Job = {};
    let doubt: CallError | undefined;
    try {
      job = await look(port, jobId, options, deadline);
      doubt = doubtOf(job, keys, jobId);
    } catch (error) {
      if (!(error instanceof ResultGone)) throw error;
      doubt = error;
    }
    const { status, output } = job;
    doubts = doubt === undefined ? 0 : doubts + 1;
    if (doubt !== undefined && doubts > SECOND_LOOKS) throw doubt;
    if (doubt === undefined && status === "COMPLETED") {
      yield { kind: "result", jobId, output: output as Job };
      return;
    }
    if (doubt === undefined) {
      const progress = progressOf(jobId, stateText(status), output);
      const said = stringify(progress);
      if (said !== told) yield progress;
      told = said;
    }
    const time = now();
    if (time >= deadline) {
      throw new CallTimeout(`job ${jobId} has not ended in time; it was last ${stateText(status)}`, { jobId });
    }
    const [first, longest] = options.pollSeconds;
    const pause = Math.min(Math.max(first, (time - started) / 10), longest) * between(0.9, 1.1);
    await port.wait(Math.min(pause, deadline - time));
  }
}

/** What is wrong with a look at a job that may be better at the next; throws JobFailed for one that ended without a result. */
function doubtOf(job: Job, keys: readonly string[], jobId: string): CallError | undefined {
  const { status, output } = job;
  if (typeof status !== "string") return new UnexpectedAnswer(`the answer for job ${jobId} says no state`, { jobId });
  if (ENDED.includes(status)) throw failure(status, job["error"], jobId);
  // A progress update that comes after the result overwrites it (runpod-python#250).
  if (status !== "COMPLETED" || (isRecord(output) && keys.every((key) => Object.hasOwn(output, key)))) return undefined;
  return new ResultGone(`job ${jobId} is COMPLETED, but its result is not there`, { jobId });
}

function stateText(status: unknown): string {
  return typeof status === "string" ? plain(status, 40) : "not known";
}

/** One request and its answer, tried again where that is safe. */
async function exchange(
  port: Port,
  request: Asked,
  options: Options,
  jobId: string | undefined,
  deadline: number,
): Promise<Job> {
  for (let tries = 0; ; tries += 1) {
    // A last look is worth a second even where no time is left.
    const most = Math.max(deadline - now(), 1);
    const seconds = Math.min(options.requestSeconds, most);
    const reply = await port.send({ ...request, seconds, most, maxBytes: options.maxAnswerBytes });
    if (reply.status >= 200 && reply.status < 300 && "body" in reply) return object(reply.body, request, jobId, options);
    const error = refusal(reply, request, jobId);
    const pause = safe(reply, request) ? pauseBefore(reply, tries, options) : undefined;
    if (pause === undefined) throw error;
    if (now() + pause > deadline) {
      throw new CallTimeout(`no time is left to try again: ${error.message}`, { jobId, cause: error });
    }
    await port.wait(pause);
  }
}

function safe(reply: Reply, request: Asked): boolean {
  if (request.path === "/run") {
    return "broken" in reply ? reply.broken === "nothing_sent" : reply.status === 429 && reply.retryAfter !== null;
  }
  return "broken" in reply || reply.status === 429 || reply.status >= 500;
}

/** Seconds before the next try; undefined if there is to be none. */
function pauseBefore(reply: Reply, tries: number, options: Options): number | undefined {
  if (tries >= options.retries) return undefined;
  const asked = "broken" in reply ? undefined : secondsOf(reply.retryAfter);
  if (asked !== undefined) return asked > options.retrySeconds ? undefined : asked;
  return Math.min(0.5 * 2 ** tries, options.retrySeconds) * between(0.5, 1);
}

/** As a number of seconds only: RunPod sends no dates. */
function secondsOf(retryAfter: string | null): number | undefined {
  return retryAfter !== null && /^\s*\d{1,9}\s*$/.test(retryAfter) ? Number(retryAfter) : undefined;
}

function refusal(reply: Reply, request: Asked, jobId: string | undefined): CallError {
  const where = `${request.method} ${request.path}`;
  const about = { jobId };
  if ("broken" in reply) {
    if (reply.broken === "nothing_sent") return new Unreachable(`${where}: no connection (${reply.reason})`, about);
    return request.path === "/run"
      ? new SubmissionUnknown(`${where}: ${reply.reason}; the job may be queued, or not`, about)
      : new Unreachable(`${where}: the connection broke (${reply.reason})`, about);
  }
  const { status } = reply;
  if (status >= 500) {
    return request.path === "/run"
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
    return new RateLimited(`${where}: HTTP 429: too many requests`, secondsOf(reply.retryAfter), about);
  }
  const said = beginning(reply.body, request, 200);
  if (request.path === "/run" && [400, 413, 422].includes(status)) {
    return new InputRefused(`${where}: HTTP ${status}: ${said}`);
  }
  return new UnexpectedAnswer(`${where}: HTTP ${status}: ${said}`, about);
}

function object(body: Uint8Array | null, request: Asked, jobId: string | undefined, options: Options): Job {
  if (body === null) {
    const most = count(options.maxAnswerBytes);
    throw new UnexpectedAnswer(`${request.method} ${request.path}: an answer of more than ${most} bytes`, { jobId });
  }
  try {
    const value = parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (isRecord(value)) return value;
  } catch (error) {
    // What is no UTF-8 is a TypeError; a text of half a gigabyte, which is more than a string may be, another.
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error;
  }
  const said = JSON.stringify(beginning(body, request, 80));
  throw new UnexpectedAnswer(`an answer that is no JSON object: ${said}`, { jobId });
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

function progressOf(jobId: string, state: string, output: unknown): Progress<Job> {
  const told: Job = isRecord(output) ? output : {};
  const { percent, node, step, of, outputs, files } = told;
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
