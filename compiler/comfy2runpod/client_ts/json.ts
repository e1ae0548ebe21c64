/**
 * JSON with integers of any size.
 *
 * A seed may be any of 2^64 values, and a JavaScript number represents integers exactly only up to 2^53. JSON.parse would
 * round such a seed silently, and JSON.stringify rejects a bigint. Here, an integer that a number cannot represent is a
 * bigint; all others are numbers.
 */

export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

// The deepest nesting; answers have far less. A deeper text would overflow the stack.
const DEEPEST = 256;
// Conversion takes time quadratic in the length.
const MOST_DIGITS = 1000;
// Counted before parsing: small values of a long text would take gigabytes as objects.
const MOST_VALUES = 250_000;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORDS: Readonly<Record<string, null | boolean>> = { null: null, true: true, false: false };

/**
 * Parses JSON; integers are exact.
 *
 * @throws SyntaxError: the text is invalid, nested more than 256 deep, has more than 250,000 commas and brackets, or a
 * number of more than 1,000 digits or out of the range of a double.
 */
export function parse(text: string): Json {
  if (marks(text) > MOST_VALUES) throw new SyntaxError("JSON of too many values");
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

/**
 * Serializes a value; a bigint becomes a number. Keys whose value is undefined are omitted, as by JSON.stringify.
 *
 * @throws RangeError: NaN, an infinity, or nested more than 256 deep.
 * @throws TypeError: a value that JSON cannot represent, such as a function.
 */
export function stringify(value: unknown): string {
  return written(value, 0);
}

/** Counts the commas and opening brackets of a text. */
function marks(text: string): number {
  let count = 0;
  for (const mark of [",", "[", "{"]) {
    for (let at = text.indexOf(mark); at >= 0 && count <= MOST_VALUES; at = text.indexOf(mark, at + 1)) count += 1;
  }
  return count;
}

function written(value: unknown, depth: number): string {
  // Also stops at a cyclic value.
  if (depth > DEEPEST) throw new RangeError(`a value is nested more than ${DEEPEST} deep`);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`JSON has no number ${value}`);
  if (Array.isArray(value)) return `[${value.map((one) => written(one, depth + 1)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, one]) => one !== undefined);
    return `{${members.map(([key, one]) => `${JSON.stringify(key)}:${written(one, depth + 1)}`).join(",")}}`;
  }
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`JSON has no word for a ${typeof value}`);
  return text;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Json {
    if (depth > DEEPEST) throw this.#wrong();
    const next = this.#peek();
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#array(depth);
    if (next === '"') return this.#string();
    return next === "-" || (next >= "0" && next <= "9") ? this.#number() : this.#word();
  }

  end(): void {
    if (this.#peek() !== "") throw this.#wrong();
  }

  #object(depth: number): Json {
    const members: [string, Json][] = [];
    this.#at += 1;
    while (!this.#closes("}", members.length)) {
      if (this.#peek() !== '"') throw this.#wrong();
      const key = this.#string();
      if (this.#peek() !== ":") throw this.#wrong();
      this.#at += 1;
      members.push([key, this.value(depth + 1)]);
    }
    // Not by assignment: with fromEntries, __proto__ is an ordinary key.
    return Object.fromEntries(members);
  }

  #array(depth: number): Json {
    const items: Json[] = [];
    this.#at += 1;
    while (!this.#closes("]", items.length)) items.push(this.value(depth + 1));
    return items;
  }

  /** Whether a list ends here; otherwise reads the comma before the next item. */
  #closes(end: string, count: number): boolean {
    const next = this.#peek();
    if (next === end) {
      this.#at += 1;
      return true;
    }
    if (count > 0) {
      if (next !== ",") throw this.#wrong();
      this.#at += 1;
      if (this.#peek() === end) throw this.#wrong();
    }
    return false;
  }

  #string(): string {
    const start = this.#at;
    let end = start;
    // Searches for the closing quote, since files are strings of megabytes.
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw this.#wrong();
    } while (this.#escaped(end));
    this.#at = end + 1;
    return JSON.parse(this.#text.slice(start, end + 1)) as string;
  }

  #escaped(quote: number): boolean {
    let slashes = 0;
    while (this.#text[quote - 1 - slashes] === "\\") slashes += 1;
    return slashes % 2 === 1;
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text);
    if (found === null) throw this.#wrong();
    this.#at = NUMBER.lastIndex;
    const [text, fraction, exponent] = found;
    const value = Number(text);
    if (fraction === undefined && exponent === undefined) {
      if (text.length > MOST_DIGITS) throw this.#wrong();
      return Number.isSafeInteger(value) ? value : BigInt(text);
    }
    if (!Number.isFinite(value)) throw this.#wrong();
    return value;
  }

  #word(): null | boolean {
    for (const [word, value] of Object.entries(WORDS)) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    throw this.#wrong();
  }

  /** The next character that is not whitespace; empty at the end. */
  #peek(): string {
    while (/^[ \t\r\n]$/.test(this.#text.charAt(this.#at))) this.#at += 1;
    return this.#text.charAt(this.#at);
  }

  #wrong(): SyntaxError {
    return new SyntaxError(`no JSON at character ${this.#at}`);
  }
}
