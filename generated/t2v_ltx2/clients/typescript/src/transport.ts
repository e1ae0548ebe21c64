/** The client of an endpoint: it sends the requests of `flow` by `fetch`, and downloads media. */

import { apiKeyOf, endpointUrl } from "./addresses.js";
import { type Schema, checkInput } from "./checks.js";
import { CallError, InputRefused, JobFailed, isRecord } from "./errors.js";
import * as flow from "./flow.js";
import type { Progress, Update } from "./flow.js";
import { type Address, type Fetch, now, portOf } from "./http.js";
import type { JobOptions } from "./job_options.js";
import { parse } from "./json.js";
import {
  type MediaFile,
  type Medium,
  type OutputSpec,
  type Sink,
  TotalBytes,
  download,
  inMemory,
  mediaIn,
} from "./media.js";
import { encoded } from "./file_fields.js";
import type { FileKind } from "./files.js";
import { OPTIONS, type Options } from "./options.js";

// How long an interrupted call waits until its job is cancelled. The request continues after that.
const STOP_SECONDS = 5;

/** What a client knows about its package. */
export interface Spec {
  /** The JSON Schema of an input, as text, since a JavaScript number cannot represent every bound. */
  readonly schema: string;
  readonly outputs: readonly OutputSpec[];
  /** The kinds of files that an input has fields for. */
  readonly files: readonly FileKind[];
  /** What every output contains; one without these is incomplete. */
  readonly keys: readonly string[];
  /** Integers that a JavaScript number may not represent: they are returned as bigint. */
  readonly exact: { readonly input: readonly string[]; readonly output: readonly string[] };
}

/** The options of a client: time and size limits, and a `fetch` to use. */
export interface ClientOptions extends Partial<Options> {
  readonly fetch?: Fetch;
}

/** The options of a call. */
export interface CallOptions {
  /** Aborts the call, and cancels a job that the call queued; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Replaces the client's callSeconds. */
  readonly timeoutSeconds?: number | undefined;
}

/** The options of a call that queues a job. */
export interface SubmitOptions extends CallOptions {
  readonly job?: JobOptions | undefined;
}

/** The options of a call that reports progress. */
export interface WatchedOptions<Files> extends CallOptions {
  readonly onProgress?: ((progress: Progress<Files>) => void) | undefined;
}

/** The client of an endpoint. It need not be closed, and supports concurrent calls. */
export class EndpointClient<Input extends object, Output extends object, Files extends object> {
  readonly options: Options;
  readonly #spec: Spec;
  readonly #address: Address;
  #schema: Schema | undefined;

  /**
   * `endpoint` is the id of a RunPod endpoint, or the URL of another one. Defaults: the environment variables
   * RUNPOD_ENDPOINT_ID and RUNPOD_API_KEY.
   *
   * @throws NotConfigured: the endpoint or the API key is missing or invalid.
   */
  constructor(spec: Spec, endpoint: string | undefined, apiKey: string | undefined, options: ClientOptions = {}) {
    const { fetch = globalThis.fetch, ...given } = options;
    this.options = { ...OPTIONS, ...given };
    this.#spec = spec;
    this.#address = { url: endpointUrl(endpoint), apiKey: apiKeyOf(apiKey), fetch };
  }

  /** Queues a job, and returns its id. If the signal is aborted while it is sent, the job is cancelled. */
  async submit(request: Input, call: SubmitOptions = {}): Promise<string> {
    return this.#submit(request, this.#deadline(call), call);
  }

  /** Queues a job and waits for its output. If waiting is interrupted or times out, the job is cancelled. */
  async run(request: Input, call: SubmitOptions & WatchedOptions<Files> = {}): Promise<Output> {
    return last(this.watch(request, call), call.onProgress);
  }

  /**
   * Queues a job, and yields its progress and at the end its result. If the loop ends before that, also by `break`, the
   * job is cancelled.
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

  /** Waits for a job's result, and returns its output. If it has not ended in time (CallTimeout), it is not cancelled. */
  async result(jobId: string, call: WatchedOptions<Files> = {}): Promise<Output> {
    return last(this.follow(jobId, call), call.onProgress);
  }

  /** Yields the updates of a queued job, as `watch` does, without cancelling it. */
  follow(jobId: string, call: CallOptions = {}): AsyncGenerator<Update<Output, Files>, void, undefined> {
    return this.#follow(jobId, this.#deadline(call), call.signal);
  }

  /** Returns the state of a job, as RunPod's /status reports it. */
  async status(jobId: string, call: Pick<CallOptions, "signal"> = {}): Promise<Readonly<Record<string, unknown>>> {
    return flow.getStatus(portOf(this.#address, call.signal), jobId, this.options);
  }

  /** Cancels a job. */
  async cancel(jobId: string, call: Pick<CallOptions, "signal"> = {}): Promise<void> {
    await flow.cancel(portOf(this.#address, call.signal), jobId, this.options);
  }

  /**
   * Returns the files of an output, or of the `files` of a progress update; downloads nothing.
   *
   * @throws MediaBroken: a file is malformed, they are too many (`maxFiles`), or two have the same name.
   */
  files(output: Output | Files): Medium[] {
    return mediaIn(output as Readonly<Record<string, unknown>>, this.#spec.outputs, this.options.maxFiles);
  }

  /**
   * Downloads the files of an output, or of the `files` of a progress update, and checks their size and sha256.
   *
   * @throws MediaBroken: a file is not the one that the worker made, or cannot be downloaded; or they are too many or too
   *   large (`maxFiles`, `maxTotalBytes`), or two have the same name.
   */
  async media(output: Output | Files, call: Pick<CallOptions, "signal"> = {}): Promise<MediaFile[]> {
    const files: MediaFile[] = [];
    const media = this.files(output);
    const total = new TotalBytes(media, this.options.maxTotalBytes);
    for (const medium of media) {
      const bytes = await this.download(medium, inMemory, call);
      total.count(medium, bytes.length);
      files.push({ ...medium, bytes });
    }
    return files;
  }

  /** Writes one file to a sink, checked as `media` does. */
  async download<T>(
    medium: Medium,
    open: () => Promise<Sink<T>> | Sink<T>,
    call: Pick<CallOptions, "signal"> = {},
  ): Promise<T> {
    return download(medium, open, this.#address.fetch, this.options, call.signal);
  }

  async #submit(request: Input, deadline: number, { signal, job }: SubmitOptions): Promise<string> {
    signal?.throwIfAborted();
    this.#schema ??= parse(this.#spec.schema) as Schema;
    if (isRecord(request)) checkExact(request, this.#spec.exact.input);
    if (this.options.checkInput) checkInput(this.#schema, request);
    if (!isRecord(request)) throw new InputRefused("a request must be an object with the fields of this endpoint");
    const sent = await encoded(request, this.#schema, this.#spec.files, this.options.checkInput);
    signal?.throwIfAborted();
    const queued = flow.submit(portOf(this.#address, signal), sent, this.options, deadline, job);
    if (signal === undefined) return queued;
    // An abort does not end the request, since its answer has the id of the job to cancel.
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

  /** Cancels a job after the call was interrupted. Errors are ignored: the interruption is what is reported. */
  async #stop(jobId: string): Promise<void> {
    const deadline = now() + this.options.requestSeconds;
    const cancelled = flow.cancel(portOf(this.#address, undefined), jobId, this.options, deadline).catch(() => undefined);
    await within(cancelled, STOP_SECONDS);
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

/** Awaits a promise; after an abort, only for as long as cancelling a job may take. */
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

/** Awaits a promise with a time limit. */
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
        `${name}: a JavaScript number cannot hold ${value} exactly; pass it as a bigint, with an n after its digits`,
      );
    }
  }
}

/** Converts the integers of unlimited size in an output to bigint. */
function exactly(output: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  const exact: Record<string, unknown> = { ...output };
  for (const name of names) {
    const value = exact[name];
    if (typeof value === "number" && Number.isInteger(value)) exact[name] = BigInt(value);
  }
  return exact;
}
