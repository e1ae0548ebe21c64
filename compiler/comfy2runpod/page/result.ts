/** A finished job's output: its files played and offered, what was measured on them, the seeds, what failed. */

import { fileUrl } from "../client_ts/addresses.js";
import { MediaBroken, isRecord } from "../client_ts/errors.js";
import { type Medium, extension, fromBase64, knownType, mediaIn } from "../client_ts/media.js";
import { OPTIONS } from "../client_ts/options.js";
import { count } from "../client_ts/text.js";
import { type Child, element } from "./elements.js";
import { type Value, written } from "./literals.js";
import type { OutputFacts, PackageFacts } from "./package_facts.js";
import { bytesText, numberOf, resultText, shortText } from "./texts.js";

// The longest text and the most files that are shown.
const LONGEST_TEXT = 200_000;
const MOST_FILES = 200;

type Answer = Readonly<Record<string, unknown>>;
type Fact = readonly [name: string, value: readonly Child[]];

/** An error as it is shown. */
interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly field: string; readonly message: string }[];
}

/** The place of results. */
export class ResultView {
  readonly #place: HTMLElement;
  readonly #facts: PackageFacts;
  // Addresses of the page's own, of the files that are shown.
  #urls: string[] = [];

  constructor(place: HTMLElement, facts: PackageFacts) {
    this.#place = place;
    this.#facts = facts;
  }

  /** Forgets what is shown, and lets the browser forget its files. */
  clear(): void {
    this.#place.replaceChildren();
    for (const url of this.#urls) URL.revokeObjectURL(url);
    this.#urls = [];
  }

  /** Shows an answer in place of what was there. `useSeed` takes a seed's name and its text. */
  show(answer: unknown, useSeed: (name: string, seed: string) => void): void {
    this.clear();
    if (!isRecord(answer)) {
      const none = element("p", {}, "The job is done; its answer is none that this page knows.");
      this.#place.append(none, wholeAnswer(answer));
      return;
    }
    this.#showFiles(answer, this.#facts.outputs);
    for (const { output, code, message } of records(answer["failed"])) {
      const title = `${shortText(output, 200) || "An output"} was not made`;
      this.fail({ code: shortText(code, 100), message: shortText(message), details: [] }, title);
    }
    this.#place.append(factList(this.#factsOf(answer, useSeed)), wholeAnswer(answer));
  }

  /** Shows the files that a job of several outputs has so far. */
  showEarly(files: Answer): void {
    this.clear();
    const come = this.#facts.outputs.filter(({ name }) => Object.hasOwn(files, name));
    this.#showFiles(files, come);
  }

  /** Adds an error: its code, its message, what to do. */
  fail({ code, message, details }: Failure, title = "The job failed"): void {
    const remedy = this.#facts.errors.find((known) => known.code === code)?.remedy;
    const lines = details.map((one) => element("li", { dir: "auto" }, `${one.field}: ${one.message}`));
    this.say(
      element("p", {}, element("strong", {}, title), code === "" ? null : " ", code === "" ? null : element("code", {}, code)),
      element("p", { dir: "auto" }, message),
      lines.length > 0 ? element("ul", {}, ...lines) : null,
      remedy === undefined ? null : element("p", {}, remedy),
    );
  }

  /** Adds what went wrong in other words. */
  say(...children: readonly Child[]): void {
    this.#place.append(element("div", { class: "error" }, ...children));
  }

  #showFiles(answer: Answer, outputs: readonly OutputFacts[]): void {
    const views = outputs.flatMap((output) => this.#filesOf(output, answer));
    if (views.length > 0) this.#place.append(element("div", { class: "files" }, ...views));
  }

  #filesOf(output: OutputFacts, answer: Answer): HTMLElement[] {
    const { flat } = this.#facts;
    const value = answer[output.name];
    let files: readonly Medium[];
    try {
      files = mediaIn(answer, [{ name: output.name, mediaType: output.mediaType, flat }], OPTIONS.maxFiles);
    } catch (error) {
      if (!(error instanceof MediaBroken)) throw error;
      return [this.#unreadable(output, output.name)];
    }
    // The only output of an answer cannot have been left out.
    if (files.length === 0 && flat) return [this.#unreadable(output, output.name)];
    return files.slice(0, MOST_FILES).map((file) => {
      const measured = Array.isArray(value) ? value[file.index ?? 0] : flat ? answer : value;
      return this.#fileView(output, file, isRecord(measured) ? measured : {});
    });
  }

  #fileView(output: OutputFacts, file: Medium, measured: Answer): HTMLElement {
    const name = file.index === undefined ? output.name : `${output.name}_${file.index + 1}`;
    if (file.text !== undefined) {
      const shown = resultText(file.text, LONGEST_TEXT);
      return element("div", { class: "file" }, this.#head(output, name), element("pre", { tabindex: "0", dir: "auto" }, shown));
    }
    const type = knownType(file.mediaType) ?? "application/octet-stream";
    const address = this.#addressOf(file, type);
    if (address === undefined) return this.#unreadable(output, name);
    const download = `${name}${extension(type)}`;
    const target = file.url === undefined ? null : "_blank";
    const link = element("a", { href: address, download, rel: "noreferrer", target }, `Download ${download}`);
    return element(
      "div",
      { class: "file" },
      this.#head(output, name),
      player(type, address, name),
      element("p", {}, link),
      factList(measures(file, measured)),
    );
  }

  #unreadable(output: OutputFacts, name: string): HTMLElement {
    const fault = element("p", { class: "fault" }, "The file cannot be read.");
    return element("div", { class: "file" }, this.#head(output, name), fault);
  }

  #head(output: OutputFacts, name: string): HTMLElement {
    const title = this.#facts.outputs.length > 1 ? output.title : "";
    return element("h4", { dir: "auto" }, title, " ", element("code", {}, name));
  }

  /** Where the browser finds a file: its https URL, or one of the page's own for its bytes. */
  #addressOf({ output, url, data }: Medium, type: string): string | undefined {
    if (url !== undefined) return httpsUrl(output, url);
    const bytes = data === undefined || data === "" ? undefined : fromBase64(data);
    if (bytes === undefined) return undefined;
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    this.#urls.push(made);
    return made;
  }

  #factsOf(answer: Answer, useSeed: (name: string, seed: string) => void): Fact[] {
    const facts: Fact[] = [];
    for (const name of this.#facts.seeds) {
      const seed = shortText(answer[name], 40);
      if (seed === "") continue;
      const button = element("button", { type: "button", class: "quiet" }, "Use it again");
      button.addEventListener("click", () => useSeed(name, seed));
      facts.push([name, [element("code", {}, seed), " ", button]]);
    }
    const { prompt_id: promptId, timings } = answer;
    if (typeof promptId === "string") facts.push(["prompt_id", [element("code", {}, shortText(promptId, 200))]]);
    for (const [part, seconds] of Object.entries(isRecord(timings) ? timings : {}).slice(0, 100)) {
      facts.push([shortText(part, 100), [`${shortText(seconds, 40)} s`]]);
    }
    return facts;
  }
}

/** The address, if it is one that files of an endpoint lie at; this page's policy lets none but https be fetched. */
function httpsUrl(output: string, url: string): string | undefined {
  try {
    return /^https:/i.test(url) ? fileUrl(output, url) : undefined;
  } catch (error) {
    if (!(error instanceof MediaBroken)) throw error;
    return undefined;
  }
}

function player(type: string, src: string, name: string): HTMLElement | null {
  const label = `Result: ${name}`;
  const [kind] = type.split("/");
  if (kind === "image") return element("img", { src, alt: label });
  if (kind === "video") return element("video", { src, controls: true, loop: true, playsinline: true, "aria-label": label });
  return kind === "audio" ? element("audio", { src, controls: true, "aria-label": label }) : null;
}

function measures(file: Medium, measured: Answer): Fact[] {
  const facts: Fact[] = [];
  const keys = ["width", "height", "frame_count", "duration_seconds"] as const;
  const [width, height, frames, seconds] = keys.map((key) => numberOf(measured[key]) ?? 0);
  if (width && height) facts.push(["Size", [`${width} x ${height}`]]);
  if (frames) facts.push(["Frames", [String(frames)]]);
  if (seconds) facts.push(["Length", [`${seconds} s`]]);
  if (file.size) facts.push(["File", [`${shortText(file.mediaType, 100)}, ${bytesText(file.size)}`]]);
  if (file.expiresAt) facts.push(["Kept until", [shortText(file.expiresAt, 100)]]);
  if (file.sha256) facts.push(["SHA-256", [element("code", { class: "long" }, shortText(file.sha256, 100))]]);
  return facts;
}

function factList(facts: readonly Fact[]): HTMLElement {
  const rows = facts.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, ...value)),
  );
  return element("dl", { class: "measures" }, ...rows);
}

function wholeAnswer(answer: unknown): HTMLElement {
  const text = resultText(written(shortened(answer)), LONGEST_TEXT);
  return element(
    "details",
    {},
    element("summary", {}, "The answer's JSON"),
    element("pre", { tabindex: "0" }, text),
  );
}

/** A value of an answer with long texts and lists only begun. */
function shortened(value: unknown): Value {
  if (typeof value === "string") return value.length > 300 ? `${value.slice(0, 60)}… (${count(value.length)} characters)` : value;
  if (Array.isArray(value)) return value.slice(0, MOST_FILES).map(shortened);
  if (!isRecord(value)) return value === undefined ? null : (value as Value);
  const members = Object.entries(value).slice(0, MOST_FILES);
  return Object.fromEntries(members.map(([key, one]) => [key.slice(0, 200), shortened(one)]));
}

/** The objects of a list in an answer, as many as anybody looks at. */
function records(value: unknown): Answer[] {
  return (Array.isArray(value) ? value : []).slice(0, MOST_FILES).filter(isRecord);
}
