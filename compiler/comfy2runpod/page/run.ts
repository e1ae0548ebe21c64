/** A run of the form's request: sent, its progress shown, and what came of it. */

import { RUNSYNC_BYTES, RUN_BYTES } from "../client_ts/contract.js";
import {
  CallError,
  EndpointNotFound,
  InputRefused,
  RateLimited,
  ResultGone,
  SubmissionUnknown,
  Unauthorized,
  Unreachable,
  failure,
} from "../client_ts/errors.js";
import type { Job } from "../client_ts/exchange.js";
import type { Progress } from "../client_ts/flow.js";
import { byId, element, progressById, setText } from "./elements.js";
import type { Form } from "./form.js";
import { type Ended, type Place, runJob } from "./job.js";
import type { PackageFacts } from "./package_facts.js";
import { ResultView } from "./result.js";
import type { Target } from "./target.js";
import { bytesText, numberOf } from "./texts.js";

/** A request as it is sent. */
export interface Sending {
  readonly bytes: number;
  text(): string;
}

const UNREACHABLE =
  "The endpoint was not reached, or did not answer in time. Is it running? RunPod may also refuse calls from a web page; " +
  "then take one of the calls shown here, or comfy2runpod serve.";
const NOT_FOUND =
  "Is the endpoint's id right? A result is kept for 30 minutes, and for one where the request went by /runsync.";

/** What to do about a call that went wrong. */
const REMEDIES = [
  [Unreachable, UNREACHABLE],
  [SubmissionUnknown, UNREACHABLE],
  [EndpointNotFound, NOT_FOUND],
  [ResultGone, NOT_FOUND],
  [InputRefused, "If it is too large, give files as https URLs."],
  [RateLimited, "Too many requests or jobs wait: send it again later."],
] as const;

/** The panel of the run. */
export class Run {
  readonly #facts: PackageFacts;
  readonly #form: Form;
  readonly #target: Target;
  readonly #result: ResultView;
  readonly #bar = progressById("bar");
  #running: AbortController | undefined;
  // The outputs whose files have come before the job's end.
  #early = "";

  constructor(facts: PackageFacts, form: Form, target: Target) {
    this.#facts = facts;
    this.#form = form;
    this.#target = target;
    this.#result = new ResultView(byId("result"), facts);
  }

  /** Sends what the form holds, unless something is wrong with it, and waits for its end. */
  async start(sending: () => Sending): Promise<void> {
    if (this.#running !== undefined) return;
    const faults = await this.#form.check();
    if (faults > 0) {
      say(faults > 1 ? `Not sent: ${faults} fields need to be corrected.` : "Not sent: one field needs to be corrected.");
      return;
    }
    const { bytes, text } = sending();
    if (bytes > RUNSYNC_BYTES) {
      say(`Not sent: the request is larger than ${bytesText(RUNSYNC_BYTES)}. Give files as https URLs.`);
      return;
    }
    const place = this.#target.chosen();
    if (place === undefined) {
      say("Not sent: the page does not know yet where to.");
      return;
    }
    // Larger ones are taken by /runsync only, which answers with the job as it is by then.
    await this.#follow(place, bytes > RUN_BYTES ? "/runsync?wait=1000" : "/run", text);
  }

  /** Has the job that runs cancelled. */
  cancel(): void {
    this.#running?.abort();
    say("Cancelling.");
  }

  async #follow(place: Place, path: string, text: () => string): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.#showRunning(true);
    byId("run").hidden = false;
    byId("run").scrollIntoView({ block: "nearest" });
    this.#result.clear();
    say("Sent.");
    try {
      const body = new TextEncoder().encode(text());
      this.#ended(await runJob(place, path, body, (progress) => this.#progressed(progress), running.signal));
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#running = undefined;
      this.#showRunning(false);
    }
  }

  #showRunning(on: boolean): void {
    byId("run").setAttribute("aria-busy", String(on));
    this.#bar.hidden = byId("cancel").hidden = !on;
    this.#bar.removeAttribute("value");
    byId("send").setAttribute("aria-disabled", String(on));
    byId("step").textContent = "";
    byId("states").replaceChildren();
    showPreview(undefined);
    this.#early = "";
  }

  #progressed({ state, node, percent, step, of, outputs, files, preview }: Progress<Job>): void {
    if (state === "IN_QUEUE") {
      say("Waiting for a worker.");
      return;
    }
    say(node === undefined || node === "" ? "Running." : `Running: ${node}`);
    // Not in what is read out: it changes twice a second.
    const parts: string[] = [];
    if (percent !== undefined) {
      this.#bar.value = Math.min(Math.max(percent, 0), 100);
      parts.push(`${Math.round(percent)} %`);
    }
    if (step !== undefined && of !== undefined) parts.push(`step ${step} of ${of}`);
    setText(byId("step"), parts.join(", "));
    this.#showEarly(files);
    showPreview(preview);
    const states = Object.entries(outputs ?? {}).slice(0, 200);
    byId("states").replaceChildren(
      ...states.map(([name, is]) => element("li", { "data-state": is }, element("code", {}, name), ` ${is}`)),
    );
  }

  #showEarly(files: Job | undefined): void {
    const come = files === undefined || this.#facts.flat ? {} : files;
    const names = this.#facts.outputs.filter(({ name }) => Object.hasOwn(come, name)).map(({ name }) => name);
    // Shown anew, a video would begin anew.
    if (names.join() === this.#early) return;
    this.#early = names.join();
    this.#result.showEarly(come);
  }

  #ended({ id, job }: Ended): void {
    const time = numberOf(job["executionTime"]);
    const took = time === null ? "" : ` in ${(time / 1000).toFixed(1)} s`;
    const status = String(job["status"]);
    if (status === "COMPLETED") {
      this.#result.show(job["output"], (name, seed) => this.#form.set(name, seed));
      say(`Done${took}.`);
      return;
    }
    if (status === "CANCELLED") {
      say("Cancelled.");
      return;
    }
    const { code, reason, details } = failure(status, job["error"], id);
    const told = details.map(({ field, output, message }) => ({ field: field ?? output ?? "", message }));
    // First, because it moves the focus to the field.
    const left = this.#form.tell(told);
    this.#result.fail({ code, message: reason, details: left });
    say(`Failed${took}: ${code}.`);
  }

  #refused(error: unknown): void {
    if (error instanceof Unauthorized) this.#target.refuseKey();
    const [, remedy] = REMEDIES.find(([kind]) => error instanceof kind) ?? [];
    // Whatever an answer contains, the reader waits for the result.
    const why = error instanceof CallError ? error.message : "The endpoint's answer cannot be shown on this page.";
    this.#result.say(element("p", { dir: "auto" }, why), remedy === undefined ? null : element("p", {}, remedy));
    say("Not done.");
  }
}

/** What the running node is making, a JPEG in base64. */
function showPreview(preview: string | undefined): void {
  const old = byId("preview");
  old.hidden = preview === undefined;
  if (preview === undefined) {
    old.replaceChildren();
    return;
  }
  const source = `data:image/jpeg;base64,${preview}`;
  if (old.firstElementChild?.getAttribute("src") === source) return;
  old.replaceChildren(element("img", { src: source, alt: "Preview of what is being made" }));
}

/** What has just happened, for everybody: shown, and read out. */
function say(text: string): void {
  byId("run").hidden = false;
  setText(byId("status"), text);
}
