/** Requests by `fetch`, with limits for time, also of slow servers, and size. */

import type { Port, Reply, Send } from "./exchange.js";
import { plain } from "./text.js";

export type Fetch = typeof globalThis.fetch;

/** The URL and API key of an endpoint. */
export interface Address {
  readonly url: string;
  readonly apiKey: string;
  readonly fetch: Fetch;
}

// The longest delay of a timer, in milliseconds; with a longer one it fires at once.
const LONGEST_TIMER = 2 ** 31 - 1;

// The error codes of Node, Bun and Deno which prove that nothing was sent. Browsers have none.
const UNSENT = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ERR_INVALID_URL",
  "ConnectionRefused",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Seconds of a monotonic clock. */
export function now(): number {
  return performance.now() / 1000;
}

/** The port of a call. A submission that has started is not aborted, since the job's id would be lost. */
export function portOf(address: Address, signal: AbortSignal | undefined): Port {
  return {
    send: (request) => send(address, request, request.queues ? undefined : signal),
    wait: (seconds) => pause(seconds, signal),
  };
}

/** Waits; rejects with the signal's reason if it is aborted. */
export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
    const aborted = (): void => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      end();
      resolve();
    }, milliseconds(seconds));
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

// Bytes per second below which a transfer times out.
const MIN_BYTES_PER_SECOND = 65_536;
// How much of an error answer is read.
const MAX_ERROR_BYTES = 16_384;
// A shorter API key could occur in a text by chance.
const MIN_SECRET_LENGTH = 12;

/** A time limit of `seconds`, plus one for every 64 KiB transferred, up to `most`; also ends if the caller aborts. */
export class Limit {
  readonly #controller = new AbortController();
  readonly #seconds: number;
  readonly #outer: AbortSignal | undefined;
  readonly #aborted = (): void => this.#controller.abort(this.#outer?.reason);
  readonly #most: number;
  #until: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(seconds: number, outer: AbortSignal | undefined, most = Infinity) {
    this.#seconds = seconds;
    this.#outer = outer;
    this.#until = now() + seconds;
    this.#most = now() + most;
    outer?.throwIfAborted();
    outer?.addEventListener("abort", this.#aborted, { once: true });
    this.came(0);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Extends the limit for bytes that were transferred. */
  came(bytes: number): void {
    clearTimeout(this.#timer);
    this.#until += bytes / MIN_BYTES_PER_SECOND;
    this.#timer = setTimeout(
      () => {
        this.#controller.abort(new DOMException(`not done within ${this.#seconds} seconds`, "TimeoutError"));
      },
      milliseconds(Math.max(Math.min(this.#until, this.#most) - now(), 0)),
    );
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#aborted);
  }
}

/** The chunks of an answer's body. */
export async function* chunks(response: Response, limit: Limit): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (response.body === null) return;
  const reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> = response.body.getReader();
  let whole = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        whole = true;
        return;
      }
      limit.came(value.length);
      yield value;
    }
  } finally {
    // If reading stops early, the connection is closed, and its errors are ignored.
    if (!whole) await reader.cancel().catch(() => undefined);
  }
}

/** The reason of an error of `fetch`, without the URL: a presigned URL is a secret. */
export function reasonOf(error: unknown): string {
  const cause = causeOf(error);
  const code = codeOf(cause);
  if (code !== undefined) return code;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}

async function send(address: Address, request: Send, signal: AbortSignal | undefined): Promise<Reply> {
  const limit = new Limit(request.seconds, signal, request.most);
  let refusal: { status: number; retryAfter: string | null } | undefined;
  try {
    limit.came(request.body?.length ?? 0);
    // Not called as a method: a browser's fetch must be called on its window.
    const { fetch } = address;
    const response = await fetch(address.url + request.path, {
      method: request.method,
      headers: { Authorization: `Bearer ${address.apiKey}`, "Content-Type": "application/json" },
      // The API key must not be sent to another host.
      redirect: "manual",
      credentials: "omit",
      signal: limit.signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const head = { status: response.status, retryAfter: response.headers.get("Retry-After") };
    if (!response.ok) refusal = head;
    const most = response.ok ? request.maxBytes : MAX_ERROR_BYTES;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const chunk of chunks(response, limit)) {
      size += chunk.length;
      if (size <= most) parts.push(chunk);
      else if (response.ok) return { ...head, body: null };
      else break;
    }
    return { ...head, body: response.ok ? joined(parts) : withoutKey(joined(parts), address.apiKey) };
  } catch (error) {
    signal?.throwIfAborted();
    // An error status is valid even if its body cannot be read.
    if (refusal !== undefined) return { ...refusal, body: new Uint8Array() };
    const broken = UNSENT.has(codeOf(causeOf(error)) ?? "") ? "nothing_sent" : "perhaps_sent";
    return { status: 0, broken, reason: plain(reasonOf(error), 300) };
  } finally {
    limit.end();
  }
}

/** Concatenates bytes. */
export function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function withoutKey(body: Uint8Array, key: string): Uint8Array {
  if (key.length < MIN_SECRET_LENGTH) return body;
  return new TextEncoder().encode(new TextDecoder().decode(body).replaceAll(key, "..."));
}

/** Node's fetch says "fetch failed", and has the reason as its cause. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

function codeOf(error: unknown): string | undefined {
  // A DOMException's code is a number.
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function milliseconds(seconds: number): number {
  return Math.min(seconds * 1000, LONGEST_TIMER);
}
