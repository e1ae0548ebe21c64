/** A job on an endpoint: sent, polled until it has ended, cancelled; by the client's own rules. */

import { jobIdIn } from "../client_ts/addresses.js";
import { CallError } from "../client_ts/errors.js";
import type { Job } from "../client_ts/exchange.js";
import { type Progress, cancel, hasEnded, polls, progressOf, queue } from "../client_ts/flow.js";
import { OPTIONS } from "../client_ts/options.js";
import { pause, portOf } from "../client_ts/http.js";

/** An endpoint, the key for it, and how often it is asked how a job is. */
export interface Place {
  readonly url: string;
  readonly apiKey: string;
  readonly pollSeconds: number;
}

/** How a job ended. */
export interface Ended {
  readonly id: string;
  readonly job: Job;
}

// What every answer holds; one without it has been overwritten by a progress, or is none of a worker of ours.
const KEYS = ["prompt_id"];

/**
 * Sends a request and follows its job; `seen` gets every progress. When `stop` is aborted, the job is cancelled and then
 * still polled until it has ended.
 *
 * @throws CallError: the job cannot be sent, or not be followed any more.
 */
export async function runJob(
  place: Place,
  path: string,
  body: Uint8Array<ArrayBuffer>,
  seen: (progress: Progress<Job>) => void,
  stop: AbortSignal,
): Promise<Ended> {
  const options = { ...OPTIONS, pollSeconds: [place.pollSeconds, place.pollSeconds] as const };
  let isStopped = false;
  const { send } = portOf({ ...place, fetch: uncached }, undefined);
  const port = { send, wait: (seconds: number) => pauseUntil(seconds, isStopped ? undefined : stop) };
  const first = await queue(port, path, body, options, Infinity);
  const id = jobIdIn(first);
  let completed: Job | undefined;
  try {
    for await (const { job, problem } of polls(port, id, options, KEYS, Infinity, first)) {
      if (problem === undefined && hasEnded(job)) return { id, job };
      if (problem === undefined) seen(progressOf(id, job));
      else if (hasEnded(job)) completed = job;
      if (stop.aborted && !isStopped) {
        isStopped = true;
        await cancel(port, id, options);
      }
    }
  } catch (error) {
    // Its result did not come, also after it was asked for again: what has come is shown as it is.
    if (completed === undefined || !(error instanceof CallError)) throw error;
    return { id, job: completed };
  }
  throw new CallError("a job's answers ended before the job", { jobId: id });
}

/** `fetch` as this page has it now; what an endpoint answers is kept in no cache. */
const uncached: typeof fetch = (input, init) =>
  window.fetch(input, { ...init, cache: "no-store", referrerPolicy: "no-referrer" });

/** Waits, or until the signal is aborted. */
async function pauseUntil(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(seconds, signal);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
