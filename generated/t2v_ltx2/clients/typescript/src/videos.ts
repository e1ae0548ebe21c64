/** Videos of a request: the container is told by the first bytes of a file. The worker decodes it, and checks the rest. */

import type { Schema } from "./checks.js";
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

/** A file's bytes, a Blob (such as a form's File), or a string: an https URL, a data URL, or base64. */
export type Video = FileInput;

/** The limits of a video field. */
export interface VideoLimits extends FileLimits {
  /** Of one frame. */
  readonly maxPixels: number;
  readonly maxFrames: number;
  readonly maxSeconds: number;
}

export type VideoFormat = "mp4" | "mov" | "webm" | "mkv";

// Files of ISO's form that are no videos, by their brand.
const IMAGES = ["avif", "avis", "heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"];
// How a QuickTime file from before brands begins.
const OLD_QUICKTIME = ["moov", "mdat", "wide", "free", "skip", "pnot"];
const SPARE_SECONDS = 0.05;
const DOC_TYPE = 0x4282;

/** Videos, to the checks of files. */
export const VIDEOS: FileKind = {
  media: "video",
  mediaType: "video/mp4",
  check: (bytes, property) => void checkVideo(bytes, limitsOf(property)),
};

/** Returns the limits of a video field from its schema. */
export function videoLimits(property: Schema): VideoLimits {
  return {
    ...limitsOf(property),
    maxPixels: Number(property["x-max-pixels"]),
    maxFrames: Number(property["x-max-frames"]),
    maxSeconds: Number(property["x-max-seconds"]),
  };
}

/**
 * Checks that a file is a video in one of a field's containers, and returns which.
 *
 * @throws FileFault: it is not.
 */
export function checkVideo(bytes: Uint8Array, { formats }: FileLimits): VideoFormat {
  const format = videoFormat(bytes);
  if (format !== undefined && formats.includes(format)) return format;
  const other = format === undefined ? "not a video of a known container" : `${withArticle(formatsText([format]))} video`;
  const accepted = withArticle(formatsText(formats));
  throw new FileFault(`is ${bytes.length === 0 ? "empty" : other}; it must be ${accepted} video`);
}

/**
 * Checks what a player knows of a video.
 *
 * @throws FileFault: a frame has too many pixels, or the video is too long.
 */
export function checkPlayed(width: number, height: number, seconds: number, limits: VideoLimits): void {
  checkPixels(width, height, limits.maxPixels);
  // A last frame may go beyond the limit.
  if (seconds <= limits.maxSeconds + SPARE_SECONDS) return;
  throw new FileFault(`lasts ${seconds.toFixed(1)} s; at most ${limits.maxSeconds} s are allowed`);
}

function withArticle(label: string): string {
  return `${label.startsWith("MP4") ? "an" : "a"} ${label}`;
}

function videoFormat(bytes: Uint8Array): VideoFormat | undefined {
  if (begins(bytes, 4, "ftyp")) {
    if (IMAGES.some((brand) => begins(bytes, 8, brand))) return undefined;
    return begins(bytes, 8, "qt  ") ? "mov" : "mp4";
  }
  if (OLD_QUICKTIME.some((kind) => begins(bytes, 4, kind))) return "mov";
  return begins(bytes, 0, "\x1aE\xdf\xa3") ? ebmlFormat(bytes.subarray(0, 4096)) : undefined;
}

/** The document type that an EBML header names. */
function ebmlFormat(bytes: Uint8Array): VideoFormat | undefined {
  let [size, width] = numberAt(bytes, 4);
  let at = 4 + width;
  const end = Math.min(bytes.length, at + size);
  while (at < end && width > 0) {
    const first = bytes[at] ?? 0;
    // The ids in this header have one byte or two.
    const length = (first & 0x80) !== 0 ? 1 : 2;
    const name = length === 1 ? first : first * 0x100 + (bytes[at + 1] ?? 0);
    [size, width] = numberAt(bytes, at + length);
    at += length + width;
    if (name === DOC_TYPE) return docType(String.fromCharCode(...bytes.subarray(at, at + size)).replace(/\0+$/, ""));
    at += size;
  }
  return undefined;
}

function docType(name: string): VideoFormat | undefined {
  if (name === "matroska") return "mkv";
  return name === "webm" ? "webm" : undefined;
}

/** A number of EBML's form, and how many bytes it has; 0 bytes where there is none. */
function numberAt(bytes: Uint8Array, at: number): [value: number, width: number] {
  const first = bytes[at] ?? 0;
  if (first === 0) return [0, 0];
  const width = Math.clz32(first) - 23;
  let value = first & (0xff >> width);
  for (const byte of bytes.subarray(at + 1, at + width)) value = value * 0x100 + byte;
  return [value, width];
}
