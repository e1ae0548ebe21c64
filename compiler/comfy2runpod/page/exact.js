// JSON whose whole numbers stay what they are: JavaScript's own numbers are exact up to 2^53 only, seeds go to 2^64.

// Marks a long number between reading and reviving: a character that no text of a package or an answer needs.
const LONG = "\uE000";
// Not part of a fraction or an exponent.
const LONG_INTEGER = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

// Far more than any answer has: a deeper text would break the stack, a longer number take minutes.
const DEEPEST = 256;
const MOST_DIGITS = 1000;

/** A file on its way into a request: what the request holds of it, and what is shown in its place. */
class Image {
  constructor(base64, name, bytes) {
    this.base64 = base64;
    this.name = name;
    this.bytes = bytes;
  }
}

/** Parses JSON; whole numbers of 16 digits and more become BigInt. Throws SyntaxError, also at what is too deep or long. */
function readJson(text) {
  const parts = [];
  let at = 0;
  let depth = 0;
  const long = (digits) => {
    if (digits.length > MOST_DIGITS) throw new SyntaxError("a number of too many digits");
    return `"${LONG}${digits}"`;
  };
  while (at < text.length) {
    const open = text.indexOf('"', at);
    const outside = open < 0 ? text.slice(at) : text.slice(at, open);
    for (const [bracket] of outside.matchAll(/[[\]{}]/g)) {
      depth += bracket === "[" || bracket === "{" ? 1 : -1;
      if (depth > DEEPEST) throw new SyntaxError("nested too deeply");
    }
    parts.push(outside.replace(LONG_INTEGER, long));
    if (open < 0) break;
    let close = text.indexOf('"', open + 1);
    while (close >= 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
    at = close < 0 ? text.length : close + 1;
    parts.push(text.slice(open, at));
  }
  const revive = (_key, value) =>
    typeof value === "string" && /^\uE000-?\d+$/.test(value) ? BigInt(value.slice(1)) : value;
  return JSON.parse(parts.join(""), revive);
}

function isEscaped(text, at) {
  let slashes = 0;
  while (text[at - 1 - slashes] === "\\") slashes += 1;
  return slashes % 2 === 1;
}

/**
 * A value as JSON, indented; `words` are the language's own words for null, true and false, `image` writes an Image
 * and `long` a BigInt.
 */
function writeJson(value, { words = ["null", "true", "false"], image = wholeImage, long = String } = {}) {
  const write = (one, indent) => {
    if (one === null) return words[0];
    if (typeof one === "boolean") return words[one ? 1 : 2];
    if (typeof one === "bigint") return long(one);
    if (one instanceof Image) return image(one);
    if (typeof one !== "object") return JSON.stringify(one);
    const deeper = `${indent}  `;
    if (Array.isArray(one)) return `[${one.map((item) => write(item, deeper)).join(", ")}]`;
    const lines = Object.entries(one).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${write(item, deeper)}`);
    return lines.length ? `{\n${lines.join(",\n")}\n${indent}}` : "{}";
  };
  return write(value, "");
}

function wholeImage(image) {
  return JSON.stringify(image.base64);
}

/** An image's start, for people. */
function shortImage(image) {
  const left = image.base64.length - 24;
  return left > 0
    ? JSON.stringify(`${image.base64.slice(0, 24)}… (${left.toLocaleString("en")} more characters)`)
    : wholeImage(image);
}

/** The length of a text as UTF-8. */
function byteLength(text) {
  return new TextEncoder().encode(text).length;
}

/** A number of bytes for people: `1.2 MB`. */
function bytesText(count) {
  if (count < 1000) return `${count} bytes`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} KB` : `${(count / 1e6).toFixed(count % 1e6 ? 1 : 0)} MB`;
}
