/** A file: chosen or dropped, looked at and turned into base64, or the address of one. */

import { FileFault, limitsOf, read } from "../../client_ts/files.js";
import { element } from "../elements.js";
import { PickedFile } from "../picked_file.js";
import { bytesText } from "../texts.js";
import type { Control, Field, Reading } from "./field.js";
import { framed, idOf } from "./frame.js";
import { empty } from "./value.js";

/** What a file of some kind looks like to people. */
export interface Seen {
  /** `PNG, 640 x 480` */
  readonly facts: string;
  /** The file itself. */
  readonly node: HTMLElement;
}

/** What is of one kind of file. */
export interface FileRules {
  /** The word that a schema has for it. */
  readonly media: string;
  /** The media types among which the browser lets people choose. */
  readonly accept: string;
  /** What the field takes, in words. */
  readonly allowed: string;
  /**
   * Looks at a file that is not too large; `url` is its address within this page.
   *
   * @throws FileFault: the field does not take it.
   */
  look(bytes: Uint8Array<ArrayBuffer>, file: File, url: string): Promise<Seen>;
}

/** The control of a field that takes a file. */
export function fileControl(field: Field, rules: FileRules, changed: () => void): Control {
  const { maxBytes } = limitsOf(field.property);
  const file = element("input", {
    type: "file",
    id: idOf("input", field),
    accept: rules.accept,
    "aria-label": `${field.title}: file`,
  });
  const url = element("input", {
    type: "url",
    id: idOf("url", field),
    placeholder: "https://…",
    autocomplete: "off",
    "aria-label": `${field.title}: https URL`,
  });
  const preview = new Preview();
  const inputs = element("div", { class: "pick" }, file, element("span", {}, "or"), url);
  const frame = framed(field, inputs, { allowed: rules.allowed, extra: preview.node, group: true });
  for (const input of [file, url]) {
    input.setAttribute("aria-describedby", frame.described);
    if (field.required) input.setAttribute("aria-required", "true");
  }
  let held: Reading = {};
  let reading = Promise.resolve();
  let latest: File | undefined;

  const drop = (): void => {
    latest = undefined;
    held = {};
    preview.clear();
  };
  const look = async (chosen: File): Promise<void> => {
    const address = URL.createObjectURL(chosen);
    const found = await faultOr(async () => {
      const bytes = await read(chosen, maxBytes);
      const seen = await rules.look(bytes, chosen, address);
      return { seen, picked: new PickedFile(rules.media, chosen.name, bytes) };
    });
    // Another has been chosen in the meantime.
    if (latest !== chosen) return URL.revokeObjectURL(address);
    held = "fault" in found ? found : { value: found.picked };
    if ("fault" in found) URL.revokeObjectURL(address);
    else preview.show(found.seen, chosen, address, clear);
  };
  const take = (chosen: File | undefined): void => {
    drop();
    latest = chosen;
    if (chosen !== undefined) url.value = "";
    reading = chosen === undefined ? Promise.resolve() : look(chosen);
    void reading.then(changed);
  };
  const reset = (): void => {
    file.value = url.value = "";
    drop();
  };
  const clear = element("button", { type: "button", class: "quiet" }, "Remove the file");
  clear.addEventListener("click", () => {
    reset();
    file.focus();
    changed();
  });
  file.addEventListener("change", () => take(file.files?.[0]));
  url.addEventListener("input", () => {
    if (url.value !== "") {
      file.value = "";
      drop();
    }
    changed();
  });
  frame.node.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  frame.node.addEventListener("drop", (event) => {
    const files = event.dataTransfer?.files;
    if (files === undefined || files.length === 0) return;
    event.preventDefault();
    file.files = files;
    file.dispatchEvent(new Event("change", { bubbles: true }));
  });
  return {
    field,
    node: frame.node,
    ready: () => reading,
    read: () => {
      const address = url.value.trim();
      if (address !== "") return readAddress(address);
      return held.value === undefined && held.fault === undefined ? empty(field) : held;
    },
    show: (fault) => frame.show(fault, [file, url]),
    focus: () => (url.value === "" ? file : url).focus(),
    reset,
  };
}

/** A file that was chosen, as it is seen. */
class Preview {
  readonly node = element("div", { class: "preview", hidden: true });
  #url: string | undefined;

  show(seen: Seen, file: File, url: string, clear: HTMLElement): void {
    this.#url = url;
    const facts = `${seen.facts}, ${bytesText(file.size)}`;
    this.node.append(
      seen.node,
      element("p", {}, element("span", { dir: "auto" }, file.name), element("br"), facts),
      clear,
    );
    this.node.hidden = false;
  }

  clear(): void {
    if (this.#url !== undefined) URL.revokeObjectURL(this.#url);
    this.#url = undefined;
    this.node.replaceChildren();
    this.node.hidden = true;
  }
}

async function faultOr<T extends object>(look: () => Promise<T>): Promise<T | { readonly fault: string }> {
  try {
    return await look();
  } catch (error) {
    return { fault: error instanceof FileFault ? error.message : "cannot be read: choose the file again" };
  }
}

function readAddress(text: string): Reading {
  try {
    if (new URL(text).protocol === "https:" && /^https:\/\//i.test(text)) return { value: text };
  } catch {
    // No URL at all.
  }
  return { fault: "must be an https URL at a public address" };
}
