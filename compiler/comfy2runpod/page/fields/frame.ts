/** What stands around a control: its label, what it takes, and what is wrong. */

import { element, prose, setText } from "../elements.js";
import type { Field } from "./field.js";

export interface Frame {
  readonly node: HTMLElement;
  /** The ids of what describes the control. */
  readonly described: string;
  show(fault: string | undefined, inputs: readonly Element[]): void;
}

interface Around {
  /** What the field takes, in a few words. */
  readonly allowed?: string;
  readonly extra?: HTMLElement | null;
  /** Of several controls: their label is a legend. */
  readonly group?: boolean;
}

/** The id of a part of a field. */
export function idOf(part: string, field: Field): string {
  return `${part}-${field.name.replaceAll(".", "-")}`;
}

/** Label, hint and fault around an input; the hint and the fault describe it. */
export function framed(field: Field, input: HTMLElement, { allowed = "", extra = null, group = false }: Around = {}): Frame {
  const sentence = allowed === "" ? "" : `${allowed.charAt(0).toUpperCase()}${allowed.slice(1)}.`;
  const hint = [field.description, sentence].filter((one) => one !== "").join(" ");
  const fault = element("p", { class: "fault", id: idOf("fault", field), hidden: true });
  const name = [
    element("span", { dir: "auto" }, field.title),
    " ",
    element("code", {}, field.name),
    field.required ? element("span", { class: "needed" }, " required") : null,
  ];
  const head = group ? element("legend", {}, ...name) : element("label", { for: idOf("input", field) }, ...name);
  const hints = element("p", { class: "hint", id: idOf("hint", field), dir: "auto" }, ...prose(hint));
  const node = element(group ? "fieldset" : "div", { class: "field" }, head, hints, input, extra, fault);
  node.dataset["field"] = field.name;
  return {
    node,
    described: `${idOf("hint", field)} ${idOf("fault", field)}`,
    show: (text, inputs) => showFault(fault, inputs, text),
  };
}

/** Shows what is wrong, or nothing, at the controls that it is about. */
export function showFault(place: HTMLElement, inputs: readonly Element[], text: string | undefined): void {
  const isWrong = text !== undefined && text !== "";
  place.hidden = !isWrong;
  setText(place, isWrong ? `This ${text}.` : "");
  for (const input of inputs) {
    if (isWrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}
