/** Requests by `fetch`: bounded in time however slowly they come, and in bytes; and what is known where no answer comes. */

import type { Port, Reply, Send } from "./flow.js";
import { plain } from "./text.js";

export type Fetch = typeof globalThis.fetch;

/** Where an endpoint is, and what opens it. */
export interface Address {
  readonly url: string;
  readonly apiKey: string;
  readonly fetch: Fetch;
}

// Timers take no more milliseconds than this, and fire at once if they are given more.
const LONGEST_TIMER = 2 ** 31 - 1;

// What Node, Bun and Deno call the faults of which surely nothing reached the other side. Browsers do not tell.
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

/** Seconds on a clock that is never set. */
export function now(): number {
  return performance.now() / 1000;
}

/** The requests and waits of a call. A job's submission, once begun, is not aborted: its id would be lost. */
export function portOf(address: Address, signal: AbortSignal | undefined): Port {
  return {
    send: (request) => send(address, request, request.path === "/run" ? undefined : signal),
    wait: (seconds) => pause(seconds, signal),
  };
}

/** Does nothing for so long; rejects with the signal's reason if that comes first. */
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

// Bytes a second that the slowest line has. What comes more slowly is not waited for.
const PACE = 65_536;
// Of an answer that is a refusal, only its beginning is told.
const REFUSAL_BYTES = 16_384;
// A key that is shorter stands in texts by chance.
const SECRET = 12;

/** Ends a request that takes longer than some seconds, and one more for every 64 KiB; or whose caller aborts. */
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

  /** So many bytes were moved. */
  came(bytes: number): void {
    clearTimeout(this.#timer);
    this.#until += bytes / PACE;
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

/** The parts of an answer's body as they come. */
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
    // Whoever stops in the middle lets the connection go; that it breaks then is no news.
    if (!whole) await reader.cancel().catch(() => undefined);
  }
}

/** What a fault of `fetch` is called, without the address: a signed one is a key. */
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
    // Not as a method: a browser's fetch wants to be called on nothing else than its window.
    const { fetch } = address;
    const response = await fetch(address.url + request.path, {
      method: request.method,
      headers: { Authorization: `Bearer ${address.apiKey}`, "Content-Type": "application/json" },
      // Never to another place with the key.
      redirect: "manual",
      credentials: "omit",
      signal: limit.signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const told = { status: response.status, retryAfter: response.headers.get("Retry-After") };
    if (!response.ok) refusal = told;
    const most = response.ok ? request.maxBytes : REFUSAL_BYTES;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const chunk of chunks(response, limit)) {
      size += chunk.length;
      if (size <= most) parts.push(chunk);
      else if (response.ok) return { ...told, body: null };
      else break;
    }
    return { ...told, body: response.ok ? joined(parts) : withoutKey(joined(parts), address.apiKey) };
  } catch (error) {
    signal?.throwIfAborted();
    // A refusal counts, whatever its body does.
    if (refusal !== undefined) return { ...refusal, body: new Uint8Array() };
    const broken = UNSENT.has(codeOf(causeOf(error)) ?? "") ? "nothing_sent" : "perhaps_sent";
    return { status: 0, broken, reason: plain(reasonOf(error), 300) };
  } finally {
    limit.end();
  }
}

/** Bytes that came in parts, as one. */
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
  if (key.length < SECRET) return body;
  return new TextEncoder().encode(new TextDecoder().decode(body).replaceAll(key, "..."));
}

/** Node's fetch says "fetch failed" and hangs the reason beneath. */
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
