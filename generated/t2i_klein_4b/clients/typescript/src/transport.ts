/** The client of an endpoint: it sends by `fetch` what `flow` says, and brings media home. */

import { apiKeyOf, endpointUrl } from "./addresses.js";
import { type Schema, checkInput } from "./checks.js";
import { CallError, InputRefused, JobFailed, isRecord } from "./errors.js";
import * as flow from "./flow.js";
import { OPTIONS, type Options, type Progress, type Update } from "./flow.js";
import { type Address, type Fetch, now, portOf } from "./http.js";
import type { JobOptions } from "./job_options.js";
import { parse } from "./json.js";
import { type MediaFile, type Medium, type OutputSpec, type Sink, bring, inMemory, mediaIn } from "./media.js";
import { encoded } from "./images.js";

// How long a call that ends early waits for its job to be told to stop. The telling goes on after that.
const STOP_SECONDS = 5;

/** What a client knows of its package. */
export interface Spec {
  /** The JSON Schema of an input, as text: a JavaScript number does not hold every bound. */
  readonly schema: string;
  readonly outputs: readonly OutputSpec[];
  /** What every result holds; an output without them is none. */
  readonly keys: readonly string[];
  /** Whole numbers that a JavaScript number may not hold: they come back as bigints. */
  readonly exact: { readonly input: readonly string[]; readonly output: readonly string[] };
}

/** What a client may be told: how patient it is, and another `fetch`. */
export interface ClientOptions extends Partial<Options> {
  readonly fetch?: Fetch;
}

/** What a call may be told. */
export interface CallOptions {
  /** Ends the call, and stops a job that the call queued; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** In place of the client's callSeconds. */
  readonly timeoutSeconds?: number | undefined;
}

/** What a call that queues a job may be told. */
export interface SubmitOptions extends CallOptions {
  readonly job?: JobOptions | undefined;
}

/** What a call that tells of progress may be told. */
export interface WatchedOptions<Files> extends CallOptions {
  readonly onProgress?: ((progress: Progress<Files>) => void) | undefined;
}

/** An endpoint, for one API key. Holds nothing that must be closed, and may be used by many calls at once. */
export class EndpointClient<Input extends object, Output extends object, Files extends object> {
  readonly options: Options;
  readonly #spec: Spec;
  readonly #address: Address;
  #schema: Schema | undefined;

  /**
   * `endpoint` is an endpoint's id at RunPod, or the address of one elsewhere. What is omitted is read from the
   * environment: RUNPOD_ENDPOINT_ID and RUNPOD_API_KEY.
   *
   * @throws NotConfigured: one of them is nowhere, or is none.
   */
  constructor(spec: Spec, endpoint: string | undefined, apiKey: string | undefined, options: ClientOptions = {}) {
    const { fetch = globalThis.fetch, ...given } = options;
    this.options = { ...OPTIONS, ...given };
    this.#spec = spec;
    this.#address = { url: endpointUrl(endpoint), apiKey: apiKeyOf(apiKey), fetch };
  }

  /** Queues a job; its id. A signal that comes while it is sent stops the job that comes of it. */
  async submit(request: Input, call: SubmitOptions = {}): Promise<string> {
    return this.#submit(request, this.#deadline(call), call);
  }

  /** Queues a job and waits for its end. Whatever ends the waiting before that, stops the job too. */
  async run(request: Input, call: SubmitOptions & WatchedOptions<Files> = {}): Promise<Output> {
    return last(this.watch(request, call), call.onProgress);
  }

  /**
   * Queues a job and tells of it: each progress, and at the end its result. Whatever ends the loop before that, a `break`
   * too, stops the job.
   */
  async *watch(request: Input, call: SubmitOptions = {}): AsyncGenerator<Update<Output, Files>, void, undefined> {
    const deadline = this.#deadline(call);
    const jobId = await this.#submit(request, deadline, call);
    let ended = false;
    try {
      for await (const update of this.#follow(jobId, deadline, call.signal)) {
        ended = update.kind === "result";
        yield update;
      }
    } catch (error) {
      ended ||= error instanceof JobFailed;
      throw error;
    } finally {
      if (!ended) await this.#stop(jobId);
    }
  }

  /** Waits for a job's end; its output. The job is left alone if it has not ended in time (CallTimeout). */
  async result(jobId: string, call: WatchedOptions<Files> = {}): Promise<Output> {
    return last(this.follow(jobId, call), call.onProgress);
  }

  /** Tells of a job that was queued before, as `watch` does, and leaves it alone. */
  follow(jobId: string, call: CallOptions = {}): AsyncGenerator<Update<Output, Files>, void, undefined> {
    return this.#follow(jobId, this.#deadline(call), call.signal);
  }

  /** How a job is now, as RunPod's /status says it. */
  async status(jobId: string, call: Pick<CallOptions, "signal"> = {}): Promise<Readonly<Record<string, unknown>>> {
    return flow.look(portOf(this.#address, call.signal), jobId, this.options);
  }

  /** Stops a job, or takes it out of the queue. */
  async cancel(jobId: string, call: Pick<CallOptions, "signal"> = {}): Promise<void> {
    await flow.cancel(portOf(this.#address, call.signal), jobId, this.options);
  }

  /** The files of an output, or of a progress's `files`, as the answer describes them; nothing is fetched. */
  files(output: Output | Files): Medium[] {
    return mediaIn(output as Readonly<Record<string, unknown>>, this.#spec.outputs);
  }

  /**
   * Brings the files of an output, or of a progress's `files`, each checked against the size and sha256 that the answer says.
   *
   * @throws MediaBroken: a file is another than the worker made, or cannot be fetched.
   */
  async media(output: Output | Files, call: Pick<CallOptions, "signal"> = {}): Promise<MediaFile[]> {
    const brought: MediaFile[] = [];
    for (const medium of this.files(output)) {
      brought.push({ ...medium, bytes: await this.bring(medium, inMemory, call) });
    }
    return brought;
  }

  /** Brings one file into a sink of the caller's, checked as `media` does. */
  async bring<T>(
    medium: Medium,
    open: () => Promise<Sink<T>> | Sink<T>,
    call: Pick<CallOptions, "signal"> = {},
  ): Promise<T> {
    return bring(medium, open, this.#address.fetch, this.options, call.signal);
  }

  async #submit(request: Input, deadline: number, { signal, job }: SubmitOptions): Promise<string> {
    signal?.throwIfAborted();
    this.#schema ??= parse(this.#spec.schema) as Schema;
    if (isRecord(request)) checkExact(request, this.#spec.exact.input);
    if (this.options.checkInput) checkInput(this.#schema, request);
    if (!isRecord(request)) throw new InputRefused("a request is an object with the fields of this endpoint");
    const sent = await encoded(request, this.#schema, this.options.checkInput);
    signal?.throwIfAborted();
    const queued = flow.submit(portOf(this.#address, signal), sent, this.options, deadline, job);
    if (signal === undefined) return queued;
    // The request goes on after an abort, because only its answer says which job is to be stopped.
    const kept = queued.then(
      async (jobId) => {
        if (signal.aborted) await this.#stop(jobId);
        return jobId;
      },
      (error: unknown) => {
        signal.throwIfAborted();
        throw error;
      },
    );
    const jobId = await unlessAborted(kept, signal);
    signal.throwIfAborted();
    return jobId;
  }

  async *#follow(
    jobId: string,
    deadline: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Update<Output, Files>, void, undefined> {
    const port = portOf(this.#address, signal);
    for await (const update of flow.follow(port, jobId, this.options, this.#spec.keys, deadline)) {
      signal?.throwIfAborted();
      yield update.kind === "progress"
        ? (update as Progress<Files>)
        : { ...update, output: exactly(update.output, this.#spec.exact.output) as Output };
    }
  }

  /** Stops a job that nobody waits for any more, as far as that can be done: what ended the waiting is what is said. */
  async #stop(jobId: string): Promise<void> {
    const deadline = now() + this.options.requestSeconds;
    const told = flow.cancel(portOf(this.#address, undefined), jobId, this.options, deadline).catch(() => undefined);
    await within(told, STOP_SECONDS);
  }

  #deadline(call: CallOptions): number {
    return now() + (call.timeoutSeconds ?? this.options.callSeconds);
  }
}

async function last<Output, Files>(
  updates: AsyncGenerator<Update<Output, Files>, void, undefined>,
  onProgress: ((progress: Progress<Files>) => void) | undefined,
): Promise<Output> {
  for await (const update of updates) {
    if (update.kind === "result") return update.output;
    onProgress?.(update);
  }
  throw new CallError("a job's updates ended without its result");
}

/** What a promise brings; if the signal comes, it is waited for only so long as a job takes to be stopped. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let aborted = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    aborted = () => void within(promise, STOP_SECONDS).then(() => reject(signal.reason), reject);
    signal.addEventListener("abort", aborted, { once: true });
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    signal.removeEventListener("abort", aborted);
  }
}

/** Waits for a promise, but only so long. */
async function within(promise: Promise<unknown>, seconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function checkExact(request: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  for (const name of names) {
    const value = request[name];
    if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new InputRefused(
        `${name}: a JavaScript number cannot hold ${value} exactly; give it as a bigint, with an n behind its digits`,
      );
    }
  }
}

/** An output whose whole numbers of any size are bigints, whichever they are. */
function exactly(output: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  const exact: Record<string, unknown> = { ...output };
  for (const name of names) {
    const value = exact[name];
    if (typeof value === "number" && Number.isInteger(value)) exact[name] = BigInt(value);
  }
  return exact;
}
