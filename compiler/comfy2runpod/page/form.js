// The form: every field's control, the request that they make, and faults at their fields.

/** The reserved keys of a schema as fields: how results come, and which. The example may ask for a way. */
function reservedFields(schema, example) {
  const { output, outputs, allow_partial: partial, timings } = schema.properties;
  const fields = [];
  if (outputs) fields.push({ name: "outputs", kind: "outputs", title: "Outputs", description: outputs.description ?? "" });
  if (partial) {
    fields.push({ ...fieldOf("allow_partial", partial, false), saying: "take what succeeds" });
  }
  for (const [name, property] of Object.entries(output?.properties ?? {})) {
    // Null is the same as leaving it out.
    const types = [property.type ?? []].flat().filter((type) => type !== "null");
    const plain = { ...property, type: types.length ? types : undefined };
    const field = fieldOf(`output.${name}`, plain, false, example.output?.[name]);
    fields.push({
      ...field,
      optional: true,
      none: "as the endpoint has it",
      choices: field.choices?.filter((choice) => choice !== null),
    });
  }
  if (timings) fields.push({ ...fieldOf("timings", timings, false), saying: "say how long each part took" });
  return fields;
}

/** Builds the form into its place; `changed` is called with every new state of the request. */
function makeForm(info, changed) {
  const told = new Set();
  const update = () => {
    for (const control of controls) if (told.has(control)) control.show(control.read().fault);
    changed(state());
  };
  const make = (field) =>
    field.kind === "outputs" ? outputsControl(field, info.outputs, update) : controlOf(field, update);
  const own = fieldsOf(info.schema, info.example).map(make);
  const reserved = reservedFields(info.schema, info.example).map(make);
  const controls = [...own, ...reserved];
  byId("fields").append(...own.map((control) => control.node));
  byId("choices").append(...reserved.map((control) => control.node));
  byId("choices").hidden = reserved.length === 0;
  for (const control of controls) {
    control.node.addEventListener("change", async () => {
      told.add(control);
      await control.ready;
      control.show(control.read().fault);
    });
  }

  /** {input, faults: [{control, text}]}: the faults' fields are not in the input. */
  function state() {
    const input = {};
    const faults = [];
    for (const control of controls) {
      const { value, fault } = control.read();
      if (fault) faults.push({ control, text: fault });
      if (value === undefined || (!control.field.required && isFallback(control.field, value))) continue;
      const [key, member] = control.field.name.split(".");
      if (member === undefined) input[key] = value;
      else input[key] = { ...input[key], [member]: value };
    }
    return { input, faults };
  }

  return {
    state,
    update,
    /** Tells all faults at their fields and goes to the first; how many there are. */
    async check() {
      await Promise.all(controls.map((control) => control.ready));
      const { faults } = state();
      controls.forEach((control) => {
        told.add(control);
        control.show(faults.find((fault) => fault.control === control)?.text);
      });
      faults[0]?.control.focus();
      return faults.length;
    },
    /** Shows an answer's details at their fields; those that have no field here are given back. */
    tell(details) {
      const left = [];
      const found = [];
      for (const { field, message } of details) {
        const control = controls.find(({ field: { name } }) => field === name || field.startsWith(`${name}.`));
        if (!control) {
          left.push({ field, message });
          continue;
        }
        told.delete(control);
        control.show(message);
        found.push(control);
      }
      controls.find((control) => found.includes(control))?.focus();
      return left;
    },
    /** Writes a text into a field, as a person would. */
    set(name, text) {
      controls.find(({ field }) => field.name === name)?.set?.(text);
    },
    reset() {
      told.clear();
      for (const control of controls) {
        control.reset();
        control.show("");
      }
      update();
    },
  };
}
