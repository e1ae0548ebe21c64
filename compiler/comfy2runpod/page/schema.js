// The input schema -> fields with a kind each, and what a field takes. The words of faults are the worker's own.

// Beside the fields: they have controls of their own, or none.
const RESERVED = ["output", "outputs", "allow_partial", "timings"];

/** The fields of an input schema, in its order. Their initial values are the example's, else the defaults. */
function fieldsOf(schema, example) {
  return Object.entries(schema.properties)
    .filter(([name]) => !RESERVED.includes(name))
    .map(([name, property]) => fieldOf(name, property, schema.required.includes(name), example[name]));
}

function fieldOf(name, property, required, example) {
  const fallback = property.default;
  const field = {
    name,
    title: property.title ?? name,
    description: property.description ?? "",
    required,
    fallback,
    initial: example ?? fallback ?? null,
  };
  const types = [property.type].flat();
  if (property["x-media"] === "image") {
    return {
      ...field,
      kind: "image",
      initial: null,
      formats: property["x-formats"],
      maxBytes: Number(property["x-max-bytes"]),
      maxPixels: Number(property["x-max-pixels"]),
      maxAspect: Number(property["x-max-aspect"]),
    };
  }
  if (types.includes("boolean")) return { ...field, kind: "boolean" };
  if (types.includes("integer")) return integerField(field, property, types.includes("null"));
  if (types.includes("number")) return { ...field, kind: "number", low: property.minimum, high: property.maximum };
  if (property.enum) return { ...field, kind: "choice", choices: property.enum };
  return { ...field, kind: "text", shortest: property.minLength ?? 0, longest: property.maxLength ?? Infinity };
}

/** A whole number: from `low` to `high`, of the form step·n + offset. Where null is taken, empty means random. */
function integerField(field, property, random) {
  let step = BigInt(property.multipleOf ?? property["x-step"] ?? 1);
  let offset = BigInt(property["x-offset"] ?? 0);
  const listed = property.enum?.map(BigInt);
  if (listed?.length > 1) {
    step = listed[1] - listed[0];
    offset = modulo(listed[0], step);
  }
  const low = BigInt(listed?.[0] ?? property.minimum);
  const high = BigInt(listed?.at(-1) ?? property.maximum);
  return {
    ...field,
    kind: random ? "seed" : "integer",
    low: BigInt(property.minimum ?? low),
    high: BigInt(property.maximum ?? high),
    step,
    offset,
  };
}

function modulo(value, by) {
  return ((value % by) + by) % by;
}

/** What a field takes, in a few words. */
function allowedText(field) {
  switch (field.kind) {
    case "integer":
      return `${field.low} to ${field.high}${field.step > 1n ? `, ${formText(field)}` : ""}`;
    case "seed":
      return `${field.low} to ${field.high}; empty: drawn at random`;
    case "number":
      return boundsText(field.low, field.high);
    case "image":
      return (
        `${formatsText(field.formats)}, at most ${bytesText(field.maxBytes)}, ${field.maxPixels / 1e6} megapixels ` +
        `and sides of ${field.maxAspect}:1`
      );
    default:
      return "";
  }
}

function boundsText(low, high) {
  if (low === undefined && high === undefined) return "";
  if (low === undefined) return `at most ${high}`;
  return high === undefined ? `at least ${low}` : `${low} to ${high}`;
}

function formText({ step, offset }) {
  return offset ? `${step}·n + ${offset}` : `a multiple of ${step}`;
}

/**
 * What a text in a field's control stands for: {value}, {fault}, or {} where it is omitted.
 * `broken` says that the browser holds something that is no number.
 */
function readControl(field, text, broken = false) {
  if (field.kind === "text") return readText(field, text);
  if (text.trim() === "" && !broken) return field.required ? { fault: "is required" } : {};
  switch (field.kind) {
    case "integer":
    case "seed":
      return readInteger(field, text.trim());
    case "number":
      return readNumber(field, text.trim());
    default:
      return field.choices.includes(text) ? { value: text } : { fault: "must be one of those that are listed" };
  }
}

function readText(field, text) {
  const length = [...text].length;
  if (length === 0 && field.required && field.shortest > 0) return { fault: "is required" };
  if (length < field.shortest) {
    const least = field.shortest === 1 ? "must not be empty" : `must have at least ${grouped(field.shortest)} characters`;
    return { fault: field.shortest === 1 ? least : `${least}, not ${grouped(length)}` };
  }
  if (length > field.longest) {
    return { fault: `must have at most ${grouped(field.longest)} characters, not ${grouped(length)}` };
  }
  // Half of a surrogate pair: the lone ones that a decoder would put a question mark for.
  if (/\p{Surrogate}/u.test(text)) return { fault: "must be whole Unicode text; it holds half of a surrogate pair" };
  return { value: text };
}

function readInteger(field, text) {
  if (!/^[+-]?\d{1,400}$/.test(text)) return { fault: `must be a whole number${text ? `, not ${shortened(text)}` : ""}` };
  const value = BigInt(text.replace("+", ""));
  if (value < field.low || value > field.high) {
    const form = field.step > 1n ? `, ${formText(field)}` : "";
    return { fault: `must be from ${field.low} to ${field.high}${form}, not ${shortened(String(value))}` };
  }
  const over = modulo(value - field.offset, field.step);
  if (over) {
    const near = [value - over, value - over + field.step].filter((one) => one >= field.low && one <= field.high);
    const are = near.length > 1 ? "are" : "is";
    return { fault: `must be ${formText(field)}; the nearest to ${value} ${are} ${near.join(" and ")}` };
  }
  return { value };
}

function readNumber(field, text) {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(value)) return { fault: `must be a number${text ? `, not ${shortened(text)}` : ""}` };
  const { low = -Infinity, high = Infinity } = field;
  if (value >= low && value <= high) return { value };
  const both = Number.isFinite(low) && Number.isFinite(high);
  const bounds = both ? `from ${low} to ${high}` : value < low ? `at least ${low}` : `at most ${high}`;
  return { fault: `must be ${bounds}, not ${shortened(text)}` };
}

/** Whether a value is what the endpoint takes if the field is omitted. */
function isFallback(field, value) {
  if (typeof value === "bigint") return field.fallback != null && value === BigInt(field.fallback);
  return value === field.fallback;
}

function grouped(number) {
  return number.toLocaleString("en");
}

function shortened(text) {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
