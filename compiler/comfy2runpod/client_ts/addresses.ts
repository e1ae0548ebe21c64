/** Where an endpoint is and what opens it; and the ids and addresses that it answers with, before anybody uses them. */

import { InputRefused, MediaBroken, NotConfigured, UnexpectedAnswer } from "./errors.js";

const RUNPOD = "https://api.runpod.ai/v2";
const URL_TEXT = /^https?:\/\/[!-~]{1,8000}$/i;

/** An endpoint's address: of its id at RunPod, of an address elsewhere, or of RUNPOD_ENDPOINT_ID. */
export function endpointUrl(endpoint: unknown): string {
  const given = endpoint ?? environment("RUNPOD_ENDPOINT_ID");
  if (given === "") {
    throw new NotConfigured("no endpoint: give its id or its address, or set RUNPOD_ENDPOINT_ID");
  }
  if (typeof given === "string" && given.includes("://")) return base("endpoint", given);
  if (typeof given !== "string" || !/^[A-Za-z0-9_-]{1,100}$/.test(given)) {
    throw new NotConfigured("endpoint: an id has letters, digits, - and _; an address begins with https://");
  }
  return `${base("RUNPOD_ENDPOINT_BASE_URL", environment("RUNPOD_ENDPOINT_BASE_URL") || RUNPOD)}/${given}`;
}

/** The API key that is given, or that of RUNPOD_API_KEY, without the spaces and line ends around it. */
export function apiKeyOf(given: unknown): string {
  const key = typeof given === "string" ? given.trim() : (given ?? environment("RUNPOD_API_KEY"));
  if (key === "") throw new NotConfigured("no API key: give one, or set RUNPOD_API_KEY");
  // A header that cannot be written would be said together with the key.
  if (typeof key !== "string" || !/^[!-~]{1,1000}$/.test(key)) {
    throw new NotConfigured(
      "the API key holds characters that no key has: spaces, control characters or non-ASCII",
    );
  }
  return key;
}

/** The path of an operation on a job. */
export function jobPath(operation: string, jobId: unknown): string {
  if (!isJobId(jobId)) throw new InputRefused("jobId: no id of a job; `submit` gives them");
  return `/${operation}/${encodeURIComponent(jobId)}`;
}

/** The id of the job that /run queued; an answer with one that stands for something else in a path is none. */
export function jobIdIn(answer: Readonly<Record<string, unknown>>): string {
  const id = answer["id"];
  if (!isJobId(id)) {
    throw new UnexpectedAnswer("the answer to /run holds no id of a job; it may be queued, or not");
  }
  return id;
}

/** The address of a file in an answer. The text of an error does not repeat it: a signed one is a key. */
export function fileUrl(output: string, url: string): string {
  const problem = problemOf(url);
  if (problem !== undefined) {
    throw new MediaBroken(`${output}: the answer's address is not one that files are fetched from: ${problem}`);
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

/** What is wrong with an address. */
function problemOf(url: string): string | undefined {
  if (!URL_TEXT.test(url)) return "it is no http or https URL in ASCII";
  const rest = url.slice(url.indexOf("//") + 2);
  const authority = rest.split(/[/?#]/)[0] ?? "";
  if (authority.includes("@") || url.includes("\\")) return "it holds credentials or a backslash";
  let host: string;
  try {
    host = new URL(url).hostname;
  } catch {
    return "it is no whole URL";
  }
  if (host === "" || authority === "") return "it names no host";
  // As it is written: URL itself has taken such steps already.
  const path = (rest.slice(authority.length).split(/[?#]/)[0] ?? "").replaceAll(/%2e/gi, ".").replaceAll(/%2f/gi, "/");
  return path.split("/").some((step) => step === "." || step === "..") ? "its path goes up or in place" : undefined;
}

/** A variable of the environment; none in a browser. */
function environment(name: string): string {
  const { process } = globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } };
  return process?.env?.[name]?.trim() ?? "";
}
