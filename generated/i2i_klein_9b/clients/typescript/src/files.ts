/**
 * A file of a request: reads and encodes it, and checks it against the limits of its field before anything is sent.
 *
 * This is the same for every kind of file; a module a kind has what the kind adds.
 */

import type { Schema } from "./checks.js";
import { FORMAT_LABELS } from "./contract.js";
import { InputRefused } from "./errors.js";
import { fromBase64 } from "./media.js";
import { count } from "./text.js";

/** A file's bytes, a Blob (such as a form's File), or a string: an https URL, a data URL, or base64. */
export type FileInput = string | Uint8Array | ArrayBuffer | Blob;

/** What the limits of every field of a file have in common. */
export interface FileLimits {
  readonly maxBytes: number;
  readonly formats: readonly string[];
}

/** What the checks of a file need to know of its kind. */
export interface FileKind {
  /** The word that a schema has for it. */
  readonly media: string;
  readonly mediaType: string;
  /**
   * Checks a file's content, which is not too large, against the limits that a field's schema has.
   *
   * @throws FileFault: it exceeds one, or has another format.
   */
  check(bytes: Uint8Array, property: Schema): void;
}

/** What is wrong with a file, with the worker's message. */
export class FileFault {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

// In characters. The smallest PNG, of one pixel, has 67 bytes.
const MIN_BASE64_LENGTH = 64;
// A parameter may have commas: browsers write `codecs=vp8,opus` for what they record.
const DATA_URL = /^\s*data:[^,;]{0,200}(?:;[^;]{1,200}){0,10}?(;base64)?,/i;

/**
 * Returns a field's value as it is sent: base64 in the place of a file.
 *
 * @throws FileFault: the file exceeds a limit of its field, or has another format.
 * @throws InputRefused: the file cannot be read.
 */
export async function encodedFile(
  kind: FileKind,
  name: string,
  value: unknown,
  property: Schema,
  checked: boolean,
): Promise<unknown> {
  const { maxBytes } = limitsOf(property);
  if (typeof value === "string") {
    if (checked) checkText(kind, value, property, maxBytes);
    return value;
  }
  const bytes = await bytesOf(name, value, checked ? maxBytes : Infinity);
  if (bytes === undefined) return value;
  if (checked) checkBytes(kind, bytes, property, maxBytes);
  return toBase64(bytes);
}

/** Returns the limits that every file has, from a field's schema. */
export function limitsOf(property: Schema): FileLimits {
  const formats = property["x-formats"];
  return { maxBytes: Number(property["x-max-bytes"]), formats: Array.isArray(formats) ? formats.map(String) : [] };
}

/** Returns formats in words: `PNG, JPEG or WebP`. */
export function formatsText(formats: readonly string[]): string {
  const names = formats.map((one) => FORMAT_LABELS.get(one) ?? one);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join("");
}

async function bytesOf(name: string, value: unknown, most: number): Promise<Uint8Array | undefined> {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (!(value instanceof Blob)) return undefined;
  try {
    return await read(value, most);
  } catch (error) {
    if (error instanceof FileFault) throw error;
    throw new InputRefused(`${name}: the file cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Reads a file of at most `most` bytes. The size is checked before reading: a form's file may have any size.
 *
 * @throws FileFault: the file is larger.
 */
export async function read(file: Blob, most: number): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > most) throw tooLarge(file.size, most);
  return new Uint8Array(await file.arrayBuffer());
}

function checkText(kind: FileKind, text: string, property: Schema, most: number): void {
  const scheme = /^\s*([A-Za-z][A-Za-z0-9+.-]*):/.exec(text.slice(0, 100))?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return;
  let content = text;
  if (scheme === "data") {
    const head = DATA_URL.exec(text.slice(0, 4096));
    if (head?.[1] === undefined) {
      throw new FileFault(`is a data URL that is not in base64 (data:${kind.mediaType};base64,…)`);
    }
    content = text.slice(head[0].length);
  } else if (scheme !== undefined) {
    throw new FileFault("is a URL with an unsupported scheme; send base64, a data URL or an https URL");
  }
  // Three bytes are four characters, and line breaks add a little. A longer text is refused before it is decoded.
  if (content.length > Math.floor(most / 3) * 4 * 1.1 + 100) {
    throw new FileFault(`has more than ${megabytes(most)}, the largest size that is allowed`);
  }
  const bytes = fromBase64(normalized(content.replaceAll(/[ \t\r\n]+/g, "")));
  if (bytes === undefined) {
    throw new FileFault(
      "is neither base64 nor a URL; send base64, a data URL or an https URL, or a file as its bytes or as a Blob",
    );
  }
  checkBytes(kind, bytes, property, most);
}

/** Base64 in the standard alphabet, with missing padding added; what is none stays none. */
function normalized(text: string): string {
  // Too short for a file: probably a name or a path, many of which are valid base64 by chance without padding.
  if (text.length < MIN_BASE64_LENGTH || /[-_]/.test(text) && /[+/]/.test(text)) return text;
  const padded = text.endsWith("=") ? text : text + "=".repeat((4 - (text.length % 4)) % 4);
  return padded.replaceAll("-", "+").replaceAll("_", "/");
}

function checkBytes(kind: FileKind, bytes: Uint8Array, property: Schema, most: number): void {
  if (bytes.length > most) throw tooLarge(bytes.length, most);
  kind.check(bytes, property);
}

function tooLarge(size: number, most: number): FileFault {
  return new FileFault(`has ${count(size)} bytes; at most ${megabytes(most)} are allowed`);
}

function megabytes(bytes: number): string {
  return bytes % 1_000_000 === 0 ? `${bytes / 1_000_000} MB` : `${count(bytes)} bytes`;
}

/**
 * Checks the number of pixels of an image or of a video's frame.
 *
 * @throws FileFault: there are too many.
 */
export function checkPixels(width: number, height: number, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  const [pixels, most] = [(width * height) / 1e6, maxPixels / 1e6];
  // Rounded, unless the rounded number would equal the limit.
  const has = Number(pixels.toFixed(1)) > most ? pixels.toFixed(1) : pixels;
  throw new FileFault(`${width}x${height} has ${has} megapixels; at most ${most} are allowed`);
}

/** Whether bytes begin with the characters of a text, at a place. */
export function begins(bytes: Uint8Array, at: number, text: string): boolean {
  return bytes.length >= at + text.length && [...text].every((one, index) => bytes[at + index] === one.charCodeAt(0));
}

/** Encodes bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  // In chunks, since the bytes are passed as arguments, whose number is limited.
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}
