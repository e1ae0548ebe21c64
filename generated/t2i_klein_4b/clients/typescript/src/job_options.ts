/** The options of a job that are sent beside its input: webhook, time limits, priority and bucket. */

import { EXECUTION_MS, TTL_MS } from "./contract.js";
import { InputRefused } from "./errors.js";


/** S3-compatible storage for the files of one job. */
export interface Bucket {
  readonly accessId: string;
  readonly accessSecret: string;
  readonly bucketName: string;
  /** https, with a public address. */
  readonly endpointUrl: string;
}

/** The options of one job. What is omitted is decided by the endpoint. */
export interface JobOptions {
  /** Receives a POST with the job's state when it has ended. */
  readonly webhook?: string | undefined;
  /** How long it may run: 5 seconds to 7 days. */
  readonly executionSeconds?: number | undefined;
  /** When it is dropped, from its submission, whether it is queued or running: 10 seconds to 7 days. */
  readonly ttlSeconds?: number | undefined;
  /** Waits behind all other jobs, and starts no worker. */
  readonly lowPriority?: boolean | undefined;
  /** Where its files are uploaded. They are then returned as URLs, unless `output.delivery` says otherwise. */
  readonly bucket?: Bucket | undefined;
}

/**
 * Returns the keys of a request beside `input`, in RunPod's form.
 *
 * @throws InputRefused: a value is invalid; the message does not contain it.
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

/** Removes a job's secrets from a server's message, which may repeat the request. */
export function withoutSecrets(text: string, job: JobOptions = {}): string {
  const hidden = [job.webhook, job.bucket?.accessSecret].flatMap((secret) =>
    // As it is, and JSON-encoded.
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
  // Negated, so that NaN is refused, too.
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
