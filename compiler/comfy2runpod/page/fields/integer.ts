/** Whole numbers, and seeds: those that may be null, which is random. */

import { type IntegerRange, boundsText, formProblem, formText, modulo, rangeOf } from "../../client_ts/checks.js";
import { element } from "../elements.js";
import { typesOf } from "../package_facts.js";
import { shortened } from "../texts.js";
import type { Field, Kind, Reading } from "./field.js";
import { empty, placeholder, valueControl } from "./value.js";

export const integer: Kind = {
  takes: (property) => typesOf(property).includes("integer"),
  control: (field, changed) => {
    const range = rangeOf(field.property);
    const isSeed = typesOf(field.property).includes("null");
    const bounds = `${range.low} to ${range.high}`;
    const allowed = isSeed ? `${bounds}; empty: drawn at random` : `${bounds}${range.step > 1n ? `, ${formText(range)}` : ""}`;
    const input = inputFor(range, isSeed, isSeed ? "random" : placeholder(field));
    return valueControl(field, input, { allowed, read: (text, broken) => read(field, range, text.trim(), broken) }, changed);
  },
};

function inputFor({ low, high, step, offset }: IntegerRange, isSeed: boolean, hint: string | null): HTMLInputElement {
  // A number control steps and bounds with numbers that are exact up to 2^53 only.
  const isExact = [low, high].every((bound) => bound !== undefined && Number.isSafeInteger(Number(bound)));
  if (isSeed || !isExact || low === undefined) {
    return element("input", { type: "text", inputmode: "numeric", autocomplete: "off", placeholder: hint });
  }
  const first = low + modulo(offset - low, step);
  return element("input", { type: "number", step, min: first, max: high, placeholder: hint });
}

function read(field: Field, range: IntegerRange, text: string, broken: boolean): Reading {
  if (text === "" && !broken) return empty(field);
  if (!/^[+-]?\d{1,400}$/.test(text)) return { fault: `must be a whole number${text === "" ? "" : `, not ${shortened(text)}`}` };
  const value = BigInt(text.replace("+", ""));
  const { low, high, step } = range;
  const isBelow = low !== undefined && value < low;
  if (isBelow || (high !== undefined && value > high)) {
    const form = step > 1n ? `, ${formText(range)}` : "";
    return { fault: `${boundsText(low, high, isBelow, false)}${form}, not ${shortened(String(value))}` };
  }
  const fault = formProblem(value, range);
  return fault === undefined ? { value } : { fault };
}
