/** An image: a file, looked at and turned into base64, or the address of one. */

import { ImageFault, type ImageLimits, formatsText, limitsOf } from "../../client_ts/images.js";
import { element } from "../elements.js";
import { ImageFile, readImage } from "../image_file.js";
import { bytesText } from "../texts.js";
import type { Control, Field, Kind, Reading } from "./field.js";
import { framed, idOf } from "./frame.js";
import { empty } from "./value.js";

export const image: Kind = {
  takes: (property) => property["x-media"] === "image",
  control: imageControl,
};

function imageControl(field: Field, changed: () => void): Control {
  const limits = limitsOf(field.property);
  const file = element("input", {
    type: "file",
    id: idOf("input", field),
    accept: limits.formats.map((format) => `image/${format}`).join(),
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
  const inputs = element("div", { class: "image" }, file, element("span", {}, "or"), url);
  const frame = framed(field, inputs, { allowed: allowedText(limits), extra: preview.node, group: true });
  for (const input of [file, url]) {
    input.setAttribute("aria-describedby", frame.described);
    if (field.required) input.setAttribute("aria-required", "true");
  }
  let held: Reading = {};
  let reading = Promise.resolve();

  const drop = (): void => {
    held = {};
    preview.clear();
  };
  const take = async (chosen: File): Promise<void> => {
    const found = await faultOr(readImage(chosen, limits));
    // Another has been chosen in the meantime.
    if (file.files?.[0] !== chosen) return;
    held = found instanceof ImageFile ? { value: found } : found;
    if (found instanceof ImageFile) preview.show(found, chosen, clear);
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
  file.addEventListener("change", () => {
    drop();
    const chosen = file.files?.[0];
    if (chosen !== undefined) url.value = "";
    reading = chosen === undefined ? Promise.resolve() : take(chosen);
    void reading.then(changed);
  });
  url.addEventListener("input", () => {
    if (url.value !== "") {
      file.value = "";
      drop();
    }
    changed();
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

  show({ name, head }: ImageFile, file: File, clear: HTMLElement): void {
    this.#url = URL.createObjectURL(file);
    const facts = `${formatsText([head.format])}, ${head.width} x ${head.height}, ${bytesText(file.size)}`;
    this.node.append(
      element("img", { src: this.#url, alt: `Preview of ${name}` }),
      element("p", {}, element("span", { dir: "auto" }, name), element("br"), facts),
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

async function faultOr(read: Promise<ImageFile>): Promise<ImageFile | { readonly fault: string }> {
  try {
    return await read;
  } catch (error) {
    return { fault: error instanceof ImageFault ? error.message : "cannot be read: choose the file again" };
  }
}

function allowedText({ formats, maxBytes, maxPixels, maxAspect }: ImageLimits): string {
  return `${formatsText(formats)}, at most ${bytesText(maxBytes)}, ${maxPixels / 1e6} megapixels and sides of ${maxAspect}:1`;
}

function readAddress(text: string): Reading {
  try {
    if (new URL(text).protocol === "https:" && /^https:\/\//i.test(text)) return { value: text };
  } catch {
    // No URL at all.
  }
  return { fault: "must be an https URL at a public address" };
}
