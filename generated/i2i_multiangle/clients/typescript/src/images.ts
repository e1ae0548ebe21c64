/** Images of a request: format and size are read from a file's header. The worker checks the decoded image. */

import type { Schema } from "./checks.js";
import { LONGEST_IMAGE_SIDE } from "./contract.js";
import {
  FileFault,
  type FileInput,
  type FileKind,
  type FileLimits,
  begins,
  checkPixels,
  formatsText,
  limitsOf,
} from "./files.js";
import { count } from "./text.js";

/** A file's bytes, a Blob (such as a form's File), or a string: an https URL, a data URL, or base64. */
export type Image = FileInput;

/** The limits of an image field. */
export interface ImageLimits extends FileLimits {
  readonly maxPixels: number;
  /** The longer side divided by the shorter one. */
  readonly maxAspect: number;
}

export type ImageFormat = "png" | "jpeg" | "webp";

/** The header of an image file. */
export interface ImageHeader {
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
}

/** Images, to the checks of files. */
export const IMAGES: FileKind = {
  media: "image",
  mediaType: "image/png",
  check: (bytes, property) => void checkImage(bytes, imageLimits(property)),
};

/** Returns the limits of an image field from its schema. */
export function imageLimits(property: Schema): ImageLimits {
  return {
    ...limitsOf(property),
    maxPixels: Number(property["x-max-pixels"]),
    maxAspect: Number(property["x-max-aspect"]),
  };
}

/**
 * Checks an image against the limits of its field. Returns what its header says; width and height are 0 if it is damaged.
 *
 * @throws FileFault: the image exceeds a limit, or has another format.
 */
export function checkImage(bytes: Uint8Array, limits: ImageLimits): ImageHeader {
  const format = formatOf(bytes);
  if (format === undefined || !limits.formats.includes(format)) {
    const what = format === undefined ? "not an image of a known format" : `a ${formatsText([format])}`;
    throw new FileFault(`is ${bytes.length === 0 ? "empty" : what}; it must be a ${formatsText(limits.formats)} image`);
  }
  const [width, height] = sizeOf(format, bytes);
  checkSize(width, height, limits);
  return { format, width, height };
}

function checkSize(width: number, height: number, limits: ImageLimits): void {
  checkPixels(width, height, limits.maxPixels);
  if (Math.max(width, height) > LONGEST_IMAGE_SIDE) {
    throw new FileFault(`${width}x${height} is longer than ${count(LONGEST_IMAGE_SIDE)} pixels on a side`);
  }
  if (Math.max(width, height) > limits.maxAspect * Math.min(width, height)) {
    const most = limits.maxAspect;
    throw new FileFault(`${width}x${height} is too long and thin; a side may be ${most} times as long as the other`);
  }
}

function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  if (begins(bytes, 0, "\x89PNG\r\n\x1a\n")) return "png";
  if (begins(bytes, 0, "\xff\xd8\xff")) return "jpeg";
  return begins(bytes, 0, "RIFF") && begins(bytes, 8, "WEBP") ? "webp" : undefined;
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
