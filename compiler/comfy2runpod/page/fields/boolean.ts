/** Yes or no. */

import { element } from "../elements.js";
import { typesOf } from "../package_facts.js";
import type { Kind } from "./field.js";
import { framed, idOf } from "./frame.js";

export const boolean: Kind = {
  takes: (property) => typesOf(property).includes("boolean"),
  control: (field, changed) => {
    const input = element("input", { type: "checkbox", id: idOf("input", field) });
    const frame = framed(field, element("label", { class: "check" }, input, " ", field.label ?? "yes"), { group: true });
    input.setAttribute("aria-describedby", frame.described);
    const reset = (): void => {
      input.checked = field.initial === true;
    };
    reset();
    input.addEventListener("change", changed);
    return {
      field,
      node: frame.node,
      ready: async () => undefined,
      read: () => ({ value: input.checked }),
      show: (fault) => frame.show(fault, [input]),
      focus: () => input.focus(),
      reset,
    };
  },
};
