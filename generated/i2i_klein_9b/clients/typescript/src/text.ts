/** Makes the text of a server safe to print, and formats values as Python does in the worker's messages. */

// Whitespace as Python defines it.
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;

/** Makes a text safe to print: shortened, with control and bidirectional characters escaped. */
export function plain(text: string, limit = 2000): string {
  const cut = text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (one) => (one === "\n" || one === "\t" ? one : escaped(one)));
}

/** Returns the text on one line, shortened to `limit` characters. */
export function shorten(text: string, limit: number): string {
  // The text may have megabytes.
  const characters = [...text.slice(0, limit * 8 + 2)];
  const flat = [...characters.slice(0, limit * 4).join("").split(SPACE).filter((word) => word !== "").join(" ")];
  const whole = flat.length <= limit && characters.length <= limit * 4;
  return (whole ? flat.join("") : `${flat.slice(0, limit - 1).join("")}…`).replace(/\p{Cs}/gu, escaped);
}

/** Quotes a text as Python's repr does. */
export function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(/[\x22\x27\x5c]|(?! )[\p{C}\p{Z}]/gu, (one) => {
    if (one === "\\") return "\\\\";
    if (one === "'" || one === '"') return one === quote ? `\\${one}` : one;
    const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[one];
    if (named !== undefined) return named;
    const code = one.codePointAt(0) ?? 0;
    if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code <= 0xffff ? escaped(one) : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `${quote}${inner}${quote}`;
}

/** Formats a number that is not an integer as Python does. */
export function decimal(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value !== 0 && Math.abs(value) < 1e-4) {
    return value.toExponential().replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`);
  }
  return String(value);
}

/** Formats a count with separators: 10,000,000. */
export function count(number: number): string {
  return number.toLocaleString("en-US");
}

/**
 * Returns the word that is most similar to another, if the similarity reaches the cutoff. The measure is that of Python's
 * difflib.
 */
export function nearestOf(word: string, words: readonly string[], cutoff: number): string | undefined {
  let [best, most] = [undefined as string | undefined, cutoff];
  for (const one of words) {
    const [a, b] = [[...one], [...word]];
    const all = a.length + b.length;
    const ratio = all === 0 ? 1 : (2 * common(a, b)) / all;
    if (ratio > most || (ratio === most && (best === undefined || one > best))) [best, most] = [one, ratio];
  }
  return best;
}

function common(a: readonly string[], b: readonly string[]): number {
  let [size, ai, bi] = [0, 0, 0];
  let before: number[] = [];
  for (const [i, character] of a.entries()) {
    const here: number[] = [];
    for (const [j, other] of b.entries()) {
      if (character !== other) continue;
      const run = (before[j - 1] ?? 0) + 1;
      here[j] = run;
      if (run > size) [size, ai, bi] = [run, i - run + 1, j - run + 1];
    }
    before = here;
  }
  if (size === 0) return 0;
  return size + common(a.slice(0, ai), b.slice(0, bi)) + common(a.slice(ai + size), b.slice(bi + size));
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}
