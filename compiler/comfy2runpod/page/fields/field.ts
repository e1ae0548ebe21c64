/** What all fields of the form have in common: what the schema says of them, and a control each. */

import type { Schema } from "../../client_ts/checks.js";
import type { Json } from "../../client_ts/json.js";
import type { Value } from "../literals.js";
import { textIn } from "../package_facts.js";

/** A field of the request; a member of one is called `key.member`. */
export interface Field {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly required: boolean;
  /** What its control begins with; null for nothing. */
  readonly initial: Json;
  /** What it takes. */
  readonly property: Schema;
  /** Beside a check box. */
  readonly label?: string;
  /** Of a choice that may be left open: what that is called. */
  readonly none?: string;
}

/** What a control holds: a value, what is wrong with it, or neither where the field is omitted. */
export interface Reading {
  readonly value?: Value;
  readonly fault?: string;
}

/** A native control and what stands around it. */
export interface Control {
  readonly field: Field;
  readonly node: HTMLElement;
  /** Settles when a file that was chosen has been read. */
  ready(): Promise<void>;
  read(): Reading;
  /** Shows what is wrong, or nothing. */
  show(fault: string | undefined): void;
  focus(): void;
  reset(): void;
  /** Writes a text into it, as a person would. */
  set?(text: string): void;
}

/** A kind of field. */
export interface Kind {
  /** Whether a property of the schema is of this kind. */
  takes(property: Schema): boolean;
  /** A field's control; `changed` is called whenever what it holds may have changed. */
  control(field: Field, changed: () => void): Control;
}

/** A field that a property of the schema describes; it begins with the example's value, else with its default. */
export function fieldOf(name: string, property: Schema, required: boolean, example: Json | undefined): Field {
  return {
    name,
    title: textIn(property, "title") || name,
    description: textIn(property, "description"),
    required,
    initial: example ?? property["default"] ?? null,
    property,
  };
}

/** Whether a value is what the endpoint takes if the field is omitted. */
export function isDefault({ required, property }: Field, value: Value): boolean {
  const fallback = property["default"];
  if (required) return false;
  if (typeof value !== "bigint") return value === fallback;
  return (typeof fallback === "number" || typeof fallback === "bigint") && value === BigInt(fallback);
}
