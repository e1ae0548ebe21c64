/** The limits of a client. */

import { RUN_BYTES } from "./contract.js";

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
  /** How many files one answer may have. Default: 10,000. */
  readonly maxFiles: number;
  /**
   * Of the files of one answer: their bytes together. One whose size the answer does not tell is counted once it is
   * there. Default: 10,000,000,000.
   */
  readonly maxTotalBytes: number;
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
  maxFiles: 10_000,
  maxTotalBytes: 10_000_000_000,
  checkInput: true,
};
