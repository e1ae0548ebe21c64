/** An image: a file, looked at, or the address of one. */

import { FileFault, formatsText } from "../../client_ts/files.js";
import { type ImageHeader, IMAGES, checkImage, imageLimits } from "../../client_ts/images.js";
import { element } from "../elements.js";
import { bytesText } from "../texts.js";
import type { Kind } from "./field.js";
import { type Seen, fileControl } from "./file.js";

export const image: Kind = {
  takes: (property) => property["x-media"] === IMAGES.media,
  control: (field, changed) => {
    const limits = imageLimits(field.property);
    const { formats, maxBytes, maxPixels, maxAspect } = limits;
    const size = `at most ${bytesText(maxBytes)}, ${maxPixels / 1e6} megapixels and sides of ${maxAspect}:1`;
    const rules = {
      media: IMAGES.media,
      accept: formats.map((format) => `image/${format}`).join(),
      allowed: `${formatsText(formats)}, ${size}`,
      look: async (bytes: Uint8Array, { name }: File, url: string): Promise<Seen> => {
        const head = checkImage(bytes, limits);
        checkWhole(head, bytes);
        return {
          facts: `${formatsText([head.format])}, ${head.width} x ${head.height}`,
          node: element("img", { src: url, alt: `Preview of ${name}` }),
        };
      },
    };
    return fileControl(field, rules, changed);
  },
};

/** Says what a person can better be told before an image is sent: that it is cut off, or animated. */
function checkWhole(head: ImageHeader, bytes: Uint8Array): void {
  if (head.width === 0 || head.height === 0) throw new FileFault(`is not a whole ${formatsText([head.format])} file`);
  if (isAnimated(head, bytes)) throw new FileFault("is animated; one still image is expected");
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
