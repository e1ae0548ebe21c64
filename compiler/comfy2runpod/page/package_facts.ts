/** What the page knows of its package: the JSON that the compiler put into it. */

import type { Schema } from "../client_ts/checks.js";
import { type Json, parse } from "../client_ts/json.js";

export interface OutputFacts {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly kind: string;
  readonly mediaType: string;
}

export interface PackageFacts {
  readonly name: string;
  /** The JSON Schema of an input. */
  readonly schema: Schema;
  /** The keys of a request beside the fields: they have controls of their own, or none. */
  readonly reserved: readonly string[];
  readonly example: Readonly<Record<string, Json>>;
  /** Whether an answer holds its only output's file itself. */
  readonly flat: boolean;
  readonly outputs: readonly OutputFacts[];
  readonly seeds: readonly string[];
  readonly errors: readonly { readonly code: string; readonly remedy: string }[];
}

/** Reads the facts; the compiler that wrote them is the one that this page came with. */
export function packageFacts(text: string): PackageFacts {
  return parse(text) as unknown as PackageFacts;
}

/** The properties of an object's schema, by name. */
export function propertiesOf(schema: Schema | undefined): Readonly<Record<string, Schema>> {
  return (schema?.["properties"] ?? {}) as Readonly<Record<string, Schema>>;
}

/** The types that a schema takes. */
export function typesOf(schema: Schema): readonly string[] {
  return [schema["type"] ?? []].flat().map(String);
}

/** A text of a schema; empty where there is none. */
export function textIn(schema: Schema, key: string): string {
  const value = schema[key];
  return typeof value === "string" ? value : "";
}
