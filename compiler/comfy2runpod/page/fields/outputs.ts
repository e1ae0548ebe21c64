/** Which of several outputs are made: all boxes checked leaves it to the endpoint. */

import { element } from "../elements.js";
import type { OutputFacts } from "../package_facts.js";
import type { Control, Field } from "./field.js";
import { framed } from "./frame.js";

/** The control of the reserved key `outputs`. */
export function outputsControl(field: Field, outputs: readonly OutputFacts[], changed: () => void): Control {
  const boxes = outputs.map(({ name }) => element("input", { type: "checkbox", value: name, checked: true }));
  const labels = boxes.map((box, at) => {
    const { title = "", description = "" } = outputs[at] ?? {};
    return element("label", { class: "check", title: description }, box, " ", element("span", { dir: "auto" }, title));
  });
  const frame = framed(field, element("div", { class: "boxes" }, ...labels), { group: true });
  for (const box of boxes) {
    box.setAttribute("aria-describedby", frame.described);
    box.addEventListener("change", changed);
  }
  return {
    field,
    node: frame.node,
    ready: async () => undefined,
    read: () => {
      const wanted = boxes.filter((box) => box.checked).map((box) => box.value);
      if (wanted.length === boxes.length) return {};
      return wanted.length > 0 ? { value: wanted } : { fault: "must not be empty" };
    },
    show: (fault) => frame.show(fault, boxes),
    focus: () => boxes[0]?.focus(),
    reset: () => boxes.forEach((box) => (box.checked = true)),
  };
}
