/** The media of an answer: parsed, named, downloaded and checked. */

import { fileUrl } from "./addresses.js";
import { FILE_ENDINGS, OTHER_ENDING } from "./contract.js";
import { MediaBroken, isRecord } from "./errors.js";
import type { Options } from "./options.js";
import { type Fetch, Limit, chunks, joined, pause, reasonOf } from "./http.js";
import { count, plain } from "./text.js";

/** Bytes with a buffer of their own, as Blob and WebCrypto need them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** An output of a package: its name, its default media type, and whether its fields are those of the answer. */
export interface OutputSpec {
  readonly name: string;
  readonly mediaType: string;
  readonly flat: boolean;
}

/** One file of an answer, as exactly one of text, base64 (`data`) and URL. */
export interface Medium {
  readonly output: string;
  /** The index in a list of files; undefined if the output is one file. */
  readonly index?: number;
  /** The file name: the output, the number in a list, and the extension of the media type. */
  readonly name: string;
  readonly mediaType: string;
  readonly text?: string;
  readonly data?: string;
  readonly url?: string;
  /** When the URL expires (RFC 3339). */
  readonly expiresAt?: string;
  readonly size?: number;
  readonly sha256?: string;
}

/** A file that was downloaded and checked. */
export interface MediaFile extends Medium {
  readonly bytes: Bytes;
}

/** Receives the bytes of a file. `end` returns its sha256, and a function that keeps it. */
export interface Sink<T> {
  write(chunk: Bytes): Promise<void> | void;
  end(): Promise<{ readonly sha256: string; readonly keep: () => Promise<T> | T }>;
  /** Releases all resources; always called at the end, also after `keep`. */
  drop(): Promise<void> | void;
}

/**
 * Parses the files of an answer, in the order of the outputs. Outputs that were not requested are absent.
 *
 * @throws MediaBroken: a file is malformed, there are more than `maxFiles`, or two would have the same name.
 */
export function mediaIn(
  answer: Readonly<Record<string, unknown>>,
  outputs: readonly OutputSpec[],
  maxFiles: number,
): Medium[] {
  const found: Medium[] = [];
  // Some file systems ignore case.
  const first = new Map<string, Medium>();
  for (const output of outputs) {
    for (const file of filesOf(output, answer)) {
      if (found.push(file) > maxFiles) {
        throw broken(file, `with it, the answer has more than ${count(maxFiles)} files`);
      }
      const other = first.get(file.name.toLowerCase());
      if (other !== undefined) throw broken(file, `a file of it would replace one of ${other.output}, as ${file.name}`);
      first.set(file.name.toLowerCase(), file);
    }
  }
  return found;
}

function filesOf(output: OutputSpec, answer: Readonly<Record<string, unknown>>): Medium[] {
  const value = answer[output.name];
  if (output.flat && (typeof value === "string" || "url" in answer)) {
    const key = output.mediaType.startsWith("text/") ? "text" : "data";
    return [medium(output, undefined, { ...answer, [key]: value })];
  }
  if (typeof value === "string") return [medium(output, undefined, { text: value })];
  if (Array.isArray(value)) return value.map((one, index) => medium(output, index, one));
  return value === undefined ? [] : [medium(output, undefined, value)];
}

/** The bytes of the files of an answer together: as the answer tells them, else as they were received. */
export class TotalBytes {
  readonly #most: number;
  #sum = 0;

  /** @throws MediaBroken: there are more than `maxBytes`. */
  constructor(media: readonly Medium[], maxBytes: number) {
    this.#most = maxBytes;
    for (const one of media) this.#add(one, one.size ?? 0);
  }

  /**
   * Counts a file of `size` bytes that was received, if the answer did not tell its size.
   *
   * @throws MediaBroken: with it, there are more.
   */
  count(file: Medium, size: number): void {
    if (file.size === undefined) this.#add(file, size);
  }

  #add(file: Medium, size: number): void {
    this.#sum += size;
    if (this.#sum > this.#most) {
      throw broken(file, `with it, the answer's files have more than ${count(this.#most)} bytes`);
    }
  }
}

function medium(output: OutputSpec, index: number | undefined, file: unknown): Medium {
  if (!isRecord(file)) throw new MediaBroken(`${output.name}: the answer has no file for it`);
  const { media_type, bytes, sha256, text, data, url, expires_at } = file;
  const isSize = typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0;
  if (bytes !== undefined && bytes !== null && !isSize) {
    throw new MediaBroken(`${output.name}: the answer's \`bytes\` is not a valid size`);
  }
  if (sha256 !== undefined && sha256 !== null && typeof sha256 !== "string") {
    throw new MediaBroken(`${output.name}: the answer's \`sha256\` is not a string`);
  }
  const given = typeof media_type === "string" && media_type !== "" ? media_type : undefined;
  const mediaType = given ?? (typeof text === "string" ? "text/plain" : output.mediaType);
  const place = index === undefined ? "" : `_${String(index + 1).padStart(2, "0")}`;
  return {
    output: output.name,
    name: `${output.name}${place}${extension(mediaType)}`,
    mediaType,
    ...(index === undefined ? {} : { index }),
    ...(typeof text === "string" ? { text } : {}),
    ...(typeof data === "string" ? { data } : {}),
    ...(typeof url === "string" ? { url } : {}),
    ...(typeof expires_at === "string" ? { expiresAt: expires_at } : {}),
    ...(typeof bytes === "number" ? { size: bytes } : {}),
    ...(typeof sha256 === "string" ? { sha256 } : {}),
  };
}

/**
 * Writes a file to a sink, after decoding or downloading it.
 *
 * @throws MediaBroken: it is not the file that the worker made, or cannot be downloaded; the sink is dropped.
 */
export async function download<T>(
  medium: Medium,
  open: () => Promise<Sink<T>> | Sink<T>,
  fetch: Fetch,
  options: Options,
  signal?: AbortSignal,
): Promise<T> {
  if (medium.url !== undefined) return fetched(medium, medium.url, open, fetch, options, signal);
  const content = decoded(medium);
  const sink = await open();
  try {
    const received = new Received(medium, sink, content.length);
    await received.take(content);
    return await received.whole();
  } finally {
    await sink.drop();
  }
}

/** A sink that keeps a file in memory. */
export function inMemory(): Sink<Bytes> {
  const parts: Bytes[] = [];
  return {
    write: (chunk) => void parts.push(chunk),
    end: async () => {
      const whole = joined(parts);
      return { sha256: await sha256Of(whole), keep: () => whole };
    },
    drop: () => void parts.splice(0),
  };
}

/** Checks the size and sha256 of a file while it is received. */
class Received<T> {
  readonly #medium: Medium;
  readonly #sink: Sink<T>;
  readonly #most: number;
  #size = 0;

  constructor(medium: Medium, sink: Sink<T>, most: number) {
    this.#medium = medium;
    this.#sink = sink;
    this.#most = Math.min(medium.size ?? most, most);
  }

  async take(chunk: Bytes): Promise<void> {
    this.#size += chunk.length;
    if (this.#size > this.#most) throw broken(this.#medium, `the file is longer than ${count(this.#most)} bytes`);
    await this.#sink.write(chunk);
  }

  async whole(): Promise<T> {
    const { size, sha256, text } = this.#medium;
    if (size !== undefined && this.#size !== size) {
      throw broken(this.#medium, `the file has ${count(this.#size)} bytes, the worker made ${count(size)}`);
    }
    const ended = await this.#sink.end();
    if (sha256 !== undefined && text === undefined && ended.sha256 !== sha256) {
      throw broken(this.#medium, "the file's sha256 differs from the one in the answer");
    }
    return ended.keep();
  }
}

/** Downloads a file. Retries if the connection or the storage fails. */
async function fetched<T>(
  medium: Medium,
  url: string,
  open: () => Promise<Sink<T>> | Sink<T>,
  fetch: Fetch,
  options: Options,
  signal: AbortSignal | undefined,
): Promise<T> {
  const address = fileUrl(medium.output, url);
  for (let tries = 0; ; tries += 1) {
    const sink = await open();
    const limit = new Limit(options.requestSeconds, signal);
    let fault: string;
    try {
      // Without the API key and cookies, which must not be sent to the file storage.
      const response = await fetch(address, { credentials: "omit", signal: limit.signal });
      if (/^https:/i.test(address) && /^http:/i.test(response.url)) {
        throw broken(medium, "the file cannot be downloaded: it redirects from https to http");
      }
      if (response.ok) {
        const received = new Received(medium, sink, options.maxDownloadBytes);
        for await (const chunk of chunks(response, limit)) await received.take(chunk);
        return await received.whole();
      }
      await response.body?.cancel();
      fault = `HTTP ${response.status}`;
      if (response.status < 500) throw broken(medium, `the file cannot be downloaded: ${fault}`);
    } catch (error) {
      signal?.throwIfAborted();
      // A retry does not help against a wrong file or a full disk.
      if (error instanceof MediaBroken || !ofTheNetwork(error)) throw error;
      fault = plain(reasonOf(error), 200);
    } finally {
      limit.end();
      await sink.drop();
    }
    if (tries >= options.retries) throw broken(medium, `the file cannot be downloaded: ${fault}`);
    await pause(1, signal);
  }
}

/** `fetch` and its body report a broken connection as TypeError, and our time limit as DOMException. */
function ofTheNetwork(error: unknown): boolean {
  return error instanceof TypeError || error instanceof DOMException;
}

/** Decodes a file that the answer contains. */
function decoded(medium: Medium): Bytes {
  if (medium.text !== undefined) {
    if (/\p{Cs}/u.test(medium.text)) throw broken(medium, "the answer's text holds half of a surrogate pair");
    return new TextEncoder().encode(medium.text);
  }
  const content = fromBase64(medium.data ?? "");
  if (content === undefined) throw broken(medium, "the answer's text is not base64");
  if (content.length === 0) throw broken(medium, "the answer contains neither the file nor its URL");
  return content;
}

function broken(medium: Medium, what: string): MediaBroken {
  return new MediaBroken(`${medium.output}: ${what}`);
}

async function sha256Of(content: Bytes): Promise<string> {
  // Browsers have WebCrypto on https pages and on localhost only.
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) {
    throw new MediaBroken("a file cannot be checked on this page: browsers have WebCrypto on https pages only");
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Decodes base64 with padding and without whitespace; undefined if it is invalid. */
export function fromBase64(text: string): Bytes | undefined {
  const end = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  // Searches for invalid characters, since a pattern that matches all of a long text overflows the stack.
  const strange = text.search(/[^A-Za-z0-9+/]/);
  if (text.length % 4 !== 0 || (strange >= 0 && strange < end)) return undefined;
  const characters = atob(text);
  const content = new Uint8Array(characters.length);
  for (let at = 0; at < characters.length; at += 1) content[at] = characters.charCodeAt(at);
  return content;
}

/** Returns the file name extension of a media type. */
export function extension(mediaType: string): string {
  return FILE_ENDINGS.get(withoutParameters(mediaType)) ?? OTHER_ENDING;
}

/** Returns a media type without its parameters, if a worker's files may have it; otherwise undefined. */
export function knownType(mediaType: string): string | undefined {
  const type = withoutParameters(mediaType);
  return FILE_ENDINGS.has(type) ? type : undefined;
}

function withoutParameters(mediaType: string): string {
  return (mediaType.split(";")[0] ?? "").trim().toLowerCase();
}
