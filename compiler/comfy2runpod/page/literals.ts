/** Requests as texts: indented JSON, and the literals of other languages. */

import { PickedFile } from "./picked_file.js";

/** A value of a request, in which a file may stand for its base64. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickedFile
  | readonly Value[]
  | { readonly [key: string]: Value };

/** A request's `input` as the form makes it. */
export type Input = Readonly<Record<string, Value>>;

/** How a language writes what JSON writes otherwise. */
export interface Words {
  readonly nothing: string;
  readonly yes: string;
  readonly no: string;
  readonly file: (file: PickedFile) => string;
  readonly integer: (value: bigint) => string;
}

const JSON_WORDS: Words = {
  nothing: "null",
  yes: "true",
  no: "false",
  file: (file) => JSON.stringify(file.base64),
  integer: String,
};

/** A value, indented: as JSON but for `words`. */
export function written(value: Value, words: Partial<Words> = {}): string {
  return write(value, "", { ...JSON_WORDS, ...words });
}

function write(value: Value, indent: string, words: Words): string {
  if (value === null) return words.nothing;
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value === "bigint") return words.integer(value);
  if (value instanceof PickedFile) return words.file(value);
  if (typeof value !== "object") return JSON.stringify(value);
  const deeper = `${indent}  `;
  if (isList(value)) return `[${value.map((item) => write(item, deeper, words)).join(", ")}]`;
  const lines = Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${write(item, deeper, words)}`);
  return lines.length > 0 ? `{\n${lines.join(",\n")}\n${indent}}` : "{}";
}

function isList(value: readonly Value[] | { readonly [key: string]: Value }): value is readonly Value[] {
  return Array.isArray(value);
}

/** The files that a request holds. */
export function filesIn(input: Input): PickedFile[] {
  return Object.values(input).filter((value) => value instanceof PickedFile);
}
