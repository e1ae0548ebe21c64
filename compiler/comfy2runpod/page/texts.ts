/** Values of answers as texts for people, bounded; and amounts in words. */

import { count, plain } from "../client_ts/text.js";

/** A value of an answer as a short text; nothing of objects, which may say anything of themselves. */
export function shortText(value: unknown, most = 2000): string {
  if (typeof value === "string") return plain(value, most);
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean" ? plain(String(value), most) : "";
}

/** A text that is itself a result, as it is, but for its length and for characters that hide or turn what stands there. */
export function resultText(text: string, most: number): string {
  const cut = text.length > most ? `${text.slice(0, most)}… (${count(text.length)} characters)` : text;
  return cut.replace(/[^\P{Cc}\n\r\t]|[\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\uFFFD");
}

/** The number that a part of an answer is, or null. */
export function numberOf(value: unknown): number | null {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

/** A number of bytes for people: `1.2 MB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(bytes % 1e6 === 0 ? 0 : 1)} MB`;
}

/** The beginning of a text. */
export function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
