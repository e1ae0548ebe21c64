/** Texts. */

import { lengthOf, textProblem } from "../../client_ts/checks.js";
import { count } from "../../client_ts/text.js";
import { element } from "../elements.js";
import { typesOf } from "../package_facts.js";
import type { Field, Kind, Reading } from "./field.js";
import { valueControl } from "./value.js";

export const text: Kind = {
  takes: (property) => typesOf(property).includes("string"),
  control: (field, changed) => {
    const longest = Number(field.property["maxLength"] ?? Infinity);
    const lines = Math.ceil(String(field.initial ?? "").length / 50);
    const rows = Math.min(8, Math.max(longest > 200 ? 3 : 1, lines));
    const counted = (value: string) => {
      const length = lengthOf(value);
      return { text: `${count(length)} of ${count(longest)} characters`, over: length > longest };
    };
    return valueControl(field, element("textarea", { rows, dir: "auto" }), { read: (value) => read(field, value), count: counted }, changed);
  },
};

function read(field: Field, value: string): Reading {
  if (value === "" && field.required && Number(field.property["minLength"] ?? 0) > 0) return { fault: "is required" };
  const fault = textProblem(field.property, value);
  return fault === undefined ? { value } : { fault };
}
