/** One of some texts. */

import { element } from "../elements.js";
import { typesOf } from "../package_facts.js";
import type { Kind } from "./field.js";
import { empty, valueControl } from "./value.js";

export const choice: Kind = {
  takes: (property) => Array.isArray(property["enum"]) && !typesOf(property).includes("integer"),
  control: (field, changed) => {
    const listed = field.property["enum"];
    // Null is the same as an omitted field.
    const choices = Array.isArray(listed) ? listed.filter((one) => one !== null).map(String) : [];
    const none = field.none !== undefined || field.required ? [element("option", { value: "" }, field.none ?? "")] : [];
    const input = element("select", {}, ...none, ...choices.map((one) => element("option", { value: one }, one)));
    const read = (text: string) => {
      if (text === "") return empty(field);
      return choices.includes(text) ? { value: text } : { fault: "must be one of those that are listed" };
    };
    return valueControl(field, input, { read }, changed);
  },
};
