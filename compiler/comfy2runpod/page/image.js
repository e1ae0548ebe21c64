// What an image file says of itself in its first bytes: the same rules as the worker's, before anything is sent.

const FORMAT_NAMES = { png: "PNG", jpeg: "JPEG", webp: "WebP" };
// The most that ComfyUI's nodes take.
const LONGEST_SIDE = 16384;

/** Formats in words: `PNG, JPEG or WebP`. */
function formatsText(formats) {
  const names = formats.map((format) => FORMAT_NAMES[format] ?? format);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join("");
}

/** Checks a file's content: {format, width, height} or {fault}. `bytes` is all of it. */
function readImage(bytes, limits) {
  if (bytes.length > limits.maxBytes) {
    return { fault: `has ${grouped(bytes.length)} bytes; at most ${bytesText(limits.maxBytes)} are taken` };
  }
  const format = formatOf(bytes);
  if (!limits.formats.includes(format)) {
    const what = bytes.length === 0 ? "empty" : format ? `a ${FORMAT_NAMES[format]}` : "no image of a known format";
    return { fault: `is ${what}; it must be a ${formatsText(limits.formats)} image` };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let head = null;
  try {
    head = { png: pngHead, jpeg: jpegHead, webp: webpHead }[format](view);
  } catch (error) {
    // It ends before its size is told.
    if (!(error instanceof RangeError)) throw error;
  }
  if (!head?.width || !head.height) return { fault: `is not a whole ${FORMAT_NAMES[format]} file` };
  const { width, height } = head;
  if (head.animated) return { fault: "is animated; one still image is taken" };
  if (width * height > limits.maxPixels) {
    const [pixels, most] = [(width * height) / 1e6, limits.maxPixels / 1e6];
    // Rounded, unless that would hide that it is more.
    const has = Number(pixels.toFixed(1)) > most ? pixels.toFixed(1) : pixels;
    return { fault: `${width}x${height} has ${has} megapixels; at most ${most} are taken` };
  }
  if (Math.max(width, height) > LONGEST_SIDE) {
    return { fault: `${width}x${height} is longer than ${grouped(LONGEST_SIDE)} pixels on a side` };
  }
  if (Math.max(width, height) > limits.maxAspect * Math.min(width, height)) {
    const most = limits.maxAspect;
    return { fault: `${width}x${height} is too long and thin; a side may be ${most} times as long as the other` };
  }
  return { format, width, height };
}

function formatOf(bytes) {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (start.startsWith("\xff\xd8\xff")) return "jpeg";
  if (start.startsWith("RIFF") && start.slice(8, 12) === "WEBP") return "webp";
  return null;
}

function pngHead(view) {
  const head = { width: view.getUint32(16), height: view.getUint32(20), animated: false };
  // A chunk `acTL` before the first pixels makes it an animation.
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const name = fourCharacters(view, at + 4);
    if (name === "acTL") return { ...head, animated: true };
    if (name === "IDAT") break;
  }
  return head;
}

function jpegHead(view) {
  let at = 2;
  while (at + 4 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5), animated: false };
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else at += 2 + Math.max(2, view.getUint16(at + 2));
  }
  return null;
}

function webpHead(view) {
  const kind = fourCharacters(view, 12);
  if (kind === "VP8X") {
    const side = (at) => 1 + view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
    return { width: side(24), height: side(27), animated: (view.getUint8(20) & 2) !== 0 };
  }
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, animated: false };
  }
  if (kind !== "VP8 ") return null;
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, animated: false };
}

function fourCharacters(view, at) {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

/** A file as base64. */
function base64Of(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
