// A finished job's output: its files played and offered, what was measured on them, the seeds, what failed.

// What a browser may be told a file is; anything else is only offered for download.
const ENDINGS = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/svg+xml": "svg",
  "video/mp4": "mp4",
  "video/webm": "webm",
  "audio/flac": "flac",
  "audio/mpeg": "mp3",
  "audio/ogg": "ogg",
  "audio/opus": "opus",
  "audio/wav": "wav",
  "model/gltf-binary": "glb",
  "text/plain": "txt",
};

// A text, a list and a whole answer that are longer are only begun: a page of megabytes is shown to nobody.
const LONGEST_TEXT = 200_000;
const MOST_FILES = 200;

let blobs = [];

/** Shows an answer in its place, and forgets the one before. `useSeed` takes a seed's name and its text. */
function showOutput(place, answer, useSeed) {
  clearOutput(place);
  if (answer === null || typeof answer !== "object" || Array.isArray(answer)) {
    place.append(element("p", {}, "The job is done; its answer is none that this page knows."), wholeAnswer(answer));
    return;
  }
  showFiles(place, answer);
  for (const { output, code, message } of objectsOf(answer.failed)) {
    const title = `${said(output, 200) || "An output"} was not made`;
    place.append(errorView({ code: said(code, 100), message: said(message), details: [] }, title));
  }
  const facts = info.seeds.filter((name) => said(answer[name], 40)).map((name) => {
    const seed = said(answer[name], 40);
    const button = element("button", { type: "button", class: "quiet" }, "Use it again");
    button.addEventListener("click", () => useSeed(name, seed));
    return [name, [element("code", {}, seed), " ", button]];
  });
  if (typeof answer.prompt_id === "string") facts.push(["prompt_id", [element("code", {}, said(answer.prompt_id, 200))]]);
  for (const [part, seconds] of Object.entries(objectOf(answer.timings)).slice(0, 100)) {
    facts.push([said(part, 100), [`${said(seconds, 40)} s`]]);
  }
  place.append(factList(facts), wholeAnswer(answer));
}

/** Shows the files of an answer; of several outputs, those that it has so far. */
function showFiles(place, answer) {
  const files = info.outputs.flatMap((output) => filesOf(output, answer));
  if (files.length) place.append(element("div", { class: "files" }, ...files.map(fileView)));
}

/** Forgets what is shown, and lets the browser forget its files. */
function clearOutput(place) {
  place.replaceChildren();
  blobs.forEach((url) => URL.revokeObjectURL(url));
  blobs = [];
}

/** One error: its code, its message, what to do. */
function errorView({ code, message, details }, title = "The job failed") {
  const remedy = info.errors.find((known) => known.code === code)?.remedy;
  return element(
    "div",
    { class: "error" },
    element("p", {}, element("strong", {}, title), code ? " " : null, code ? element("code", {}, code) : null),
    element("p", { dir: "auto" }, message),
    details.length
      ? element("ul", {}, ...details.map((one) => element("li", { dir: "auto" }, `${one.field}: ${one.message}`)))
      : null,
    remedy ? element("p", {}, remedy) : null,
  );
}

/** Every file of an output: {output, name, data | url | text, facts…}. A flat answer holds its only one's facts itself. */
function filesOf(output, answer) {
  if (info.flat) {
    const held = output.kind === "text" ? { text: answer[output.name] } : { ...answer, data: answer[output.name] };
    return [{ ...held, output, name: output.name }];
  }
  const value = answer[output.name];
  const several = Array.isArray(value);
  const files = objectsOf(several ? value : [value], MOST_FILES);
  return files.map((one, at) => ({ ...one, output, name: several ? `${output.name}_${at + 1}` : output.name }));
}

function fileView(file) {
  const { output, name } = file;
  const head = element("h4", { dir: "auto" }, info.outputs.length > 1 ? output.title : "", " ", element("code", {}, name));
  if (typeof file.text === "string") {
    return element("div", { class: "file" }, head, element("pre", { tabindex: "0", dir: "auto" }, said(file.text, LONGEST_TEXT)));
  }
  const known = typeof file.media_type === "string" && Object.hasOwn(ENDINGS, file.media_type);
  const type = known ? file.media_type : "application/octet-stream";
  const address = addressOf(file, type);
  if (address === null) {
    return element("div", { class: "file" }, head, element("p", { class: "fault" }, "The file cannot be read."));
  }
  const link = element(
    "a",
    { href: address, download: `${name}.${ENDINGS[type] ?? "bin"}`, rel: "noreferrer", target: file.url ? "_blank" : null },
    `Download ${name}.${ENDINGS[type] ?? "bin"}`,
  );
  return element("div", { class: "file" }, head, player(type, address, name), element("p", {}, link), factList(factsOf(file)));
}

/** Where the browser finds a file: its https URL, or one of the page's own for its bytes; null for neither. */
function addressOf(file, type) {
  if (typeof file.url === "string") return isFileUrl(file.url) ? file.url : null;
  try {
    const bytes = Uint8Array.from(atob(file.data), (character) => character.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type }));
    blobs.push(url);
    return url;
  } catch {
    return null;
  }
}

/** Whether an address is one that files lie at: https, in ASCII, without credentials. */
function isFileUrl(text) {
  if (!/^https:\/\/[!-~]{1,8000}$/i.test(text)) return false;
  try {
    const { hostname, username, password } = new URL(text);
    return hostname !== "" && username === "" && password === "";
  } catch {
    return false;
  }
}

function player(type, src, name) {
  const [kind] = type.split("/");
  if (kind === "image") return element("img", { src, alt: `Result: ${name}` });
  if (kind === "video") return element("video", { src, controls: true, loop: true, playsinline: true, "aria-label": `Result: ${name}` });
  if (kind === "audio") return element("audio", { src, controls: true, "aria-label": `Result: ${name}` });
  return null;
}

function factsOf(file) {
  const facts = [];
  const [width, height, frames] = [file.width, file.height, file.frame_count].map(numberOf);
  const [seconds, bytes] = [file.duration_seconds, file.bytes].map(numberOf);
  if (width && height) facts.push(["Size", [`${width} x ${height}`]]);
  if (frames) facts.push(["Frames", [String(frames)]]);
  if (seconds) facts.push(["Length", [`${seconds} s`]]);
  if (bytes) facts.push(["File", [`${said(file.media_type, 100)}, ${bytesText(bytes)}`]]);
  if (said(file.expires_at)) facts.push(["Kept until", [said(file.expires_at, 100)]]);
  if (said(file.sha256)) facts.push(["SHA-256", [element("code", { class: "long" }, said(file.sha256, 100))]]);
  return facts;
}

function factList(facts) {
  return element(
    "dl",
    { class: "measures" },
    ...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, ...value))),
  );
}

function wholeAnswer(answer) {
  const short = (value) => {
    if (typeof value === "string" && value.length > 300) return `${value.slice(0, 60)}… (${grouped(value.length)} characters)`;
    if (Array.isArray(value)) return value.slice(0, 200).map(short);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).slice(0, 200).map(([key, one]) => [key.slice(0, 200), short(one)]));
  };
  const text = writeJson(short(answer));
  return element(
    "details",
    {},
    element("summary", {}, "The answer's JSON"),
    element("pre", { tabindex: "0" }, said(text, LONGEST_TEXT)),
  );
}
