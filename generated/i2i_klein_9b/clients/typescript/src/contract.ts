/**
 * What endpoints and clients agree on: limits of requests, states of jobs, file endings, formats.
 *
 * Made from the contract by scripts/client_contract.py; change comfy2runpod_contract, not this file.
 */

/** The largest request to /run, in bytes. */
export const RUN_BYTES = 10_000_000;
/** The largest request to /runsync, and the largest answer, in bytes. */
export const RUNSYNC_BYTES = 20_000_000;
/** The largest preview in a progress update, in bytes. */
export const PREVIEW_BYTES = 30_000;
/** What ComfyUI's nodes take as a width or height at most. */
export const LONGEST_IMAGE_SIDE = 16_384;
/** How many faults of an input are told one by one. */
export const MOST_FAULTS = 20;
/** How many of them the error's message names. */
export const FAULTS_IN_MESSAGE = 5;
/** How long a job may be let run at RunPod, in milliseconds. */
export const EXECUTION_MS = [5_000, 604_800_000] as const;
/** After how long a job may be dropped, counted from its sending, in milliseconds. */
export const TTL_MS = [10_000, 604_800_000] as const;
/** The states of a job that has not ended. */
export const LIVE_STATUSES: readonly string[] = ["IN_QUEUE", "IN_PROGRESS", "RUNNING"];
/** The states of a job that has ended without a result. */
export const FAILED_STATUSES: readonly string[] = ["FAILED", "CANCELLED", "TIMED_OUT"];
/** Integers from here on are not printed. */
export const LARGEST_SHOWN = 1000000000000000000000000000000n;
/** What a file's name ends in, by its media type. */
export const FILE_ENDINGS: ReadonlyMap<string, string> = new Map([
  ["image/png", ".png"],
  ["image/jpeg", ".jpg"],
  ["image/webp", ".webp"],
  ["image/gif", ".gif"],
  ["image/svg+xml", ".svg"],
  ["video/mp4", ".mp4"],
  ["video/webm", ".webm"],
  ["video/ogg", ".ogv"],
  ["audio/flac", ".flac"],
  ["audio/mp4", ".m4a"],
  ["audio/mpeg", ".mp3"],
  ["audio/ogg", ".ogg"],
  ["audio/opus", ".opus"],
  ["audio/wav", ".wav"],
  ["audio/webm", ".weba"],
  ["model/gltf-binary", ".glb"],
  ["application/json", ".json"],
  ["text/plain", ".txt"],
]);
/** What a format of files is called in sentences. */
export const FORMAT_LABELS: ReadonlyMap<string, string> = new Map([
  ["png", "PNG"],
  ["jpeg", "JPEG"],
  ["webp", "WebP"],
  ["mp4", "MP4"],
  ["mov", "QuickTime"],
  ["webm", "WebM"],
  ["mkv", "Matroska"],
]);
/** The code of a job that ended in a state without an error of its worker's. */
export const STATUS_CODES: ReadonlyMap<string, string> = new Map([
  ["CANCELLED", "cancelled"],
  ["TIMED_OUT", "timeout"],
]);
/** What JSON's types are called in messages. */
export const JSON_WORDS: ReadonlyMap<string, string> = new Map([
  ["null", "null"],
  ["boolean", "a boolean"],
  ["integer", "an integer"],
  ["number", "a number"],
  ["string", "a text"],
  ["array", "an array"],
  ["object", "an object"],
]);
/** What the name of a file of any other type ends in. */
export const OTHER_ENDING = ".bin";
