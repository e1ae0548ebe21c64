/** Every kind of field that the form has a control for. */

import { boolean } from "./boolean.js";
import { choice } from "./choice.js";
import type { Control, Field, Kind } from "./field.js";
import { image } from "./image.js";
import { integer } from "./integer.js";
import { number } from "./number.js";
import { text } from "./text.js";
import { video } from "./video.js";

// The first that takes a property: files and choices are texts too.
const KINDS: readonly Kind[] = [image, video, choice, boolean, integer, number, text];

/** The control of a field; `changed` is called whenever what it holds may have changed. */
export function controlOf(field: Field, changed: () => void): Control {
  const kind = KINDS.find(({ takes }) => takes(field.property));
  if (kind === undefined) throw new Error(`no kind of field takes ${field.name}`);
  return kind.control(field, changed);
}
