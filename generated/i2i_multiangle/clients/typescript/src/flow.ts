/** The protocol of a call: how a job is queued, and polled until it has ended. */

import { jobIdIn, jobPath } from "./addresses.js";
import { FAILED_STATUSES, PREVIEW_BYTES } from "./contract.js";
import { CallError, CallTimeout, InputRefused, ResultGone, UnexpectedAnswer, failure, isRecord } from "./errors.js";
import { type Job, type Port, between, exchange } from "./exchange.js";
import { now } from "./http.js";
import { type JobOptions, besideInput } from "./job_options.js";
import { stringify } from "./json.js";
import type { Options } from "./options.js";
import { count, plain } from "./text.js";

// How often a job that is unknown, or completed without a result, is polled again: the queue is eventually consistent.
const EXTRA_POLLS = 3;
const MOST_PREVIEW_LETTERS = Math.ceil(PREVIEW_BYTES / 3) * 4;

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
  /** If the endpoint sends previews: a small JPEG of what the node is making, in base64. */
  readonly preview?: string;
}

/** The result of a job. */
export interface Result<Output> {
  readonly kind: "result";
  readonly jobId: string;
  readonly output: Output;
}

/** The updates of a job: its progress, and at the end its result. */
export type Update<Output, Files> = Progress<Files> | Result<Output>;

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
export async function getStatus(port: Port, jobId: string, options: Options, deadline = Infinity): Promise<Job> {
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
    return checkedState(await getStatus(port, jobId, options, deadline), keys, jobId);
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
  const { percent, node, step, of, outputs, files, preview } = fields;
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
    ...(isPreview(preview) ? { preview } : {}),
  };
}

function isPreview(value: unknown): value is string {
  // Base64 of the three bytes that a JPEG begins with, and then of any.
  return typeof value === "string" && value.length <= MOST_PREVIEW_LETTERS && /^\/9j\/[A-Za-z0-9+/]*={0,2}$/.test(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}
