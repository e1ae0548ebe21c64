/**
 * Pictures on their way to an endpoint: checked against its limits before anything is sent.
 *
 * The worker checks again, on the decoded picture; what is looked at here is only what a file's head says.
 */

import { InputRefused } from "./errors.js";
import { count } from "./flow.js";
import { fromBase64 } from "./media.js";

/** A file's bytes, a Blob (a File of a form is one), or a text: an https URL, a data URL, or base64. */
export type Picture = string | Uint8Array | ArrayBuffer | Blob;

/** What a field's picture may be. */
export interface PictureLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
  /** How many times as long as the shorter side the longer one may be. */
  readonly maxAspect: number;
  readonly formats: readonly string[];
}

/**
 * A request as it is sent: its pictures as the texts that the endpoint takes.
 *
 * @throws InputRefused: a picture is larger or longer than its field takes, or of another format; or cannot be read.
 */
export async function encoded(
  request: Readonly<Record<string, unknown>>,
  pictures: Readonly<Record<string, PictureLimits>>,
): Promise<Record<string, unknown>> {
  const sent: Record<string, unknown> = { ...request };
  for (const [name, limits] of Object.entries(pictures)) {
    const value = sent[name];
    if (typeof value === "string") checkText(name, value, limits);
    const bytes = await bytesOf(name, value, limits);
    if (bytes !== undefined) {
      check(name, bytes, limits);
      sent[name] = toBase64(bytes);
    }
  }
  return sent;
}

async function bytesOf(name: string, value: unknown, limits: PictureLimits): Promise<Uint8Array | undefined> {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (!(value instanceof Blob)) return undefined;
  // Before it is read: a form's file may be of any size.
  if (value.size > limits.maxBytes) throw tooLarge(name, value.size, limits);
  try {
    return new Uint8Array(await value.arrayBuffer());
  } catch (error) {
    throw new InputRefused(`${name}: the file cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checkText(name: string, text: string, limits: PictureLimits): void {
  if (/^https?:\/\//.test(text)) return;
  const content = text.startsWith("data:") ? text.slice(text.indexOf(",") + 1) : text;
  const bytes = fromBase64(content.replaceAll(/\s+/g, ""));
  if (bytes === undefined) {
    throw new InputRefused(
      `${name}: this text is neither base64, nor a data URL, nor an https URL; give a file as its bytes or as a Blob`,
    );
  }
  check(name, bytes, limits);
}

function check(name: string, bytes: Uint8Array, limits: PictureLimits): void {
  if (bytes.length > limits.maxBytes) throw tooLarge(name, bytes.length, limits);
  const format = formatOf(bytes);
  if (format === undefined || !limits.formats.includes(format)) {
    const takes = limits.formats.join(", ");
    throw new InputRefused(
      `${name}: the file is ${format ?? "no picture that is known here"}; this field takes ${takes}`,
    );
  }
  const [width, height] = sizeOf(format, bytes);
  if (width * height > limits.maxPixels) {
    throw new InputRefused(
      `${name}: the picture has ${width} x ${height} pixels; this field takes ${count(limits.maxPixels)} in all`,
    );
  }
  if (Math.max(width, height) > limits.maxAspect * Math.min(width, height)) {
    throw new InputRefused(
      `${name}: the picture has ${width} x ${height} pixels; the longer side may be ${limits.maxAspect} times as long as ` +
        "the shorter",
    );
  }
}

function tooLarge(name: string, size: number, limits: PictureLimits): InputRefused {
  return new InputRefused(`${name}: the file has ${count(size)} bytes; this field takes ${count(limits.maxBytes)}`);
}

type Format = "png" | "jpeg" | "webp";

function formatOf(bytes: Uint8Array): Format | undefined {
  if (begins(bytes, 0, "\x89PNG\r\n\x1a\n")) return "png";
  if (begins(bytes, 0, "\xff\xd8\xff")) return "jpeg";
  return begins(bytes, 0, "RIFF") && begins(bytes, 8, "WEBP") ? "webp" : undefined;
}

function begins(bytes: Uint8Array, at: number, text: string): boolean {
  return bytes.length >= at + text.length && [...text].every((one, index) => bytes[at + index] === one.charCodeAt(0));
}

/** Width and height as a file's head says; 0, 0 where it does not: the worker then says what is wrong with it. */
function sizeOf(format: Format, bytes: Uint8Array): readonly [width: number, height: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (format === "png") return [view.getUint32(16), view.getUint32(20)];
    return format === "jpeg" ? jpegSize(view) : webpSize(view, bytes);
  } catch (error) {
    // A file that ends before its size does.
    if (error instanceof RangeError) return [0, 0];
    throw error;
  }
}

function jpegSize(view: DataView): readonly [number, number] {
  for (let at = 2; ; ) {
    const [marker, length] = [view.getUint16(at), view.getUint16(at + 2)];
    // Every start of a frame, but the tables DHT, JPG and DAC that lie between them.
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) {
      return [view.getUint16(at + 7), view.getUint16(at + 5)];
    }
    // A byte of filling before a marker is a step of one.
    at += marker === 0xffff ? 1 : 2 + length;
  }
}

function webpSize(view: DataView, bytes: Uint8Array): readonly [number, number] {
  if (begins(bytes, 12, "VP8X")) {
    // Three bytes each, of which a fourth belongs to what follows.
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

function toBase64(bytes: Uint8Array): string {
  let text = "";
  // In parts: the bytes are passed on as arguments, and there may be only so many.
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}
