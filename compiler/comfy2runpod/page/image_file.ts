/** An image file on its way into a request: what it says of itself, and its base64. */

import { type ImageHeader, ImageFault, type ImageLimits, check, formatsText, read, toBase64 } from "../client_ts/images.js";
import { count } from "../client_ts/text.js";

// What is shown of an image in a request, in characters of base64.
const SHOWN = 24;

export class ImageFile {
  readonly name: string;
  readonly head: ImageHeader;
  readonly bytes: Uint8Array<ArrayBuffer>;
  #base64: string | undefined;

  constructor(name: string, head: ImageHeader, bytes: Uint8Array<ArrayBuffer>) {
    this.name = name;
    this.head = head;
    this.bytes = bytes;
  }

  get base64(): string {
    return (this.#base64 ??= toBase64(this.bytes));
  }

  /** How many characters its base64 has, which need not be made for that. */
  get base64Length(): number {
    return 4 * Math.ceil(this.bytes.length / 3);
  }

  /** The beginning of its base64, for people. */
  get shortBase64(): string {
    const left = this.base64Length - SHOWN;
    if (left <= 0) return this.base64;
    return `${toBase64(this.bytes.subarray(0, (SHOWN / 4) * 3))}… (${count(left)} more characters)`;
  }
}

/**
 * Reads a file that was chosen, by the client's rules; and says what a person can better be told before it is sent: that
 * it is cut off, or animated.
 *
 * @throws ImageFault: the field does not take it.
 */
export async function readImage(file: File, limits: ImageLimits): Promise<ImageFile> {
  const bytes = await read(file, limits.maxBytes);
  const head = check(bytes, limits);
  if (head.width === 0 || head.height === 0) throw new ImageFault(`is not a whole ${formatsText([head.format])} file`);
  if (isAnimated(head, bytes)) throw new ImageFault("is animated; one still image is expected");
  return new ImageFile(file.name, head, bytes);
}

function isAnimated({ format }: ImageHeader, bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "png") return hasFrames(view);
  return format === "webp" && fourCharacters(view, 12) === "VP8X" && (view.getUint8(20) & 2) !== 0;
}

/** Whether a PNG has a chunk `acTL` before its first pixels, which makes it an animation. */
function hasFrames(view: DataView): boolean {
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const name = fourCharacters(view, at + 4);
    if (name === "acTL" || name === "IDAT") return name === "acTL";
  }
  return false;
}

function fourCharacters(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}
