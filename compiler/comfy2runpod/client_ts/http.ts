/** Requests by `fetch`: with a limit on each wait, and with what is known where no answer comes. */

import type { Port, Reply, Send } from "./flow.js";

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

/** Ends a request that gets no bytes for too long, or whose caller aborts. */
export class Limit {
  readonly #controller = new AbortController();
  readonly #seconds: number;
  readonly #outer: AbortSignal | undefined;
  readonly #aborted = (): void => this.#controller.abort(this.#outer?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(seconds: number, outer: AbortSignal | undefined) {
    this.#seconds = seconds;
    this.#outer = outer;
    outer?.throwIfAborted();
    outer?.addEventListener("abort", this.#aborted, { once: true });
    this.again();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: the time starts anew. */
  again(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new DOMException(`nothing came for ${this.#seconds} seconds`, "TimeoutError"));
    }, milliseconds(this.#seconds));
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
      limit.again();
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
  const limit = new Limit(request.seconds, signal);
  try {
    // Not as a method: a browser's fetch wants to be called on nothing else than its window.
    const { fetch } = address;
    const response = await fetch(address.url + request.path, {
      method: request.method,
      headers: { Authorization: `Bearer ${address.apiKey}`, "Content-Type": "application/json" },
      // Never to another place with the key.
      redirect: "manual",
      signal: limit.signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    limit.again();
    const decoder = new TextDecoder();
    let body = "";
    for await (const chunk of chunks(response, limit)) body += decoder.decode(chunk, { stream: true });
    return { status: response.status, body: body + decoder.decode(), retryAfter: response.headers.get("Retry-After") };
  } catch (error) {
    signal?.throwIfAborted();
    const broken = UNSENT.has(codeOf(causeOf(error)) ?? "") ? "nothing_sent" : "perhaps_sent";
    return { status: 0, broken, reason: reasonOf(error) };
  } finally {
    limit.end();
  }
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
