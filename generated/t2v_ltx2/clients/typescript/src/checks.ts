/**
 * Checks an input against the package's schema before it is sent, with the worker's messages.
 *
 * The worker checks it again. Not checked here is what only the worker knows: whether a URL can be fetched, whether a
 * file can be decoded, and smaller limits of the operator.
 */

import { FAULTS_IN_MESSAGE, JSON_WORDS, LARGEST_SHOWN, MOST_FAULTS } from "./contract.js";
import { type Detail, InvalidInput, isRecord } from "./errors.js";
import type { Json } from "./json.js";
import { count, decimal, nearestOf, quoted, shorten } from "./text.js";

export type Schema = { readonly [key: string]: Json };
type Found = Detail & { readonly field: string };
type Given = Readonly<Record<string, unknown>>;


/**
 * Checks an input; files may be strings, bytes or Blobs.
 *
 * @throws InvalidInput: the input is invalid; `details` has an entry for each fault, as in the worker's answer.
 */
export function checkInput(schema: Schema, request: unknown): void {
  if (!isGiven(request)) {
    const message = `must be an object with the fields of this endpoint, not ${jsonType(request)}`;
    return refuse([{ field: "input", message }]);
  }
  const found = [...objectFaults(schema, schema, request, "")];
  refuse(found.length > 0 ? found : [...twice(request)]);
}

/**
 * Throws if there are faults.
 *
 * @throws InvalidInput: there are faults.
 */
export function refuse(found: readonly Found[]): void {
  if (found.length === 0) return;
  const faults = found.slice(0, MOST_FAULTS);
  const left = found.length - faults.length;
  if (left > 0) faults.push({ field: "input", message: `has ${left} more faults` });
  const text = faults.slice(0, FAULTS_IN_MESSAGE).map(({ field, message }) => `${field}: ${message}`);
  const more = found.length > FAULTS_IN_MESSAGE ? ` (and ${found.length - FAULTS_IN_MESSAGE} more)` : "";
  const said = text.join("; ") + more;
  throw new InvalidInput("invalid_input", `The input was refused. ${said}${said.endsWith("?") ? "" : "."}`, faults);
}

function* objectFaults(root: Schema, schema: Schema, value: Given, path: string): Generator<Found> {
  const properties = propertiesOf(schema);
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  for (const [name, one] of Object.entries(properties)) {
    // A key whose value is undefined is not sent.
    if (value[name] !== undefined && Object.hasOwn(value, name)) yield* faultsOf(root, one, value[name], path + name);
    else if (required.includes(name)) yield fault(path + name, "is required");
  }
  for (const key of Object.keys(value).filter((one) => value[one] !== undefined && !Object.hasOwn(properties, one))) {
    const name = shorten(path + key, 60);
    const fields = Object.keys(propertiesOf(root));
    const near = nearestField(name.toLowerCase(), fields);
    const hint = near === undefined ? `the fields are ${fields.join(", ")}` : `did you mean ${near}?`;
    yield fault(name, `is not a field of this endpoint; ${hint}`);
  }
}

function* faultsOf(root: Schema, schema: Schema, value: unknown, path: string): Generator<Found> {
  const kinds = [schema["type"] ?? []].flat();
  const choices = schema["enum"];
  if (value === null && (kinds.includes("null") || (Array.isArray(choices) && choices.includes(null)))) return;
  if (kinds.includes("object")) {
    if (isGiven(value)) yield* objectFaults(root, schema, value, `${path}.`);
    else yield fault(path, `must be an object, not ${shown(value)}`);
  } else if (kinds.includes("array")) {
    yield* listFaults(root, schema, value, path);
  } else {
    const problem = problemOf(schema, kinds, value, path);
    if (problem !== undefined) yield fault(path, problem);
  }
}

function* listFaults(root: Schema, schema: Schema, value: unknown, path: string): Generator<Found> {
  if (!Array.isArray(value)) {
    yield fault(path, `must be an array, not ${shown(value)}`);
    return;
  }
  for (const [index, item] of value.entries()) yield* faultsOf(root, schema["items"] as Schema, item, `${path}.${index}`);
  if (value.length === 0 && schema["minItems"] !== undefined) yield fault(path, "must not be empty");
}

function* twice(request: Given): Generator<Found> {
  const names: readonly unknown[] = Array.isArray(request["outputs"]) ? request["outputs"] : [];
  const found = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].sort();
  if (found.length > 0) yield { field: "outputs", message: `names ${found.join(", ")} twice` };
}

/** Returns what is wrong with a value that is neither an object nor an array. */
function problemOf(schema: Schema, kinds: readonly unknown[], value: unknown, path: string): string | undefined {
  const inner = path.includes(".");
  if (schema["x-media"] !== undefined) return isFile(value) ? undefined : textProblem(schema, value);
  if (kinds.includes("boolean")) return typeof value === "boolean" ? undefined : `must be a boolean, not ${shown(value)}`;
  if (kinds.includes("integer")) return integerProblem(schema, value, inner);
  if (kinds.includes("number")) return numberProblem(schema, value);
  return schema["enum"] === undefined ? textProblem(schema, value) : choiceProblem(schema, value, inner);
}

/** Returns what is wrong with a text. */
export function textProblem(schema: Schema, value: unknown): string | undefined {
  if (typeof value !== "string") return `must be a text, not ${shown(value)}`;
  if (/\p{Cs}/u.test(value)) return "must be whole Unicode text; it holds half of a surrogate pair";
  const length = lengthOf(value);
  const [least, most] = [Number(schema["minLength"] ?? 0), Number(schema["maxLength"] ?? Infinity)];
  if (length < least) {
    if (least === 1) return "must not be empty";
    return `must have at least ${count(least)} characters, not ${count(length)}`;
  }
  return length > most ? `must have at most ${count(most)} characters, not ${count(length)}` : undefined;
}

function integerProblem(schema: Schema, given: unknown, inner: boolean): string | undefined {
  if (typeof given !== "bigint" && !(typeof given === "number" && Number.isInteger(given))) {
    return `must be an integer, not ${shown(given)}`;
  }
  const value = BigInt(given);
  const range = rangeOf(schema);
  const { low, high, step, offset } = range;
  const over = modulo(value - offset, step);
  if ((low !== undefined && value < low) || (high !== undefined && value > high)) {
    // The worker checks a step without an offset before the bounds.
    const told = offset === 0n && over !== 0n ? `, ${formText(range)}` : "";
    return `${boundsText(low, high, low !== undefined && value < low, inner)}${told}, not ${shown(given)}`;
  }
  return formProblem(value, range);
}

/** The integers that a schema accepts: from `low` to `high`, of the form step·n + offset. */
export interface IntegerRange {
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
  readonly step: bigint;
  readonly offset: bigint;
}

/** Returns the integers that a schema accepts. */
export function rangeOf(schema: Schema): IntegerRange {
  return {
    low: bound(schema["minimum"]),
    high: bound(schema["maximum"]),
    step: bound(schema["multipleOf"] ?? schema["x-step"]) ?? 1n,
    offset: bound(schema["x-offset"]) ?? 0n,
  };
}

/** Returns the form of a range's integers in words. */
export function formText({ step, offset }: IntegerRange): string {
  return offset !== 0n ? `${step}·n + ${offset}` : `a multiple of ${step}`;
}

/** Returns what is wrong with the form of an integer that is within its bounds. */
export function formProblem(value: bigint, range: IntegerRange): string | undefined {
  const { low, high, step, offset } = range;
  const over = modulo(value - offset, step);
  if (over === 0n) return undefined;
  const near = [value - over, value - over + step].filter(
    (one) => (low === undefined || one >= low) && (high === undefined || one <= high),
  );
  if (near.length === 0) return `must be ${formText(range)}, not ${shown(value)}`;
  return `must be ${formText(range)}; the nearest to ${value} ${near.length > 1 ? "are" : "is"} ${near.join(" and ")}`;
}

function numberProblem(schema: Schema, given: unknown): string | undefined {
  if (typeof given !== "number" && typeof given !== "bigint") return `must be a number, not ${shown(given)}`;
  if (typeof given === "number" && !Number.isFinite(given)) return `must be a finite number, not ${shown(given)}`;
  const [low, high] = [schema["minimum"], schema["maximum"]] as [number | undefined, number | undefined];
  const below = low !== undefined && given < low;
  if (!below && !(high !== undefined && given > high)) return undefined;
  return `${boundsText(low, high, below, false)}, not ${shown(given)}`;
}

/** The bound that a value violates; both for the input's own fields, as in the worker's messages. */
export function boundsText(
  low: number | bigint | undefined,
  high: number | bigint | undefined,
  below: boolean,
  inner: boolean,
): string {
  if (!inner && low !== undefined && high !== undefined) return `must be from ${low} to ${high}`;
  return below ? `must be at least ${low}` : `must be at most ${high}`;
}

function choiceProblem(schema: Schema, value: unknown, inner: boolean): string | undefined {
  const listed = Array.isArray(schema["enum"]) ? schema["enum"] : [];
  const choices = listed.filter((one): one is string => typeof one === "string");
  if (typeof value === "string" && choices.includes(value)) return undefined;
  const words = choices.map(quoted);
  const expected = words.length > 1 ? `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : words.join("");
  const near = !inner && typeof value === "string" ? nearestOf(shorten(value, 100), choices, 0.5) : undefined;
  const hint = near === undefined ? "" : `; did you mean ${quoted(near)}?`;
  return `must be one of ${shorten(expected, 300)}, not ${shown(value)}${hint}`;
}

/** The field that an unknown name probably means: one contained in it (`noise_seed`), or one spelt similarly. */
function nearestField(name: string, fields: readonly string[]): string | undefined {
  const words = name.split("_");
  return fields.find((field) => words.includes(field)) ?? nearestOf(name, fields, 0.65);
}

function propertiesOf(schema: Schema): Readonly<Record<string, Schema>> {
  return (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
}

function fault(path: string, message: string): Found {
  return { field: shorten(path, 60) || "input", message };
}

function bound(value: Json | undefined): bigint | undefined {
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : undefined;
}

/** Returns the remainder, which is never negative. */
export function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by;
}

/** The number of code points, without building a list. */
export function lengthOf(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

function isFile(value: unknown): boolean {
  return value instanceof Uint8Array || value instanceof ArrayBuffer || value instanceof Blob;
}

/** Whether a value is serialized as a JSON object. */
function isGiven(value: unknown): value is Given {
  return isRecord(value) && !isFile(value);
}

/** Formats a value for a message: with its type, on one line. */
function shown(value: unknown): string {
  if (typeof value === "boolean") return `the boolean ${value}`;
  if (typeof value === "string") return `the text ${quoted(shorten(value, 40))}`;
  if (typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))) {
    const whole = BigInt(value);
    return whole < LARGEST_SHOWN && whole > -LARGEST_SHOWN ? String(whole) : "a number of over 30 digits";
  }
  if (typeof value === "number") return Number.isFinite(value) ? `the number ${decimal(value)}` : decimal(value);
  return jsonType(value);
}

function jsonType(value: unknown): string {
  return JSON_WORDS.get(jsonName(value)) ?? typeof value;
}

/** JSON Schema's name of a value's type. */
function jsonName(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "integer";
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
}
