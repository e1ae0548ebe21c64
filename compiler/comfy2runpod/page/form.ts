/** The form: every field's control, the request that they make, and faults at their fields. */

import type { Schema } from "../client_ts/checks.js";
import { isRecord } from "../client_ts/errors.js";
import { byId } from "./elements.js";
import { type Control, type Field, fieldOf, isDefault } from "./fields/field.js";
import { controlOf } from "./fields/kinds.js";
import { outputsControl } from "./fields/outputs.js";
import type { Input, Value } from "./literals.js";
import { type PackageFacts, propertiesOf, typesOf } from "./package_facts.js";

/** What the form holds; the fields of the faults are not in the input. */
export interface State {
  readonly input: Input;
  readonly faults: readonly { readonly control: Control; readonly text: string }[];
}

/** What is wrong with a field. */
interface Told {
  readonly field: string;
  readonly message: string;
}

/** The form, built into its place. */
export class Form {
  readonly #controls: readonly Control[];
  readonly #changed: (state: State) => void;
  // Fields whose faults are shown: not those that the reader has not reached yet.
  readonly #told = new Set<Control>();

  /** `changed` is called with every new state of the request. */
  constructor(facts: PackageFacts, changed: (state: State) => void) {
    const update = (): void => this.update();
    const own = fieldsOf(facts).map((field) => controlOf(field, update));
    const reserved = reservedControls(facts, update);
    this.#changed = changed;
    this.#controls = [...own, ...reserved];
    byId("fields").append(...own.map(({ node }) => node));
    byId("choices").append(...reserved.map(({ node }) => node));
    byId("choices").hidden = reserved.length === 0;
    for (const control of this.#controls) {
      control.node.addEventListener("change", async () => {
        this.#told.add(control);
        await control.ready();
        control.show(control.read().fault);
      });
    }
  }

  /** Says once more what the form holds. */
  update(): void {
    for (const control of this.#told) control.show(control.read().fault);
    this.#changed(this.#state());
  }

  /** Tells all faults at their fields and goes to the first; how many there are. */
  async check(): Promise<number> {
    await Promise.all(this.#controls.map((control) => control.ready()));
    const { faults } = this.#state();
    for (const control of this.#controls) {
      this.#told.add(control);
      control.show(faults.find((fault) => fault.control === control)?.text);
    }
    faults[0]?.control.focus();
    return faults.length;
  }

  /** Shows an answer's details at their fields; those that have no field here are given back. */
  tell(details: readonly Told[]): Told[] {
    const left: Told[] = [];
    const found = new Set<Control>();
    for (const { field, message } of details) {
      const control = this.#controls.find(({ field: { name } }) => field === name || field.startsWith(`${name}.`));
      if (control === undefined) {
        left.push({ field, message });
        continue;
      }
      this.#told.delete(control);
      control.show(message);
      found.add(control);
    }
    this.#controls.find((control) => found.has(control))?.focus();
    return left;
  }

  /** Writes a text into a field, as a person would. */
  set(name: string, text: string): void {
    this.#controls.find(({ field }) => field.name === name)?.set?.(text);
  }

  reset(): void {
    this.#told.clear();
    for (const control of this.#controls) {
      control.reset();
      control.show(undefined);
    }
    this.update();
  }

  #state(): State {
    const input: Record<string, Value> = {};
    const faults: State["faults"][number][] = [];
    for (const control of this.#controls) {
      const { value, fault } = control.read();
      if (fault !== undefined) faults.push({ control, text: fault });
      if (value === undefined || isDefault(control.field, value)) continue;
      const [key = "", member] = control.field.name.split(".");
      input[key] = member === undefined ? value : { ...(input[key] as Input | undefined), [member]: value };
    }
    return { input, faults };
  }
}

/** The fields of an input schema, in its order. */
function fieldsOf({ schema, example, reserved }: PackageFacts): Field[] {
  return Object.entries(propertiesOf(schema))
    .filter(([name]) => !reserved.includes(name))
    .map(([name, property]) => fieldOf(name, property, isRequired(schema, name), example[name]));
}

/** Whether a schema wants a property. */
export function isRequired(schema: Schema, name: string): boolean {
  return Array.isArray(schema["required"]) && schema["required"].includes(name);
}

/** The controls of the reserved keys: how results come, and which. The example may ask for a way. */
function reservedControls({ schema, example, outputs: specs }: PackageFacts, changed: () => void): Control[] {
  const { output, outputs, allow_partial: partial, timings } = propertiesOf(schema);
  const controls: Control[] = [];
  if (outputs !== undefined) controls.push(outputsControl(fieldOf("outputs", outputs, false, undefined), specs, changed));
  if (partial !== undefined) controls.push(labelled("allow_partial", partial, "take what succeeds", changed));
  const asked = isRecord(example["output"]) ? example["output"] : {};
  for (const [name, property] of Object.entries(propertiesOf(output))) {
    // Null is the same as an omitted field.
    const types = typesOf(property).filter((type) => type !== "null");
    const field = fieldOf(`output.${name}`, { ...property, type: types }, false, asked[name] as string | undefined);
    controls.push(controlOf({ ...field, none: "as the endpoint has it" }, changed));
  }
  if (timings !== undefined) controls.push(labelled("timings", timings, "say how long each part took", changed));
  return controls;
}

function labelled(name: string, property: Schema, label: string, changed: () => void): Control {
  return controlOf({ ...fieldOf(name, property, false, undefined), label }, changed);
}
