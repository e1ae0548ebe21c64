/**
 * Encodes the images of a request, and checks them against the endpoint's limits before anything is sent.
 *
 * Only the header of a file is read here. The worker checks the decoded image.
 */

import { type Schema, refuse } from "./checks.js";
import { IMAGE_LABELS, LONGEST_IMAGE_SIDE } from "./contract.js";
import { InputRefused } from "./errors.js";
import { fromBase64 } from "./media.js";
import { count } from "./text.js";

/** A file's bytes, a Blob (such as a form's File), or a string: an https URL, a data URL, or base64. */
export type Image = string | Uint8Array | ArrayBuffer | Blob;

/** The limits of an image field. */
export interface ImageLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
  /** The longer side divided by the shorter one. */
  readonly maxAspect: number;
  readonly formats: readonly string[];
}

const DATA_URL = /^\s*data:[^,;]{0,200}(?:;[^,;]{1,200}){0,10}?(;base64)?,/i;

/** The header of an image file. */
export interface ImageHeader {
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
}

/** What is wrong with an image, with the worker's message. */
export class ImageFault {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/**
 * Encodes the images of a request.
 *
 * @throws InvalidInput: an image exceeds a limit of its field, or has another format.
 * @throws InputRefused: a file cannot be read.
 */
export async function encoded(
  request: Readonly<Record<string, unknown>>,
  schema: Schema,
  checked: boolean,
): Promise<Record<string, unknown>> {
  const sent: Record<string, unknown> = { ...request };
  const faults: { field: string; message: string }[] = [];
  for (const [name, limits] of imagesOf(schema)) {
    const value = sent[name];
    try {
      if (typeof value === "string" && checked) checkText(value, limits);
      const bytes = await bytesOf(name, value, checked ? limits.maxBytes : Infinity);
      if (bytes !== undefined) {
        if (checked) check(bytes, limits);
        sent[name] = toBase64(bytes);
      }
    } catch (error) {
      if (!(error instanceof ImageFault)) throw error;
      faults.push({ field: name, message: error.message });
    }
  }
  refuse(faults);
  return sent;
}

function imagesOf(schema: Schema): [name: string, limits: ImageLimits][] {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  return Object.entries(properties).flatMap(([name, one]) => {
    return one["x-media"] === "image" ? [[name, limitsOf(one)]] : [];
  });
}

/** Returns the limits of an image field from its schema. */
export function limitsOf(property: Schema): ImageLimits {
  const formats = property["x-formats"];
  return {
    maxBytes: Number(property["x-max-bytes"]),
    maxPixels: Number(property["x-max-pixels"]),
    maxAspect: Number(property["x-max-aspect"]),
    formats: Array.isArray(formats) ? formats.map(String) : [],
  };
}

async function bytesOf(name: string, value: unknown, most: number): Promise<Uint8Array | undefined> {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (!(value instanceof Blob)) return undefined;
  try {
    return await read(value, most);
  } catch (error) {
    if (error instanceof ImageFault) throw error;
    throw new InputRefused(`${name}: the file cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Reads a file of at most `most` bytes. The size is checked before reading: a form's file may have any size.
 *
 * @throws ImageFault: the file is larger.
 */
export async function read(file: Blob, most: number): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > most) throw tooLarge(file.size, most);
  return new Uint8Array(await file.arrayBuffer());
}

function checkText(text: string, limits: ImageLimits): void {
  const scheme = /^\s*([A-Za-z][A-Za-z0-9+.-]*):/.exec(text.slice(0, 100))?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return;
  let content = text;
  if (scheme === "data") {
    const head = DATA_URL.exec(text.slice(0, 4096));
    if (head?.[1] === undefined) throw new ImageFault("is a data URL that is not in base64 (data:image/png;base64,…)");
    content = text.slice(head[0].length);
  } else if (scheme !== undefined) {
    throw new ImageFault("is a URL with an unsupported scheme; send base64, a data URL or an https URL");
  }
  // Three bytes are four characters, and line breaks add a little. A longer text is refused before it is decoded.
  if (content.length > Math.floor(limits.maxBytes / 3) * 4 * 1.1 + 100) {
    throw new ImageFault(`has more than ${megabytes(limits.maxBytes)}, the largest size that is allowed`);
  }
  const bare = content.replaceAll(/\s+/g, "");
  // The padding may be missing.
  const bytes = fromBase64(bare.endsWith("=") ? bare : bare + "=".repeat((4 - (bare.length % 4)) % 4));
  if (bytes === undefined) {
    throw new ImageFault(
      "is neither base64 nor a URL; send base64, a data URL or an https URL, or a file as its bytes or as a Blob",
    );
  }
  check(bytes, limits);
}

/**
 * Checks an image against the limits of its field. Returns what its header says; width and height are 0 if it is damaged.
 *
 * @throws ImageFault: the image exceeds a limit, or has another format.
 */
export function check(bytes: Uint8Array, limits: ImageLimits): ImageHeader {
  if (bytes.length > limits.maxBytes) throw tooLarge(bytes.length, limits.maxBytes);
  const format = formatOf(bytes);
  if (format === undefined || !limits.formats.includes(format)) {
    const what = format === undefined ? "not an image of a known format" : `a ${formatsText([format])}`;
    throw new ImageFault(`is ${bytes.length === 0 ? "empty" : what}; it must be a ${formatsText(limits.formats)} image`);
  }
  const [width, height] = sizeOf(format, bytes);
  checkSize(width, height, limits);
  return { format, width, height };
}

/** Returns formats in words: `PNG, JPEG or WebP`. */
export function formatsText(formats: readonly string[]): string {
  const names = formats.map((one) => IMAGE_LABELS.get(one) ?? one);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join("");
}

function checkSize(width: number, height: number, limits: ImageLimits): void {
  if (width * height > limits.maxPixels) {
    const [pixels, most] = [(width * height) / 1e6, limits.maxPixels / 1e6];
    // Rounded, unless the rounded number would equal the limit.
    const has = Number(pixels.toFixed(1)) > most ? pixels.toFixed(1) : pixels;
    throw new ImageFault(`${width}x${height} has ${has} megapixels; at most ${most} are allowed`);
  }
  if (Math.max(width, height) > LONGEST_IMAGE_SIDE) {
    throw new ImageFault(`${width}x${height} is longer than ${count(LONGEST_IMAGE_SIDE)} pixels on a side`);
  }
  if (Math.max(width, height) > limits.maxAspect * Math.min(width, height)) {
    const most = limits.maxAspect;
    throw new ImageFault(`${width}x${height} is too long and thin; a side may be ${most} times as long as the other`);
  }
}

function tooLarge(size: number, most: number): ImageFault {
  return new ImageFault(`has ${count(size)} bytes; at most ${megabytes(most)} are allowed`);
}

function megabytes(bytes: number): string {
  return bytes % 1_000_000 === 0 ? `${bytes / 1_000_000} MB` : `${count(bytes)} bytes`;
}

export type ImageFormat = "png" | "jpeg" | "webp";

function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  if (begins(bytes, 0, "\x89PNG\r\n\x1a\n")) return "png";
  if (begins(bytes, 0, "\xff\xd8\xff")) return "jpeg";
  return begins(bytes, 0, "RIFF") && begins(bytes, 8, "WEBP") ? "webp" : undefined;
}

function begins(bytes: Uint8Array, at: number, text: string): boolean {
  return bytes.length >= at + text.length && [...text].every((one, index) => bytes[at + index] === one.charCodeAt(0));
}

/** Reads width and height from a file's header; 0, 0 if it is damaged, which the worker then reports. */
function sizeOf(format: ImageFormat, bytes: Uint8Array): readonly [width: number, height: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (format === "png") return [view.getUint32(16), view.getUint32(20)];
    return format === "jpeg" ? jpegSize(view) : webpSize(view, bytes);
  } catch (error) {
    // The file ends before its header.
    if (error instanceof RangeError) return [0, 0];
    throw error;
  }
}

function jpegSize(view: DataView): readonly [number, number] {
  for (let at = 2; ; ) {
    const [marker, length] = [view.getUint16(at), view.getUint16(at + 2)];
    // All start-of-frame markers; DHT, JPG and DAC are in the same range.
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) {
      return [view.getUint16(at + 7), view.getUint16(at + 5)];
    }
    // Skips a fill byte.
    at += marker === 0xffff ? 1 : 2 + length;
  }
}

function webpSize(view: DataView, bytes: Uint8Array): readonly [number, number] {
  if (begins(bytes, 12, "VP8X")) {
    // Three bytes each; the fourth byte that is read belongs to the next value.
    return [1 + threeBytes(view, 24), 1 + threeBytes(view, 27)];
  }
  if (begins(bytes, 12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
  }
  return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
}

function threeBytes(view: DataView, at: number): number {
  return view.getUint16(at, true) + view.getUint8(at + 2) * 0x10000;
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
