/** Where jobs go: the endpoint of `comfy2runpod serve` that serves this page, or one at RunPod. */

import { RUNPOD, apiKeyOf, isEndpointId } from "../client_ts/addresses.js";
import { NotConfigured } from "../client_ts/errors.js";
import type { Shown } from "./calls.js";
import { byId, inputById } from "./elements.js";
import { showFault } from "./fields/frame.js";
import type { Place } from "./job.js";

/** The controls of the target. */
export class Target {
  // Written into the page by `comfy2runpod serve` alone.
  readonly #localUrl = localEndpoint();
  readonly #here = inputById("target-here");
  readonly #endpointId = inputById("endpoint-id");
  readonly #apiKey = inputById("api-key");
  readonly #localKey = inputById("local-key");

  /** `changed` is called when it changes. */
  constructor(changed: () => void) {
    const isLocal = this.#localUrl !== undefined;
    const runpod = inputById("target-runpod");
    byId("target-choice").hidden = !isLocal;
    byId("from-disk").hidden = isLocal;
    this.#here.checked = isLocal;
    runpod.checked = !isLocal;
    for (const input of [this.#here, runpod, this.#endpointId, this.#apiKey, this.#localKey]) {
      input.addEventListener("input", () => {
        for (const told of [this.#endpointId, this.#apiKey, this.#localKey]) tell(told, "");
        this.#show();
        changed();
      });
    }
    this.#show();
  }

  /** What the calls show. */
  shown(): Shown {
    const local = this.#local();
    if (local !== undefined) return { url: local, endpoint: null, key: this.#localKey.value === "local" ? "local" : null };
    const given = this.#endpointId.value.trim();
    const endpoint = isEndpointId(given) ? given : "ENDPOINT_ID";
    return { url: `${RUNPOD}/${endpoint}`, endpoint, key: null };
  }

  /** Where to send; undefined after saying at its field what is missing. */
  chosen(): Place | undefined {
    const local = this.#local();
    if (local !== undefined) return placeOf(local, this.#localKey, 0.5, "an API key");
    const endpoint = this.#endpointId.value.trim();
    if (!isEndpointId(endpoint)) {
      tell(this.#endpointId, endpoint === "" ? "is required" : "must be letters, digits, - and _");
      return undefined;
    }
    return placeOf(`${RUNPOD}/${endpoint}`, this.#apiKey, 2, "a RunPod API key");
  }

  /** The endpoint does not take the key. */
  refuseKey(): void {
    tell(this.#local() === undefined ? this.#apiKey : this.#localKey, "is not one that the endpoint takes");
  }

  /** The address of the endpoint behind this page, if jobs go there. */
  #local(): string | undefined {
    return this.#here.checked ? this.#localUrl : undefined;
  }

  #show(): void {
    const isLocal = this.#local() !== undefined;
    byId("runpod-fields").hidden = isLocal;
    byId("local-fields").hidden = !isLocal;
  }
}

function localEndpoint(): string | undefined {
  const path = document.querySelector<HTMLMetaElement>('meta[name="comfy2runpod-endpoint"]')?.content;
  return path === undefined ? undefined : new URL(path, location.origin).href;
}

function placeOf(url: string, key: HTMLInputElement, pollSeconds: number, what: string): Place | undefined {
  try {
    return { url, apiKey: apiKeyOf(key.value), pollSeconds };
  } catch (error) {
    if (!(error instanceof NotConfigured)) throw error;
    tell(key, key.value.trim() === "" ? "is required" : `must be ${what}`);
    return undefined;
  }
}

function tell(input: HTMLInputElement, text: string): void {
  showFault(byId(`fault-${input.id}`), [input], text);
  if (text !== "") input.focus();
}
