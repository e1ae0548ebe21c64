/** A video: a file, played and measured, or the address of one. */

import { FileFault, formatsText } from "../../client_ts/files.js";
import { count } from "../../client_ts/text.js";
import { VIDEOS, checkPlayed, checkVideo, videoLimits } from "../../client_ts/videos.js";
import { element } from "../elements.js";
import { bytesText } from "../texts.js";
import type { Kind } from "./field.js";
import { type Seen, fileControl } from "./file.js";

// What some browsers name otherwise, or do not know, by the file's ending.
const ACCEPTED: Readonly<Record<string, string>> = {
  mp4: "video/mp4,.mp4,.m4v",
  mov: "video/quicktime,.mov",
  webm: "video/webm,.webm",
  mkv: "video/x-matroska,.mkv",
};
// Until then a browser has read what stands at the beginning, or end, of a file on this machine.
const PATIENCE_MS = 10_000;

export const video: Kind = {
  takes: (property) => property["x-media"] === VIDEOS.media,
  control: (field, changed) => {
    const limits = videoLimits(field.property);
    const { formats, maxBytes, maxPixels, maxFrames, maxSeconds } = limits;
    const size = `at most ${bytesText(maxBytes)}, ${maxPixels / 1e6} megapixels a frame`;
    const rules = {
      media: VIDEOS.media,
      accept: formats.map((format) => ACCEPTED[format] ?? "").join(),
      allowed: `${formatsText(formats)}, ${size}, ${count(maxFrames)} frames and ${maxSeconds} seconds`,
      look: async (bytes: Uint8Array, { name }: File, url: string): Promise<Seen> => {
        const format = formatsText([checkVideo(bytes, limits)]);
        const node = element("video", { src: url, controls: true, playsinline: true, preload: "metadata" });
        node.setAttribute("aria-label", `Preview of ${name}`);
        node.muted = true;
        if (!(await isPlayable(node))) {
          // The worker may know its codec all the same.
          return { facts: `${format}, which this browser does not play`, node: element("span") };
        }
        const { videoWidth: width, videoHeight: height, duration } = node;
        if (!(width > 0 && height > 0)) throw new FileFault("has sound alone; a video is expected");
        checkPlayed(width, height, Number.isFinite(duration) ? duration : 0, limits);
        const length = Number.isFinite(duration) ? `, ${Math.round(duration * 100) / 100} s` : "";
        return { facts: `${format}, ${width} x ${height}${length}`, node };
      },
    };
    return fileControl(field, rules, changed);
  },
};

/** Whether the browser can tell a video's size and length, once it has tried. */
function isPlayable(player: HTMLVideoElement): Promise<boolean> {
  return new Promise((resolve) => {
    player.addEventListener("loadedmetadata", () => resolve(true), { once: true });
    player.addEventListener("error", () => resolve(false), { once: true });
    setTimeout(() => resolve(false), PATIENCE_MS);
  });
}
