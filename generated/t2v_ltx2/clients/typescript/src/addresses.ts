/** The endpoint's URL and API key, and checks of the ids and URLs in its answers. */

import { InputRefused, MediaBroken, NotConfigured, UnexpectedAnswer } from "./errors.js";

/** The URL of RunPod's API. */
export const RUNPOD = "https://api.runpod.ai/v2";
const URL_TEXT = /^https?:\/\/[!-~]{1,8000}$/i;

/** Returns the URL of an endpoint that is given by id or URL; by default RUNPOD_ENDPOINT_ID. */
export function endpointUrl(endpoint: unknown): string {
  const given = endpoint ?? environment("RUNPOD_ENDPOINT_ID");
  if (given === "") {
    throw new NotConfigured("no endpoint: pass its id or URL, or set RUNPOD_ENDPOINT_ID");
  }
  if (typeof given === "string" && given.includes("://")) return base("endpoint", given);
  if (typeof given !== "string" || !isEndpointId(given)) {
    throw new NotConfigured("endpoint: an id has letters, digits, - and _; a URL begins with https://");
  }
  return `${base("RUNPOD_ENDPOINT_BASE_URL", environment("RUNPOD_ENDPOINT_BASE_URL") || RUNPOD)}/${given}`;
}

/** Whether a text may be the id of an endpoint at RunPod. */
export function isEndpointId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,100}$/.test(text);
}

/** Returns the given API key, or RUNPOD_API_KEY, without surrounding whitespace. */
export function apiKeyOf(given: unknown): string {
  const key = typeof given === "string" ? given.trim() : (given ?? environment("RUNPOD_API_KEY"));
  if (key === "") throw new NotConfigured("no API key: pass one, or set RUNPOD_API_KEY");
  // Otherwise the error about an invalid header would contain the key.
  if (typeof key !== "string" || !/^[!-~]{1,1000}$/.test(key)) {
    throw new NotConfigured(
      "the API key contains invalid characters: spaces, control characters or non-ASCII",
    );
  }
  return key;
}

/** Returns the path of an operation on a job. */
export function jobPath(operation: string, jobId: unknown): string {
  if (!isJobId(jobId)) throw new InputRefused("jobId: not a job id; `submit` returns one");
  return `/${operation}/${encodeURIComponent(jobId)}`;
}

/** Returns the job id in an answer of /run; throws UnexpectedAnswer if it is missing, or not safe in a path. */
export function jobIdIn(answer: Readonly<Record<string, unknown>>): string {
  const id = answer["id"];
  if (!isJobId(id)) {
    throw new UnexpectedAnswer("the answer to /run has no job id; the job may be queued, or not");
  }
  return id;
}

/** Checks the URL of a file in an answer. The error message does not contain it, since a presigned URL is a secret. */
export function fileUrl(output: string, url: string): string {
  const problem = problemOf(url);
  if (problem !== undefined) {
    throw new MediaBroken(`${output}: the answer's URL is not allowed: ${problem}`);
  }
  return url;
}

function isJobId(id: unknown): id is string {
  return typeof id === "string" && /^[A-Za-z0-9_.:-]{1,200}$/.test(id) && !/^\.+$/.test(id);
}

function base(name: string, url: string): string {
  if (problemOf(url) !== undefined || /[?#]/.test(url)) {
    throw new NotConfigured(`${name}: must be an http or https URL in ASCII, without credentials, query or ../`);
  }
  return url.replace(/\/+$/, "");
}

/** Returns what is wrong with a URL. */
function problemOf(url: string): string | undefined {
  if (!URL_TEXT.test(url)) return "it is not an http or https URL in ASCII";
  const rest = url.slice(url.indexOf("//") + 2);
  const authority = rest.split(/[/?#]/)[0] ?? "";
  if (authority.includes("@") || url.includes("\\")) return "it contains credentials or a backslash";
  let host: string;
  try {
    host = new URL(url).hostname;
  } catch {
    return "it is not a valid URL";
  }
  if (host === "" || authority === "") return "it has no host";
  // The text as given: `URL` has resolved such segments already.
  const path = (rest.slice(authority.length).split(/[?#]/)[0] ?? "").replaceAll(/%2e/gi, ".").replaceAll(/%2f/gi, "/");
  return path.split("/").some((step) => step === "." || step === "..") ? "its path contains . or .." : undefined;
}

/** An environment variable; empty in a browser. */
function environment(name: string): string {
  const { process } = globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } };
  return process?.env?.[name]?.trim() ?? "";
}
