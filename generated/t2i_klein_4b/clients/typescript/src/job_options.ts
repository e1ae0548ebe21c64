/** What a request may say beside its input: whom to tell of the job's end, how long it may take, where its files go. */

import { EXECUTION_MS, TTL_MS } from "./contract.js";
import { InputRefused } from "./errors.js";


/** S3-compatible storage that one job brings along for its files. */
export interface Bucket {
  readonly accessId: string;
  readonly accessSecret: string;
  readonly bucketName: string;
  /** With https, at a public address. */
  readonly endpointUrl: string;
}

/** What holds for one job. What is omitted is the endpoint's own choice. */
export interface JobOptions {
  /** Gets a POST of the job, as `status` says it, when it has ended. */
  readonly webhook?: string | undefined;
  /** How long it may run; RunPod takes 5 seconds to 7 days. */
  readonly executionSeconds?: number | undefined;
  /** When it is dropped, counted from its sending, whether it waits or runs; RunPod takes 10 seconds to 7 days. */
  readonly ttlSeconds?: number | undefined;
  /** It waits behind all others and starts no worker. */
  readonly lowPriority?: boolean | undefined;
  /** Where its files go. They leave by URL then, unless its `output.delivery` says otherwise. */
  readonly bucket?: Bucket | undefined;
}

/**
 * The keys of a request beside `input`, as RunPod takes them.
 *
 * @throws InputRefused: a value that no endpoint takes; the text does not repeat it.
 */
export function besideInput(job: JobOptions = {}): object {
  const { webhook, executionSeconds, ttlSeconds, lowPriority, bucket } = job;
  const policy = {
    executionTimeout: milliseconds("executionSeconds", executionSeconds, EXECUTION_MS),
    ttl: milliseconds("ttlSeconds", ttlSeconds, TTL_MS),
    lowPriority: lowPriority === true ? true : undefined,
  };
  return {
    policy: Object.values(policy).some((value) => value !== undefined) ? policy : undefined,
    webhook: webhook === undefined ? undefined : url("webhook", webhook),
    s3Config: bucket === undefined ? undefined : s3Config(bucket),
  };
}

/** A text of the other side, which may repeat what it was sent, without what nobody else should read. */
export function withoutSecrets(text: string, job: JobOptions = {}): string {
  const hidden = [job.webhook, job.bucket?.accessSecret].flatMap((secret) =>
    // As it is, and as a JSON text has it.
    secret === undefined || secret === "" ? [] : [secret, JSON.stringify(secret).slice(1, -1)],
  );
  return hidden.reduce((left, secret) => left.replaceAll(secret, "…"), text);
}

function s3Config({ accessId, accessSecret, bucketName, endpointUrl }: Bucket): object {
  return { accessId, accessSecret, bucketName, endpointUrl: url("bucket.endpointUrl", endpointUrl) };
}

function milliseconds(
  name: string,
  seconds: number | undefined,
  [least, most]: readonly [number, number],
): number | undefined {
  if (seconds === undefined) return undefined;
  // In this way round, so that NaN is none either.
  if (typeof seconds !== "number" || !(seconds >= least / 1000 && seconds <= most / 1000)) {
    const longest = (most / 1000).toLocaleString("en-US");
    throw new InputRefused(`${name}: must be from ${least / 1000} to ${longest} seconds`);
  }
  return Math.round(seconds * 1000);
}

function url(name: string, text: string): string {
  if (typeof text !== "string" || !/^https?:\/\/[!-~]+$/.test(text)) {
    throw new InputRefused(`${name}: must be an http or https URL, without spaces and in ASCII`);
  }
  return text;
}
