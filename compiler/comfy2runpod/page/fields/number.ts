/** Numbers that need not be whole. */

import { type Schema, boundsText } from "../../client_ts/checks.js";
import { element } from "../elements.js";
import { typesOf } from "../package_facts.js";
import { numberOf, shortened } from "../texts.js";
import type { Field, Kind, Reading } from "./field.js";
import { empty, placeholder, valueControl } from "./value.js";

export const number: Kind = {
  takes: (property) => typesOf(property).includes("number"),
  control: (field, changed) => {
    const [low, high] = boundsOf(field.property);
    const input = element("input", { type: "number", step: "any", min: low, max: high, placeholder: placeholder(field) });
    const read = (text: string, broken: boolean): Reading => readNumber(field, text.trim(), broken);
    return valueControl(field, input, { allowed: allowed(low, high), read }, changed);
  },
};

function boundsOf(property: Schema): readonly [low: number | undefined, high: number | undefined] {
  return [numberOf(property["minimum"]) ?? undefined, numberOf(property["maximum"]) ?? undefined];
}

function allowed(low: number | undefined, high: number | undefined): string {
  if (low === undefined) return high === undefined ? "" : `at most ${high}`;
  return high === undefined ? `at least ${low}` : `${low} to ${high}`;
}

function readNumber(field: Field, text: string, broken: boolean): Reading {
  if (text === "" && !broken) return empty(field);
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(value)) return { fault: `must be a number${text === "" ? "" : `, not ${shortened(text)}`}` };
  const [low, high] = boundsOf(field.property);
  const isBelow = low !== undefined && value < low;
  if (!isBelow && !(high !== undefined && value > high)) return { value };
  return { fault: `${boundsText(low, high, isBelow, false)}, not ${shortened(text)}` };
}
