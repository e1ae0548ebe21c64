/** A control that holds one text: what numbers, texts and choices have in common. */

import { element } from "../elements.js";
import type { Control, Field, Reading } from "./field.js";
import { framed, idOf } from "./frame.js";

type TextInput = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

interface Rules {
  readonly allowed?: string;
  /** What a text in the control stands for; `broken` if the browser holds something that is no number. */
  read(text: string, broken: boolean): Reading;
  /** What to say of how much the control holds, and whether that is too much. */
  count?(text: string): { readonly text: string; readonly over: boolean };
}

/** The control of a field whose value is one text. */
export function valueControl(field: Field, input: TextInput, rules: Rules, changed: () => void): Control {
  const counted = rules.count === undefined ? null : element("p", { class: "count" });
  const frame = framed(field, input, { allowed: rules.allowed ?? "", extra: counted });
  input.id = idOf("input", field);
  input.setAttribute("aria-describedby", frame.described);
  if (field.required) input.setAttribute("aria-required", "true");
  const recount = (): void => {
    const said = rules.count?.(input.value);
    if (said === undefined || counted === null) return;
    counted.textContent = said.text;
    counted.classList.toggle("over", said.over);
  };
  const reset = (): void => {
    input.value = field.initial === null ? "" : String(field.initial);
    recount();
  };
  const edited = (): void => {
    recount();
    changed();
  };
  reset();
  input.addEventListener("input", edited);
  return {
    field,
    node: frame.node,
    ready: async () => undefined,
    read: () => rules.read(input.value, input.validity.badInput),
    show: (fault) => frame.show(fault, [input]),
    focus: () => input.focus(),
    reset,
    set: (text) => {
      input.value = text;
      edited();
    },
  };
}

/** What a control that holds nothing stands for. */
export function empty(field: Field): Reading {
  return field.required ? { fault: "is required" } : {};
}

/** What an empty control stands for, where that can be told in its place. */
export function placeholder({ property }: Field): string | null {
  const fallback = property["default"];
  return fallback === undefined || fallback === null ? null : String(fallback);
}
