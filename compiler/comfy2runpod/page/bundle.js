// client_ts/contract.ts
var RUN_BYTES = 1e7;
var RUNSYNC_BYTES = 2e7;
var PREVIEW_BYTES = 3e4;
var LONGEST_IMAGE_SIDE = 16384;
var LIVE_STATUSES = ["IN_QUEUE", "IN_PROGRESS", "RUNNING"];
var FAILED_STATUSES = ["FAILED", "CANCELLED", "TIMED_OUT"];
var LARGEST_SHOWN = 1000000000000000000000000000000n;
var FILE_ENDINGS = /* @__PURE__ */ new Map([
  ["image/png", ".png"],
  ["image/jpeg", ".jpg"],
  ["image/webp", ".webp"],
  ["image/gif", ".gif"],
  ["image/svg+xml", ".svg"],
  ["video/mp4", ".mp4"],
  ["video/webm", ".webm"],
  ["video/ogg", ".ogv"],
  ["audio/flac", ".flac"],
  ["audio/mp4", ".m4a"],
  ["audio/mpeg", ".mp3"],
  ["audio/ogg", ".ogg"],
  ["audio/opus", ".opus"],
  ["audio/wav", ".wav"],
  ["audio/webm", ".weba"],
  ["model/gltf-binary", ".glb"],
  ["application/json", ".json"],
  ["text/plain", ".txt"]
]);
var FORMAT_LABELS = /* @__PURE__ */ new Map([
  ["png", "PNG"],
  ["jpeg", "JPEG"],
  ["webp", "WebP"],
  ["mp4", "MP4"],
  ["mov", "QuickTime"],
  ["webm", "WebM"],
  ["mkv", "Matroska"]
]);
var STATUS_CODES = /* @__PURE__ */ new Map([
  ["CANCELLED", "cancelled"],
  ["TIMED_OUT", "timeout"]
]);
var JSON_WORDS = /* @__PURE__ */ new Map([
  ["null", "null"],
  ["boolean", "a boolean"],
  ["integer", "an integer"],
  ["number", "a number"],
  ["string", "a text"],
  ["array", "an array"],
  ["object", "an object"]
]);
var OTHER_ENDING = ".bin";

// client_ts/call_errors.ts
var CallError = class extends Error {
  name = "CallError";
  jobId;
  constructor(message, about = {}) {
    super(message, about.cause === void 0 ? void 0 : { cause: about.cause });
    this.jobId = about.jobId;
  }
};
var NotConfigured = class extends CallError {
  name = "NotConfigured";
};
var InputRefused = class extends CallError {
  name = "InputRefused";
};
var Unauthorized = class extends CallError {
  name = "Unauthorized";
};
var EndpointNotFound = class extends CallError {
  name = "EndpointNotFound";
};
var RateLimited = class extends CallError {
  name = "RateLimited";
  retryAfter;
  constructor(message, retryAfter, about = {}) {
    super(message, about);
    this.retryAfter = retryAfter;
  }
};
var Unreachable = class extends CallError {
  name = "Unreachable";
};
var SubmissionUnknown = class extends CallError {
  name = "SubmissionUnknown";
};
var UnexpectedAnswer = class extends CallError {
  name = "UnexpectedAnswer";
};
var ResultGone = class extends CallError {
  name = "ResultGone";
};
var CallTimeout = class extends CallError {
  name = "CallTimeout";
};
var MediaBroken = class extends CallError {
  name = "MediaBroken";
};
var JobFailed = class extends CallError {
  name = "JobFailed";
  /** Whether the same request, sent again as it is, may well succeed. */
  retryable = false;
  code;
  reason;
  details;
  constructor(code, reason, details = [], about = {}) {
    const lines = details.map((one) => `${one.field ?? one.output ?? "detail"}: ${one.message}`);
    super([`${code}: ${reason}`, ...lines].join("\n  "), about);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
};

// client_ts/faults.ts
var InvalidInput = class extends JobFailed {
  name = "InvalidInput";
};
var ComfyUIError = class extends JobFailed {
  name = "ComfyUIError";
  retryable = true;
};
var OutOfMemory = class extends JobFailed {
  name = "OutOfMemory";
};
var JobStalled = class extends JobFailed {
  name = "JobStalled";
  retryable = true;
};
var DiskFull = class extends JobFailed {
  name = "DiskFull";
  retryable = true;
};
var ComfyUIUnavailable = class extends JobFailed {
  name = "ComfyUIUnavailable";
  retryable = true;
};
var OutputMissing = class extends JobFailed {
  name = "OutputMissing";
  retryable = true;
};
var OutputInvalid = class extends JobFailed {
  name = "OutputInvalid";
  retryable = true;
};
var OutputTooLarge = class extends JobFailed {
  name = "OutputTooLarge";
};
var DeliveryFailed = class extends JobFailed {
  name = "DeliveryFailed";
  retryable = true;
};
var JobTimeout = class extends JobFailed {
  name = "JobTimeout";
};
var JobCancelled = class extends JobFailed {
  name = "JobCancelled";
  retryable = true;
};
var ModelUnavailable = class extends JobFailed {
  name = "ModelUnavailable";
};
var InternalError = class extends JobFailed {
  name = "InternalError";
};
var BY_CODE = {
  invalid_input: InvalidInput,
  comfyui_error: ComfyUIError,
  out_of_memory: OutOfMemory,
  stalled: JobStalled,
  disk_full: DiskFull,
  comfyui_unavailable: ComfyUIUnavailable,
  output_missing: OutputMissing,
  output_invalid: OutputInvalid,
  output_too_large: OutputTooLarge,
  delivery_failed: DeliveryFailed,
  timeout: JobTimeout,
  cancelled: JobCancelled,
  model_unavailable: ModelUnavailable,
  internal_error: InternalError
};

// client_ts/json.ts
var DEEPEST = 256;
var MOST_DIGITS = 1e3;
var MOST_VALUES = 25e4;
var NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
var WORDS = { null: null, true: true, false: false };
function parse(text2) {
  if (marks(text2) > MOST_VALUES) throw new SyntaxError("JSON of too many values");
  const reader = new Reader(text2);
  const value = reader.value(0);
  reader.end();
  return value;
}
function marks(text2) {
  let count2 = 0;
  for (const mark of [",", "[", "{"]) {
    for (let at = text2.indexOf(mark); at >= 0 && count2 <= MOST_VALUES; at = text2.indexOf(mark, at + 1)) count2 += 1;
  }
  return count2;
}
var Reader = class {
  #text;
  #at = 0;
  constructor(text2) {
    this.#text = text2;
  }
  value(depth) {
    if (depth > DEEPEST) throw this.#wrong();
    const next = this.#peek();
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#array(depth);
    if (next === '"') return this.#string();
    return next === "-" || next >= "0" && next <= "9" ? this.#number() : this.#word();
  }
  end() {
    if (this.#peek() !== "") throw this.#wrong();
  }
  #object(depth) {
    const members = [];
    this.#at += 1;
    while (!this.#closes("}", members.length)) {
      if (this.#peek() !== '"') throw this.#wrong();
      const key = this.#string();
      if (this.#peek() !== ":") throw this.#wrong();
      this.#at += 1;
      members.push([key, this.value(depth + 1)]);
    }
    return Object.fromEntries(members);
  }
  #array(depth) {
    const items = [];
    this.#at += 1;
    while (!this.#closes("]", items.length)) items.push(this.value(depth + 1));
    return items;
  }
  /** Whether a list ends here; otherwise reads the comma before the next item. */
  #closes(end, count2) {
    const next = this.#peek();
    if (next === end) {
      this.#at += 1;
      return true;
    }
    if (count2 > 0) {
      if (next !== ",") throw this.#wrong();
      this.#at += 1;
      if (this.#peek() === end) throw this.#wrong();
    }
    return false;
  }
  #string() {
    const start = this.#at;
    let end = start;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw this.#wrong();
    } while (this.#escaped(end));
    this.#at = end + 1;
    return JSON.parse(this.#text.slice(start, end + 1));
  }
  #escaped(quote) {
    let slashes = 0;
    while (this.#text[quote - 1 - slashes] === "\\") slashes += 1;
    return slashes % 2 === 1;
  }
  #number() {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text);
    if (found === null) throw this.#wrong();
    this.#at = NUMBER.lastIndex;
    const [text2, fraction, exponent] = found;
    const value = Number(text2);
    if (fraction === void 0 && exponent === void 0) {
      if (text2.length > MOST_DIGITS) throw this.#wrong();
      return Number.isSafeInteger(value) ? value : BigInt(text2);
    }
    if (!Number.isFinite(value)) throw this.#wrong();
    return value;
  }
  #word() {
    for (const [word, value] of Object.entries(WORDS)) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    throw this.#wrong();
  }
  /** The next character that is not whitespace; empty at the end. */
  #peek() {
    while (/^[ \t\r\n]$/.test(this.#text.charAt(this.#at))) this.#at += 1;
    return this.#text.charAt(this.#at);
  }
  #wrong() {
    return new SyntaxError(`no JSON at character ${this.#at}`);
  }
};

// client_ts/text.ts
var SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
function plain(text2, limit = 2e3) {
  const cut = text2.length <= limit ? text2 : `${text2.slice(0, limit - 1)}\u2026`;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (one) => one === "\n" || one === "	" ? one : escaped(one));
}
function shorten(text2, limit) {
  const characters = [...text2.slice(0, limit * 8 + 2)];
  const flat = [...characters.slice(0, limit * 4).join("").split(SPACE).filter((word) => word !== "").join(" ")];
  const whole = flat.length <= limit && characters.length <= limit * 4;
  return (whole ? flat.join("") : `${flat.slice(0, limit - 1).join("")}\u2026`).replace(/\p{Cs}/gu, escaped);
}
function quoted(text2) {
  const quote = text2.includes("'") && !text2.includes('"') ? '"' : "'";
  const inner = text2.replace(/[\x22\x27\x5c]|(?! )[\p{C}\p{Z}]/gu, (one) => {
    if (one === "\\") return "\\\\";
    if (one === "'" || one === '"') return one === quote ? `\\${one}` : one;
    const named = { "\n": "\\n", "\r": "\\r", "	": "\\t" }[one];
    if (named !== void 0) return named;
    const code = one.codePointAt(0) ?? 0;
    if (code <= 255) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code <= 65535 ? escaped(one) : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `${quote}${inner}${quote}`;
}
function decimal(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value !== 0 && Math.abs(value) < 1e-4) {
    return value.toExponential().replace(/e([+-])(\d)$/, (_, sign, digit) => `e${sign}0${digit}`);
  }
  return String(value);
}
function count(number2) {
  return number2.toLocaleString("en-US");
}
function escaped(character) {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

// client_ts/errors.ts
var MOST_DETAILS = 100;
var LONGEST_NAME = 200;
function failure(state, error, jobId) {
  const told = errorObject(error);
  const code = told?.["code"];
  if (told === void 0 || typeof code !== "string") {
    const text2 = typeof error === "string" && error !== "" ? plain(error) : `the job ended as ${state}`;
    return failed(STATUS_CODES.get(state) ?? "failed", text2, [], jobId);
  }
  const details = Array.isArray(told["details"]) ? told["details"].slice(0, MOST_DETAILS).map(detail) : [];
  const message = told["message"];
  return failed(plain(code, LONGEST_NAME), typeof message === "string" ? plain(message) : "", details, jobId);
}
function failed(code, reason, details, jobId) {
  if (!Object.hasOwn(BY_CODE, code)) return new JobFailed(code, reason, details, { jobId });
  const Kind = BY_CODE[code];
  return new Kind(code, reason, details, { jobId });
}
function errorObject(error) {
  let value = error;
  if (typeof value === "string") {
    try {
      value = parse(value);
    } catch {
      return void 0;
    }
  }
  return isRecord(value) ? value : void 0;
}
function detail(part) {
  if (!isRecord(part)) return { message: typeof part === "string" ? plain(part) : "a detail that is none" };
  const { message, field, output } = part;
  return {
    message: typeof message === "string" ? plain(message) : "",
    ...typeof field === "string" ? { field: plain(field, LONGEST_NAME) } : {},
    ...typeof output === "string" ? { output: plain(output, LONGEST_NAME) } : {}
  };
}
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// client_ts/addresses.ts
var RUNPOD = "https://api.runpod.ai/v2";
var URL_TEXT = /^https?:\/\/[!-~]{1,8000}$/i;
function isEndpointId(text2) {
  return /^[A-Za-z0-9_-]{1,100}$/.test(text2);
}
function apiKeyOf(given) {
  const key = typeof given === "string" ? given.trim() : given ?? environment("RUNPOD_API_KEY");
  if (key === "") throw new NotConfigured("no API key: pass one, or set RUNPOD_API_KEY");
  if (typeof key !== "string" || !/^[!-~]{1,1000}$/.test(key)) {
    throw new NotConfigured(
      "the API key contains invalid characters: spaces, control characters or non-ASCII"
    );
  }
  return key;
}
function jobPath(operation, jobId) {
  if (!isJobId(jobId)) throw new InputRefused("jobId: not a job id; `submit` returns one");
  return `/${operation}/${encodeURIComponent(jobId)}`;
}
function jobIdIn(answer) {
  const id = answer["id"];
  if (!isJobId(id)) {
    throw new UnexpectedAnswer("the answer to /run has no job id; the job may be queued, or not");
  }
  return id;
}
function fileUrl(output, url) {
  const problem = problemOf(url);
  if (problem !== void 0) {
    throw new MediaBroken(`${output}: the answer's URL is not allowed: ${problem}`);
  }
  return url;
}
function isJobId(id) {
  return typeof id === "string" && /^[A-Za-z0-9_.:-]{1,200}$/.test(id) && !/^\.+$/.test(id);
}
function problemOf(url) {
  if (!URL_TEXT.test(url)) return "it is not an http or https URL in ASCII";
  const rest = url.slice(url.indexOf("//") + 2);
  const authority = rest.split(/[/?#]/)[0] ?? "";
  if (authority.includes("@") || url.includes("\\")) return "it contains credentials or a backslash";
  let host;
  try {
    host = new URL(url).hostname;
  } catch {
    return "it is not a valid URL";
  }
  if (host === "" || authority === "") return "it has no host";
  const path = (rest.slice(authority.length).split(/[?#]/)[0] ?? "").replaceAll(/%2e/gi, ".").replaceAll(/%2f/gi, "/");
  return path.split("/").some((step) => step === "." || step === "..") ? "its path contains . or .." : void 0;
}
function environment(name) {
  const { process } = globalThis;
  return process?.env?.[name]?.trim() ?? "";
}

// client_ts/http.ts
var LONGEST_TIMER = 2 ** 31 - 1;
var UNSENT = /* @__PURE__ */ new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ERR_INVALID_URL",
  "ConnectionRefused",
  "UND_ERR_CONNECT_TIMEOUT"
]);
function now() {
  return performance.now() / 1e3;
}
function portOf(address, signal) {
  return {
    send: (request) => send(address, request, request.queues ? void 0 : signal),
    wait: (seconds) => pause(seconds, signal)
  };
}
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
    const aborted = () => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      end();
      resolve();
    }, milliseconds(seconds));
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
var MIN_BYTES_PER_SECOND = 65536;
var MAX_ERROR_BYTES = 16384;
var MIN_SECRET_LENGTH = 12;
var Limit = class {
  #controller = new AbortController();
  #seconds;
  #outer;
  #aborted = () => this.#controller.abort(this.#outer?.reason);
  #most;
  #until;
  #timer;
  constructor(seconds, outer, most = Infinity) {
    this.#seconds = seconds;
    this.#outer = outer;
    this.#until = now() + seconds;
    this.#most = now() + most;
    outer?.throwIfAborted();
    outer?.addEventListener("abort", this.#aborted, { once: true });
    this.came(0);
  }
  get signal() {
    return this.#controller.signal;
  }
  /** Extends the limit for bytes that were transferred. */
  came(bytes) {
    clearTimeout(this.#timer);
    this.#until += bytes / MIN_BYTES_PER_SECOND;
    this.#timer = setTimeout(
      () => {
        this.#controller.abort(new DOMException(`not done within ${this.#seconds} seconds`, "TimeoutError"));
      },
      milliseconds(Math.max(Math.min(this.#until, this.#most) - now(), 0))
    );
  }
  end() {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#aborted);
  }
};
async function* chunks(response, limit) {
  if (response.body === null) return;
  const reader = response.body.getReader();
  let whole = false;
  try {
    for (; ; ) {
      const { done, value } = await reader.read();
      if (done) {
        whole = true;
        return;
      }
      limit.came(value.length);
      yield value;
    }
  } finally {
    if (!whole) await reader.cancel().catch(() => void 0);
  }
}
function reasonOf(error) {
  const cause = causeOf(error);
  const code = codeOf(cause);
  if (code !== void 0) return code;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
async function send(address, request, signal) {
  const limit = new Limit(request.seconds, signal, request.most);
  let refusal2;
  try {
    limit.came(request.body?.length ?? 0);
    const { fetch } = address;
    const response = await fetch(address.url + request.path, {
      method: request.method,
      headers: { Authorization: `Bearer ${address.apiKey}`, "Content-Type": "application/json" },
      // The API key must not be sent to another host.
      redirect: "manual",
      credentials: "omit",
      signal: limit.signal,
      ...request.body === void 0 ? {} : { body: request.body }
    });
    const head = { status: response.status, retryAfter: response.headers.get("Retry-After") };
    if (!response.ok) refusal2 = head;
    const most = response.ok ? request.maxBytes : MAX_ERROR_BYTES;
    const parts = [];
    let size = 0;
    for await (const chunk of chunks(response, limit)) {
      size += chunk.length;
      if (size <= most) parts.push(chunk);
      else if (response.ok) return { ...head, body: null };
      else break;
    }
    return { ...head, body: response.ok ? joined(parts) : withoutKey(joined(parts), address.apiKey) };
  } catch (error) {
    signal?.throwIfAborted();
    if (refusal2 !== void 0) return { ...refusal2, body: new Uint8Array() };
    const broken2 = UNSENT.has(codeOf(causeOf(error)) ?? "") ? "nothing_sent" : "perhaps_sent";
    return { status: 0, broken: broken2, reason: plain(reasonOf(error), 300) };
  } finally {
    limit.end();
  }
}
function joined(parts) {
  const [first] = parts;
  if (first !== void 0 && parts.length === 1) return first;
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
function withoutKey(body, key) {
  if (key.length < MIN_SECRET_LENGTH) return body;
  return new TextEncoder().encode(new TextDecoder().decode(body).replaceAll(key, "..."));
}
function causeOf(error) {
  return error instanceof Error && error.cause !== void 0 ? error.cause : error;
}
function codeOf(error) {
  const code = error instanceof Error && "code" in error ? error.code : void 0;
  return typeof code === "string" ? code : void 0;
}
function milliseconds(seconds) {
  return Math.min(seconds * 1e3, LONGEST_TIMER);
}

// client_ts/media.ts
function mediaIn(answer, outputs, maxFiles) {
  const found = [];
  const first = /* @__PURE__ */ new Map();
  for (const output of outputs) {
    for (const file of filesOf(output, answer)) {
      if (found.push(file) > maxFiles) {
        throw broken(file, `with it, the answer has more than ${count(maxFiles)} files`);
      }
      const other = first.get(file.name.toLowerCase());
      if (other !== void 0) throw broken(file, `a file of it would replace one of ${other.output}, as ${file.name}`);
      first.set(file.name.toLowerCase(), file);
    }
  }
  return found;
}
function filesOf(output, answer) {
  const value = answer[output.name];
  if (output.flat && (typeof value === "string" || "url" in answer)) {
    const key = output.mediaType.startsWith("text/") ? "text" : "data";
    return [medium(output, void 0, { ...answer, [key]: value })];
  }
  if (typeof value === "string") return [medium(output, void 0, { text: value })];
  if (Array.isArray(value)) return value.map((one, index) => medium(output, index, one));
  return value === void 0 ? [] : [medium(output, void 0, value)];
}
function medium(output, index, file) {
  if (!isRecord(file)) throw new MediaBroken(`${output.name}: the answer has no file for it`);
  const { media_type, bytes, sha256, text: text2, data, url, expires_at } = file;
  const isSize = typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0;
  if (bytes !== void 0 && bytes !== null && !isSize) {
    throw new MediaBroken(`${output.name}: the answer's \`bytes\` is not a valid size`);
  }
  if (sha256 !== void 0 && sha256 !== null && typeof sha256 !== "string") {
    throw new MediaBroken(`${output.name}: the answer's \`sha256\` is not a string`);
  }
  const given = typeof media_type === "string" && media_type !== "" ? media_type : void 0;
  const mediaType = given ?? (typeof text2 === "string" ? "text/plain" : output.mediaType);
  const place = index === void 0 ? "" : `_${String(index + 1).padStart(2, "0")}`;
  return {
    output: output.name,
    name: `${output.name}${place}${extension(mediaType)}`,
    mediaType,
    ...index === void 0 ? {} : { index },
    ...typeof text2 === "string" ? { text: text2 } : {},
    ...typeof data === "string" ? { data } : {},
    ...typeof url === "string" ? { url } : {},
    ...typeof expires_at === "string" ? { expiresAt: expires_at } : {},
    ...typeof bytes === "number" ? { size: bytes } : {},
    ...typeof sha256 === "string" ? { sha256 } : {}
  };
}
function broken(medium2, what) {
  return new MediaBroken(`${medium2.output}: ${what}`);
}
function fromBase64(text2) {
  const end = text2.endsWith("==") ? text2.length - 2 : text2.endsWith("=") ? text2.length - 1 : text2.length;
  const strange = text2.search(/[^A-Za-z0-9+/]/);
  if (text2.length % 4 !== 0 || strange >= 0 && strange < end) return void 0;
  const characters = atob(text2);
  const content = new Uint8Array(characters.length);
  for (let at = 0; at < characters.length; at += 1) content[at] = characters.charCodeAt(at);
  return content;
}
function extension(mediaType) {
  return FILE_ENDINGS.get(withoutParameters(mediaType)) ?? OTHER_ENDING;
}
function knownType(mediaType) {
  const type = withoutParameters(mediaType);
  return FILE_ENDINGS.has(type) ? type : void 0;
}
function withoutParameters(mediaType) {
  return (mediaType.split(";")[0] ?? "").trim().toLowerCase();
}

// client_ts/files.ts
var FileFault = class {
  message;
  constructor(message) {
    this.message = message;
  }
};
function limitsOf(property) {
  const formats = property["x-formats"];
  return { maxBytes: Number(property["x-max-bytes"]), formats: Array.isArray(formats) ? formats.map(String) : [] };
}
function formatsText(formats) {
  const names = formats.map((one) => FORMAT_LABELS.get(one) ?? one);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join("");
}
async function read(file, most) {
  if (file.size > most) throw tooLarge(file.size, most);
  return new Uint8Array(await file.arrayBuffer());
}
function tooLarge(size, most) {
  return new FileFault(`has ${count(size)} bytes; at most ${megabytes(most)} are allowed`);
}
function megabytes(bytes) {
  return bytes % 1e6 === 0 ? `${bytes / 1e6} MB` : `${count(bytes)} bytes`;
}
function checkPixels(width, height, maxPixels) {
  if (width * height <= maxPixels) return;
  const [pixels, most] = [width * height / 1e6, maxPixels / 1e6];
  const has = Number(pixels.toFixed(1)) > most ? pixels.toFixed(1) : pixels;
  throw new FileFault(`${width}x${height} has ${has} megapixels; at most ${most} are allowed`);
}
function begins(bytes, at, text2) {
  return bytes.length >= at + text2.length && [...text2].every((one, index) => bytes[at + index] === one.charCodeAt(0));
}
function toBase64(bytes) {
  let text2 = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text2 += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(text2);
}

// page/picked_file.ts
var SHOWN = 24;
var PickedFile = class {
  /** The word that a schema has for its kind. */
  media;
  name;
  bytes;
  #base64;
  constructor(media, name, bytes) {
    this.media = media;
    this.name = name;
    this.bytes = bytes;
  }
  get base64() {
    return this.#base64 ??= toBase64(this.bytes);
  }
  /** How many characters its base64 has, which need not be made for that. */
  get base64Length() {
    return 4 * Math.ceil(this.bytes.length / 3);
  }
  /** The beginning of its base64, for people. */
  get shortBase64() {
    const left = this.base64Length - SHOWN;
    if (left <= 0) return this.base64;
    return `${toBase64(this.bytes.subarray(0, SHOWN / 4 * 3))}\u2026 (${count(left)} more characters)`;
  }
};

// page/literals.ts
var JSON_WORDS2 = {
  nothing: "null",
  yes: "true",
  no: "false",
  file: (file) => JSON.stringify(file.base64),
  integer: String
};
function written(value, words = {}) {
  return write(value, "", { ...JSON_WORDS2, ...words });
}
function write(value, indent, words) {
  if (value === null) return words.nothing;
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value === "bigint") return words.integer(value);
  if (value instanceof PickedFile) return words.file(value);
  if (typeof value !== "object") return JSON.stringify(value);
  const deeper = `${indent}  `;
  if (isList(value)) return `[${value.map((item) => write(item, deeper, words)).join(", ")}]`;
  const lines = Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${write(item, deeper, words)}`);
  return lines.length > 0 ? `{
${lines.join(",\n")}
${indent}}` : "{}";
}
function isList(value) {
  return Array.isArray(value);
}
function filesIn(input) {
  return Object.values(input).filter((value) => value instanceof PickedFile);
}

// page/n8n.ts
function placeOf(media) {
  return `${media.toUpperCase()}_AS_BASE64_OR_HTTPS_URL`;
}
var BEARER = { authentication: "genericCredentialType", genericAuthType: "httpBearerAuth" };
function workflow(url, input) {
  const body = written({ input }, { file: ({ media }) => JSON.stringify(placeOf(media)) });
  const live = LIVE_STATUSES.map((status) => `'${status}'`).join(", ");
  const nodes = [
    node("Send job", "httpRequest", 4.2, 0, {
      method: "POST",
      url: `${url}/run`,
      ...BEARER,
      sendBody: true,
      // Sent as it stands: n8n's own JSON would round seeds above 2^53.
      contentType: "raw",
      rawContentType: "application/json",
      body,
      options: {}
    }),
    node("Wait", "wait", 1.1, 1, { amount: 2, unit: "seconds" }),
    node("Ask for it", "httpRequest", 4.2, 2, {
      url: `=${url}/status/{{ $('Send job').first().json.id }}`,
      ...BEARER,
      options: {}
    }),
    node("Ended?", "if", 2.2, 3, isTrue(`![${live}].includes($json.status)`)),
    node("Completed?", "if", 2.2, 4, isTrue("$json.status === 'COMPLETED'")),
    node("Result", "set", 3.4, 5, { mode: "raw", jsonOutput: "={{ $json.output }}", options: {} }),
    node("Failed", "stopAndError", 1, 6, { errorMessage: "={{ $json.error ?? $json.status }}" })
  ];
  const connections = {
    "Send job": to("Wait"),
    Wait: to("Ask for it"),
    "Ask for it": to("Ended?"),
    "Ended?": to("Completed?", "Wait"),
    "Completed?": to("Result", "Failed")
  };
  return `${JSON.stringify({ nodes, connections }, null, 2)}
`;
}
function node(name, type, typeVersion, at, parameters) {
  return {
    id: `00000000-0000-4000-8000-00000000000${at}`,
    name,
    type: `n8n-nodes-base.${type}`,
    typeVersion,
    position: [at * 220, name === "Failed" ? 160 : 0],
    parameters
  };
}
function isTrue(expression) {
  const condition = {
    id: "00000000-0000-4000-8000-0000000000c0",
    leftValue: `={{ ${expression} }}`,
    rightValue: "",
    operator: { type: "boolean", operation: "true", singleValue: true }
  };
  return {
    conditions: {
      options: { caseSensitive: true, leftValue: "", typeValidation: "strict", version: 2 },
      conditions: [condition],
      combinator: "and"
    },
    options: {}
  };
}
function to(...names) {
  return { main: names.map((name) => [{ node: name, type: "main", index: 0 }]) };
}

// page/calls.ts
var CALLS = /* @__PURE__ */ new Map([
  ["curl", curl],
  ["python", python],
  ["typescript", typescript],
  ["n8n", (_facts, target2, input) => workflow(target2.url, input)]
]);
function curl(_facts, target2, input) {
  const key = target2.key ?? "$RUNPOD_API_KEY";
  const hasFiles = filesIn(input).length > 0;
  const data = hasFiles ? ["--data-binary @request.json"] : ["--data-binary @- <<'JSON'", written({ input }), "JSON"];
  return [
    ...hasFiles ? ["# Save the request as request.json first: the button above does."] : [],
    "# Queue the job; the answer has its id.",
    `curl -sS ${target2.url}/run \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    "  -H 'Content-Type: application/json' \\",
    `  ${data.join("\n")}`,
    "",
    `# Ask until its status is COMPLETED, ${FAILED_STATUSES.slice(0, -1).join(", ")} or ${FAILED_STATUSES.at(-1)}.`,
    `curl -sS "${target2.url}/status/$JOB_ID" \\`,
    `  -H "Authorization: Bearer ${key}"`,
    ""
  ].join("\n");
}
function python(facts2, target2, input) {
  const hasFiles = filesIn(input).length > 0;
  const file = ({ name }) => `Path(${JSON.stringify(name)})`;
  const request = written(input, { nothing: "None", yes: "True", no: "False", file });
  const key = target2.key === null ? 'os.environ["RUNPOD_API_KEY"]' : JSON.stringify(target2.key);
  return [
    "# pip install clients/python",
    ...target2.key === null ? ["import os"] : [],
    ...hasFiles ? ["from pathlib import Path"] : [],
    ...target2.key === null || hasFiles ? [""] : [],
    `from ${facts2.name}_client import Client`,
    "",
    `with Client(${JSON.stringify(target2.endpoint ?? target2.url)}, api_key=${key}) as client:`,
    `    output = client.run(${request.replaceAll("\n", "\n    ")}, on_progress=print)`,
    '    print(client.save(output, "results"))',
    ""
  ].join("\n");
}
function typescript(facts2, target2, input) {
  const hasFiles = filesIn(input).length > 0;
  const request = written(input, {
    file: ({ name }) => `await file(${JSON.stringify(name)})`,
    // What a JavaScript number cannot hold.
    integer: (value) => BigInt.asIntN(54, value) === value ? String(value) : `${value}n`
  });
  const key = target2.key === null ? "process.env.RUNPOD_API_KEY!" : JSON.stringify(target2.key);
  const saves = facts2.outputs.some((output) => output.kind !== "text");
  const needed = [...hasFiles ? ["file"] : [], ...saves ? ["save"] : []];
  const client = `${facts2.name.replaceAll("_", "-")}-client`;
  return [
    "// (cd clients/typescript && npm install && npm pack)",
    `// npm install clients/typescript/${client}-0.1.0.tgz`,
    `import { Client } from "${client}";`,
    ...needed.length > 0 ? [`import { ${needed.join(", ")} } from "${client}/node";`] : [],
    "",
    `const client = new Client(${JSON.stringify(target2.endpoint ?? target2.url)}, ${key});`,
    `const output = await client.run(${request});`,
    saves ? 'console.log(await save(client, output, "results"));' : "console.log(output);",
    ""
  ].join("\n");
}

// page/elements.ts
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== void 0) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
function prose(text2) {
  return text2.split(/`([^`]+)`/).map((part, at) => at % 2 === 1 ? element("code", {}, part) : part);
}
function byId(id) {
  return typed(document.getElementById(id), HTMLElement, id);
}
function inputById(id) {
  return typed(document.getElementById(id), HTMLInputElement, id);
}
function progressById(id) {
  return typed(document.getElementById(id), HTMLProgressElement, id);
}
function typed(found, kind, id) {
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} with the id ${id}`);
}
function setText(target2, text2) {
  if (target2.textContent !== text2) target2.textContent = text2;
}
function wireCopy(button, text2) {
  const label = button.textContent;
  const said = byId("copied");
  button.addEventListener("click", async () => {
    const done = await copyText(text2());
    button.textContent = done ? "Copied" : "Not copied";
    setText(said, done ? "Copied to the clipboard." : "This browser does not let the page copy.");
    setTimeout(() => {
      button.textContent = label;
      setText(said, "");
    }, 2e3);
  });
}
async function copyText(text2) {
  try {
    await navigator.clipboard.writeText(text2);
    return true;
  } catch {
    const area = element("textarea", { class: "away", "aria-hidden": "true", tabindex: "-1" });
    area.value = text2;
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (before instanceof HTMLElement) before.focus();
    return copied;
  }
}
function saveText(text2, name) {
  const url = URL.createObjectURL(new Blob([text2], { type: "application/json" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1e3);
}

// page/package_facts.ts
function packageFacts(text2) {
  return parse(text2);
}
function propertiesOf(schema) {
  return schema?.["properties"] ?? {};
}
function typesOf(schema) {
  return [schema["type"] ?? []].flat().map(String);
}
function textIn(schema, key) {
  const value = schema[key];
  return typeof value === "string" ? value : "";
}

// page/fields/field.ts
function fieldOf(name, property, required, example) {
  return {
    name,
    title: textIn(property, "title") || name,
    description: textIn(property, "description"),
    required,
    initial: example ?? property["default"] ?? null,
    property
  };
}
function isDefault({ required, property }, value) {
  const fallback = property["default"];
  if (required) return false;
  if (typeof value !== "bigint") return value === fallback;
  return (typeof fallback === "number" || typeof fallback === "bigint") && value === BigInt(fallback);
}

// page/fields/frame.ts
function idOf(part, field) {
  return `${part}-${field.name.replaceAll(".", "-")}`;
}
function framed(field, input, { allowed: allowed2 = "", extra = null, group = false } = {}) {
  const sentence = allowed2 === "" ? "" : `${allowed2.charAt(0).toUpperCase()}${allowed2.slice(1)}.`;
  const hint = [field.description, sentence].filter((one) => one !== "").join(" ");
  const fault = element("p", { class: "fault", id: idOf("fault", field), hidden: true });
  const name = [
    element("span", { dir: "auto" }, field.title),
    " ",
    element("code", {}, field.name),
    field.required ? element("span", { class: "needed" }, " required") : null
  ];
  const head = group ? element("legend", {}, ...name) : element("label", { for: idOf("input", field) }, ...name);
  const hints = element("p", { class: "hint", id: idOf("hint", field), dir: "auto" }, ...prose(hint));
  const node2 = element(group ? "fieldset" : "div", { class: "field" }, head, hints, input, extra, fault);
  node2.dataset["field"] = field.name;
  return {
    node: node2,
    described: `${idOf("hint", field)} ${idOf("fault", field)}`,
    show: (text2, inputs) => showFault(fault, inputs, text2)
  };
}
function showFault(place, inputs, text2) {
  const isWrong = text2 !== void 0 && text2 !== "";
  place.hidden = !isWrong;
  setText(place, isWrong ? `This ${text2}.` : "");
  for (const input of inputs) {
    if (isWrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

// page/fields/boolean.ts
var boolean = {
  takes: (property) => typesOf(property).includes("boolean"),
  control: (field, changed) => {
    const input = element("input", { type: "checkbox", id: idOf("input", field) });
    const frame = framed(field, element("label", { class: "check" }, input, " ", field.label ?? "yes"), { group: true });
    input.setAttribute("aria-describedby", frame.described);
    const reset = () => {
      input.checked = field.initial === true;
    };
    reset();
    input.addEventListener("change", changed);
    return {
      field,
      node: frame.node,
      ready: async () => void 0,
      read: () => ({ value: input.checked }),
      show: (fault) => frame.show(fault, [input]),
      focus: () => input.focus(),
      reset
    };
  }
};

// page/fields/value.ts
function valueControl(field, input, rules, changed) {
  const counted = rules.count === void 0 ? null : element("p", { class: "count" });
  const frame = framed(field, input, { allowed: rules.allowed ?? "", extra: counted });
  input.id = idOf("input", field);
  input.setAttribute("aria-describedby", frame.described);
  if (field.required) input.setAttribute("aria-required", "true");
  const recount = () => {
    const said = rules.count?.(input.value);
    if (said === void 0 || counted === null) return;
    counted.textContent = said.text;
    counted.classList.toggle("over", said.over);
  };
  const reset = () => {
    input.value = field.initial === null ? "" : String(field.initial);
    recount();
  };
  const edited = () => {
    recount();
    changed();
  };
  reset();
  input.addEventListener("input", edited);
  return {
    field,
    node: frame.node,
    ready: async () => void 0,
    read: () => rules.read(input.value, input.validity.badInput),
    show: (fault) => frame.show(fault, [input]),
    focus: () => input.focus(),
    reset,
    set: (text2) => {
      input.value = text2;
      edited();
    }
  };
}
function empty(field) {
  return field.required ? { fault: "is required" } : {};
}
function placeholder({ property }) {
  const fallback = property["default"];
  return fallback === void 0 || fallback === null ? null : String(fallback);
}

// page/fields/choice.ts
var choice = {
  takes: (property) => Array.isArray(property["enum"]) && !typesOf(property).includes("integer"),
  control: (field, changed) => {
    const listed = field.property["enum"];
    const choices2 = Array.isArray(listed) ? listed.filter((one) => one !== null).map(String) : [];
    const none = field.none !== void 0 || field.required ? [element("option", { value: "" }, field.none ?? "")] : [];
    const input = element("select", {}, ...none, ...choices2.map((one) => element("option", { value: one }, one)));
    const read4 = (text2) => {
      if (text2 === "") return empty(field);
      return choices2.includes(text2) ? { value: text2 } : { fault: "must be one of those that are listed" };
    };
    return valueControl(field, input, { read: read4 }, changed);
  }
};

// client_ts/images.ts
var IMAGES = {
  media: "image",
  mediaType: "image/png",
  check: (bytes, property) => void checkImage(bytes, imageLimits(property))
};
function imageLimits(property) {
  return {
    ...limitsOf(property),
    maxPixels: Number(property["x-max-pixels"]),
    maxAspect: Number(property["x-max-aspect"])
  };
}
function checkImage(bytes, limits) {
  const format = formatOf(bytes);
  if (format === void 0 || !limits.formats.includes(format)) {
    const what = format === void 0 ? "not an image of a known format" : `a ${formatsText([format])}`;
    throw new FileFault(`is ${bytes.length === 0 ? "empty" : what}; it must be a ${formatsText(limits.formats)} image`);
  }
  const [width, height] = sizeOf(format, bytes);
  checkSize(width, height, limits);
  return { format, width, height };
}
function checkSize(width, height, limits) {
  checkPixels(width, height, limits.maxPixels);
  if (Math.max(width, height) > LONGEST_IMAGE_SIDE) {
    throw new FileFault(`${width}x${height} is longer than ${count(LONGEST_IMAGE_SIDE)} pixels on a side`);
  }
  if (Math.max(width, height) > limits.maxAspect * Math.min(width, height)) {
    const most = limits.maxAspect;
    throw new FileFault(`${width}x${height} is too long and thin; a side may be ${most} times as long as the other`);
  }
}
function formatOf(bytes) {
  if (begins(bytes, 0, "\x89PNG\r\n\x1a\n")) return "png";
  if (begins(bytes, 0, "\xFF\xD8\xFF")) return "jpeg";
  return begins(bytes, 0, "RIFF") && begins(bytes, 8, "WEBP") ? "webp" : void 0;
}
function sizeOf(format, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (format === "png") return [view.getUint32(16), view.getUint32(20)];
    return format === "jpeg" ? jpegSize(view) : webpSize(view, bytes);
  } catch (error) {
    if (error instanceof RangeError) return [0, 0];
    throw error;
  }
}
function jpegSize(view) {
  for (let at = 2; ; ) {
    const [marker, length] = [view.getUint16(at), view.getUint16(at + 2)];
    if (marker >= 65472 && marker <= 65487 && ![65476, 65480, 65484].includes(marker)) {
      return [view.getUint16(at + 7), view.getUint16(at + 5)];
    }
    at += marker === 65535 ? 1 : 2 + length;
  }
}
function webpSize(view, bytes) {
  if (begins(bytes, 12, "VP8X")) {
    return [1 + threeBytes(view, 24), 1 + threeBytes(view, 27)];
  }
  if (begins(bytes, 12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return [1 + (bits & 16383), 1 + (bits >>> 14 & 16383)];
  }
  return [view.getUint16(26, true) & 16383, view.getUint16(28, true) & 16383];
}
function threeBytes(view, at) {
  return view.getUint16(at, true) + view.getUint8(at + 2) * 65536;
}

// page/texts.ts
function shortText(value, most = 2e3) {
  if (typeof value === "string") return plain(value, most);
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean" ? plain(String(value), most) : "";
}
function resultText(text2, most) {
  const cut = text2.length > most ? `${text2.slice(0, most)}\u2026 (${count(text2.length)} characters)` : text2;
  return cut.replace(/[^\P{Cc}\n\r\t]|[\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\uFFFD");
}
function numberOf(value) {
  const number2 = typeof value === "bigint" ? Number(value) : value;
  return typeof number2 === "number" && Number.isFinite(number2) ? number2 : null;
}
function bytesText(bytes) {
  if (bytes < 1e3) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(bytes % 1e6 === 0 ? 0 : 1)} MB`;
}
function shortened(text2) {
  return text2.length > 40 ? `${text2.slice(0, 40)}\u2026` : text2;
}

// page/fields/file.ts
function fileControl(field, rules, changed) {
  const { maxBytes } = limitsOf(field.property);
  const file = element("input", {
    type: "file",
    id: idOf("input", field),
    accept: rules.accept,
    "aria-label": `${field.title}: file`
  });
  const url = element("input", {
    type: "url",
    id: idOf("url", field),
    placeholder: "https://\u2026",
    autocomplete: "off",
    "aria-label": `${field.title}: https URL`
  });
  const preview = new Preview();
  const inputs = element("div", { class: "pick" }, file, element("span", {}, "or"), url);
  const frame = framed(field, inputs, { allowed: rules.allowed, extra: preview.node, group: true });
  for (const input of [file, url]) {
    input.setAttribute("aria-describedby", frame.described);
    if (field.required) input.setAttribute("aria-required", "true");
  }
  let held = {};
  let reading = Promise.resolve();
  let latest;
  const drop = () => {
    latest = void 0;
    held = {};
    preview.clear();
  };
  const look = async (chosen) => {
    const address = URL.createObjectURL(chosen);
    const found = await faultOr(async () => {
      const bytes = await read(chosen, maxBytes);
      const seen = await rules.look(bytes, chosen, address);
      return { seen, picked: new PickedFile(rules.media, chosen.name, bytes) };
    });
    if (latest !== chosen) return URL.revokeObjectURL(address);
    held = "fault" in found ? found : { value: found.picked };
    if ("fault" in found) URL.revokeObjectURL(address);
    else preview.show(found.seen, chosen, address, clear);
  };
  const take = (chosen) => {
    drop();
    latest = chosen;
    if (chosen !== void 0) url.value = "";
    reading = chosen === void 0 ? Promise.resolve() : look(chosen);
    void reading.then(changed);
  };
  const reset = () => {
    file.value = url.value = "";
    drop();
  };
  const clear = element("button", { type: "button", class: "quiet" }, "Remove the file");
  clear.addEventListener("click", () => {
    reset();
    file.focus();
    changed();
  });
  file.addEventListener("change", () => take(file.files?.[0]));
  url.addEventListener("input", () => {
    if (url.value !== "") {
      file.value = "";
      drop();
    }
    changed();
  });
  frame.node.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  frame.node.addEventListener("drop", (event) => {
    const files = event.dataTransfer?.files;
    if (files === void 0 || files.length === 0) return;
    event.preventDefault();
    file.files = files;
    file.dispatchEvent(new Event("change", { bubbles: true }));
  });
  return {
    field,
    node: frame.node,
    ready: () => reading,
    read: () => {
      const address = url.value.trim();
      if (address !== "") return readAddress(address);
      return held.value === void 0 && held.fault === void 0 ? empty(field) : held;
    },
    show: (fault) => frame.show(fault, [file, url]),
    focus: () => (url.value === "" ? file : url).focus(),
    reset
  };
}
var Preview = class {
  node = element("div", { class: "preview", hidden: true });
  #url;
  show(seen, file, url, clear) {
    this.#url = url;
    const facts2 = `${seen.facts}, ${bytesText(file.size)}`;
    this.node.append(
      seen.node,
      element("p", {}, element("span", { dir: "auto" }, file.name), element("br"), facts2),
      clear
    );
    this.node.hidden = false;
  }
  clear() {
    if (this.#url !== void 0) URL.revokeObjectURL(this.#url);
    this.#url = void 0;
    this.node.replaceChildren();
    this.node.hidden = true;
  }
};
async function faultOr(look) {
  try {
    return await look();
  } catch (error) {
    return { fault: error instanceof FileFault ? error.message : "cannot be read: choose the file again" };
  }
}
function readAddress(text2) {
  try {
    if (new URL(text2).protocol === "https:" && /^https:\/\//i.test(text2)) return { value: text2 };
  } catch {
  }
  return { fault: "must be an https URL at a public address" };
}

// page/fields/image.ts
var image = {
  takes: (property) => property["x-media"] === IMAGES.media,
  control: (field, changed) => {
    const limits = imageLimits(field.property);
    const { formats, maxBytes, maxPixels, maxAspect } = limits;
    const size = `at most ${bytesText(maxBytes)}, ${maxPixels / 1e6} megapixels and sides of ${maxAspect}:1`;
    const rules = {
      media: IMAGES.media,
      accept: formats.map((format) => `image/${format}`).join(),
      allowed: `${formatsText(formats)}, ${size}`,
      look: async (bytes, { name }, url) => {
        const head = checkImage(bytes, limits);
        checkWhole(head, bytes);
        return {
          facts: `${formatsText([head.format])}, ${head.width} x ${head.height}`,
          node: element("img", { src: url, alt: `Preview of ${name}` })
        };
      }
    };
    return fileControl(field, rules, changed);
  }
};
function checkWhole(head, bytes) {
  if (head.width === 0 || head.height === 0) throw new FileFault(`is not a whole ${formatsText([head.format])} file`);
  if (isAnimated(head, bytes)) throw new FileFault("is animated; one still image is expected");
}
function isAnimated({ format }, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "png") return hasFrames(view);
  return format === "webp" && fourCharacters(view, 12) === "VP8X" && (view.getUint8(20) & 2) !== 0;
}
function hasFrames(view) {
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const name = fourCharacters(view, at + 4);
    if (name === "acTL" || name === "IDAT") return name === "acTL";
  }
  return false;
}
function fourCharacters(view, at) {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

// client_ts/checks.ts
function textProblem(schema, value) {
  if (typeof value !== "string") return `must be a text, not ${shown(value)}`;
  if (/\p{Cs}/u.test(value)) return "must be whole Unicode text; it holds half of a surrogate pair";
  const length = lengthOf(value);
  const [least, most] = [Number(schema["minLength"] ?? 0), Number(schema["maxLength"] ?? Infinity)];
  if (length < least) {
    if (least === 1) return "must not be empty";
    return `must have at least ${count(least)} characters, not ${count(length)}`;
  }
  return length > most ? `must have at most ${count(most)} characters, not ${count(length)}` : void 0;
}
function rangeOf(schema) {
  return {
    low: bound(schema["minimum"]),
    high: bound(schema["maximum"]),
    step: bound(schema["multipleOf"] ?? schema["x-step"]) ?? 1n,
    offset: bound(schema["x-offset"]) ?? 0n
  };
}
function formText({ step, offset }) {
  return offset !== 0n ? `${step}\xB7n + ${offset}` : `a multiple of ${step}`;
}
function formProblem(value, range) {
  const { low, high, step, offset } = range;
  const over = modulo(value - offset, step);
  if (over === 0n) return void 0;
  const near = [value - over, value - over + step].filter(
    (one) => (low === void 0 || one >= low) && (high === void 0 || one <= high)
  );
  if (near.length === 0) return `must be ${formText(range)}, not ${shown(value)}`;
  return `must be ${formText(range)}; the nearest to ${value} ${near.length > 1 ? "are" : "is"} ${near.join(" and ")}`;
}
function boundsText(low, high, below, inner) {
  if (!inner && low !== void 0 && high !== void 0) return `must be from ${low} to ${high}`;
  return below ? `must be at least ${low}` : `must be at most ${high}`;
}
function bound(value) {
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : void 0;
}
function modulo(value, by) {
  return (value % by + by) % by;
}
function lengthOf(text2) {
  return text2.length - (text2.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}
function shown(value) {
  if (typeof value === "boolean") return `the boolean ${value}`;
  if (typeof value === "string") return `the text ${quoted(shorten(value, 40))}`;
  if (typeof value === "bigint" || typeof value === "number" && Number.isInteger(value)) {
    const whole = BigInt(value);
    return whole < LARGEST_SHOWN && whole > -LARGEST_SHOWN ? String(whole) : "a number of over 30 digits";
  }
  if (typeof value === "number") return Number.isFinite(value) ? `the number ${decimal(value)}` : decimal(value);
  return jsonType(value);
}
function jsonType(value) {
  return JSON_WORDS.get(jsonName(value)) ?? typeof value;
}
function jsonName(value) {
  if (value === null || value === void 0) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "integer";
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
}

// page/fields/integer.ts
var integer = {
  takes: (property) => typesOf(property).includes("integer"),
  control: (field, changed) => {
    const range = rangeOf(field.property);
    const isSeed = typesOf(field.property).includes("null");
    const bounds = `${range.low} to ${range.high}`;
    const allowed2 = isSeed ? `${bounds}; empty: drawn at random` : `${bounds}${range.step > 1n ? `, ${formText(range)}` : ""}`;
    const input = inputFor(range, isSeed, isSeed ? "random" : placeholder(field));
    return valueControl(field, input, { allowed: allowed2, read: (text2, broken2) => read2(field, range, text2.trim(), broken2) }, changed);
  }
};
function inputFor({ low, high, step, offset }, isSeed, hint) {
  const isExact = [low, high].every((bound2) => bound2 !== void 0 && Number.isSafeInteger(Number(bound2)));
  if (isSeed || !isExact || low === void 0) {
    return element("input", { type: "text", inputmode: "numeric", autocomplete: "off", placeholder: hint });
  }
  const first = low + modulo(offset - low, step);
  return element("input", { type: "number", step, min: first, max: high, placeholder: hint });
}
function read2(field, range, text2, broken2) {
  if (text2 === "" && !broken2) return empty(field);
  if (!/^[+-]?\d{1,400}$/.test(text2)) return { fault: `must be a whole number${text2 === "" ? "" : `, not ${shortened(text2)}`}` };
  const value = BigInt(text2.replace("+", ""));
  const { low, high, step } = range;
  const isBelow = low !== void 0 && value < low;
  if (isBelow || high !== void 0 && value > high) {
    const form2 = step > 1n ? `, ${formText(range)}` : "";
    return { fault: `${boundsText(low, high, isBelow, false)}${form2}, not ${shortened(String(value))}` };
  }
  const fault = formProblem(value, range);
  return fault === void 0 ? { value } : { fault };
}

// page/fields/number.ts
var number = {
  takes: (property) => typesOf(property).includes("number"),
  control: (field, changed) => {
    const [low, high] = boundsOf(field.property);
    const input = element("input", { type: "number", step: "any", min: low, max: high, placeholder: placeholder(field) });
    const read4 = (text2, broken2) => readNumber(field, text2.trim(), broken2);
    return valueControl(field, input, { allowed: allowed(low, high), read: read4 }, changed);
  }
};
function boundsOf(property) {
  return [numberOf(property["minimum"]) ?? void 0, numberOf(property["maximum"]) ?? void 0];
}
function allowed(low, high) {
  if (low === void 0) return high === void 0 ? "" : `at most ${high}`;
  return high === void 0 ? `at least ${low}` : `${low} to ${high}`;
}
function readNumber(field, text2, broken2) {
  if (text2 === "" && !broken2) return empty(field);
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text2) ? Number(text2) : NaN;
  if (!Number.isFinite(value)) return { fault: `must be a number${text2 === "" ? "" : `, not ${shortened(text2)}`}` };
  const [low, high] = boundsOf(field.property);
  const isBelow = low !== void 0 && value < low;
  if (!isBelow && !(high !== void 0 && value > high)) return { value };
  return { fault: `${boundsText(low, high, isBelow, false)}, not ${shortened(text2)}` };
}

// page/fields/text.ts
var text = {
  takes: (property) => typesOf(property).includes("string"),
  control: (field, changed) => {
    const longest = Number(field.property["maxLength"] ?? Infinity);
    const lines = Math.ceil(String(field.initial ?? "").length / 50);
    const rows = Math.min(8, Math.max(longest > 200 ? 3 : 1, lines));
    const counted = (value) => {
      const length = lengthOf(value);
      return { text: `${count(length)} of ${count(longest)} characters`, over: length > longest };
    };
    return valueControl(field, element("textarea", { rows, dir: "auto" }), { read: (value) => read3(field, value), count: counted }, changed);
  }
};
function read3(field, value) {
  if (value === "" && field.required && Number(field.property["minLength"] ?? 0) > 0) return { fault: "is required" };
  const fault = textProblem(field.property, value);
  return fault === void 0 ? { value } : { fault };
}

// client_ts/videos.ts
var IMAGES2 = ["avif", "avis", "heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"];
var OLD_QUICKTIME = ["moov", "mdat", "wide", "free", "skip", "pnot"];
var SPARE_SECONDS = 0.05;
var DOC_TYPE = 17026;
var VIDEOS = {
  media: "video",
  mediaType: "video/mp4",
  check: (bytes, property) => void checkVideo(bytes, limitsOf(property))
};
function videoLimits(property) {
  return {
    ...limitsOf(property),
    maxPixels: Number(property["x-max-pixels"]),
    maxFrames: Number(property["x-max-frames"]),
    maxSeconds: Number(property["x-max-seconds"])
  };
}
function checkVideo(bytes, { formats }) {
  const format = videoFormat(bytes);
  if (format !== void 0 && formats.includes(format)) return format;
  const other = format === void 0 ? "not a video of a known container" : `${withArticle(formatsText([format]))} video`;
  const accepted = withArticle(formatsText(formats));
  throw new FileFault(`is ${bytes.length === 0 ? "empty" : other}; it must be ${accepted} video`);
}
function checkPlayed(width, height, seconds, limits) {
  checkPixels(width, height, limits.maxPixels);
  if (seconds <= limits.maxSeconds + SPARE_SECONDS) return;
  throw new FileFault(`lasts ${seconds.toFixed(1)} s; at most ${limits.maxSeconds} s are allowed`);
}
function withArticle(label) {
  return `${label.startsWith("MP4") ? "an" : "a"} ${label}`;
}
function videoFormat(bytes) {
  if (begins(bytes, 4, "ftyp")) {
    if (IMAGES2.some((brand) => begins(bytes, 8, brand))) return void 0;
    return begins(bytes, 8, "qt  ") ? "mov" : "mp4";
  }
  if (OLD_QUICKTIME.some((kind) => begins(bytes, 4, kind))) return "mov";
  return begins(bytes, 0, "\x1aE\xDF\xA3") ? ebmlFormat(bytes.subarray(0, 4096)) : void 0;
}
function ebmlFormat(bytes) {
  let [size, width] = numberAt(bytes, 4);
  let at = 4 + width;
  const end = Math.min(bytes.length, at + size);
  while (at < end && width > 0) {
    const first = bytes[at] ?? 0;
    const length = (first & 128) !== 0 ? 1 : 2;
    const name = length === 1 ? first : first * 256 + (bytes[at + 1] ?? 0);
    [size, width] = numberAt(bytes, at + length);
    at += length + width;
    if (name === DOC_TYPE) return docType(String.fromCharCode(...bytes.subarray(at, at + size)).replace(/\0+$/, ""));
    at += size;
  }
  return void 0;
}
function docType(name) {
  if (name === "matroska") return "mkv";
  return name === "webm" ? "webm" : void 0;
}
function numberAt(bytes, at) {
  const first = bytes[at] ?? 0;
  if (first === 0) return [0, 0];
  const width = Math.clz32(first) - 23;
  let value = first & 255 >> width;
  for (const byte of bytes.subarray(at + 1, at + width)) value = value * 256 + byte;
  return [value, width];
}

// page/fields/video.ts
var ACCEPTED = {
  mp4: "video/mp4,.mp4,.m4v",
  mov: "video/quicktime,.mov",
  webm: "video/webm,.webm",
  mkv: "video/x-matroska,.mkv"
};
var PATIENCE_MS = 1e4;
var video = {
  takes: (property) => property["x-media"] === VIDEOS.media,
  control: (field, changed) => {
    const limits = videoLimits(field.property);
    const { formats, maxBytes, maxPixels, maxFrames, maxSeconds } = limits;
    const size = `at most ${bytesText(maxBytes)}, ${maxPixels / 1e6} megapixels a frame`;
    const rules = {
      media: VIDEOS.media,
      accept: formats.map((format) => ACCEPTED[format] ?? "").join(),
      allowed: `${formatsText(formats)}, ${size}, ${count(maxFrames)} frames and ${maxSeconds} seconds`,
      look: async (bytes, { name }, url) => {
        const format = formatsText([checkVideo(bytes, limits)]);
        const node2 = element("video", { src: url, controls: true, playsinline: true, preload: "metadata" });
        node2.setAttribute("aria-label", `Preview of ${name}`);
        node2.muted = true;
        if (!await isPlayable(node2)) {
          return { facts: `${format}, which this browser does not play`, node: element("span") };
        }
        const { videoWidth: width, videoHeight: height, duration } = node2;
        if (!(width > 0 && height > 0)) throw new FileFault("has sound alone; a video is expected");
        checkPlayed(width, height, Number.isFinite(duration) ? duration : 0, limits);
        const length = Number.isFinite(duration) ? `, ${Math.round(duration * 100) / 100} s` : "";
        return { facts: `${format}, ${width} x ${height}${length}`, node: node2 };
      }
    };
    return fileControl(field, rules, changed);
  }
};
function isPlayable(player2) {
  return new Promise((resolve) => {
    player2.addEventListener("loadedmetadata", () => resolve(true), { once: true });
    player2.addEventListener("error", () => resolve(false), { once: true });
    setTimeout(() => resolve(false), PATIENCE_MS);
  });
}

// page/fields/kinds.ts
var KINDS = [image, video, choice, boolean, integer, number, text];
function controlOf(field, changed) {
  const kind = KINDS.find(({ takes }) => takes(field.property));
  if (kind === void 0) throw new Error(`no kind of field takes ${field.name}`);
  return kind.control(field, changed);
}

// page/fields/outputs.ts
function outputsControl(field, outputs, changed) {
  const boxes = outputs.map(({ name }) => element("input", { type: "checkbox", value: name, checked: true }));
  const labels = boxes.map((box, at) => {
    const { title = "", description = "" } = outputs[at] ?? {};
    return element("label", { class: "check", title: description }, box, " ", element("span", { dir: "auto" }, title));
  });
  const frame = framed(field, element("div", { class: "boxes" }, ...labels), { group: true });
  for (const box of boxes) {
    box.setAttribute("aria-describedby", frame.described);
    box.addEventListener("change", changed);
  }
  return {
    field,
    node: frame.node,
    ready: async () => void 0,
    read: () => {
      const wanted = boxes.filter((box) => box.checked).map((box) => box.value);
      if (wanted.length === boxes.length) return {};
      return wanted.length > 0 ? { value: wanted } : { fault: "must not be empty" };
    },
    show: (fault) => frame.show(fault, boxes),
    focus: () => boxes[0]?.focus(),
    reset: () => boxes.forEach((box) => box.checked = true)
  };
}

// page/form.ts
var Form = class {
  #controls;
  #changed;
  // Fields whose faults are shown: not those that the reader has not reached yet.
  #told = /* @__PURE__ */ new Set();
  /** `changed` is called with every new state of the request. */
  constructor(facts2, changed) {
    const update = () => this.update();
    const own = fieldsOf(facts2).map((field) => controlOf(field, update));
    const reserved = reservedControls(facts2, update);
    this.#changed = changed;
    this.#controls = [...own, ...reserved];
    byId("fields").append(...own.map(({ node: node2 }) => node2));
    byId("choices").append(...reserved.map(({ node: node2 }) => node2));
    byId("choices").hidden = reserved.length === 0;
    for (const control of this.#controls) {
      control.node.addEventListener("change", async () => {
        this.#told.add(control);
        await control.ready();
        control.show(control.read().fault);
      });
    }
  }
  /** Says once more what the form holds. */
  update() {
    for (const control of this.#told) control.show(control.read().fault);
    this.#changed(this.#state());
  }
  /** Tells all faults at their fields and goes to the first; how many there are. */
  async check() {
    await Promise.all(this.#controls.map((control) => control.ready()));
    const { faults } = this.#state();
    for (const control of this.#controls) {
      this.#told.add(control);
      control.show(faults.find((fault) => fault.control === control)?.text);
    }
    faults[0]?.control.focus();
    return faults.length;
  }
  /** Shows an answer's details at their fields; those that have no field here are given back. */
  tell(details) {
    const left = [];
    const found = /* @__PURE__ */ new Set();
    for (const { field, message } of details) {
      const control = this.#controls.find(({ field: { name } }) => field === name || field.startsWith(`${name}.`));
      if (control === void 0) {
        left.push({ field, message });
        continue;
      }
      this.#told.delete(control);
      control.show(message);
      found.add(control);
    }
    this.#controls.find((control) => found.has(control))?.focus();
    return left;
  }
  /** Writes a text into a field, as a person would. */
  set(name, text2) {
    this.#controls.find(({ field }) => field.name === name)?.set?.(text2);
  }
  reset() {
    this.#told.clear();
    for (const control of this.#controls) {
      control.reset();
      control.show(void 0);
    }
    this.update();
  }
  #state() {
    const input = {};
    const faults = [];
    for (const control of this.#controls) {
      const { value, fault } = control.read();
      if (fault !== void 0) faults.push({ control, text: fault });
      if (value === void 0 || isDefault(control.field, value)) continue;
      const [key = "", member] = control.field.name.split(".");
      input[key] = member === void 0 ? value : { ...input[key], [member]: value };
    }
    return { input, faults };
  }
};
function fieldsOf({ schema, example, reserved }) {
  return Object.entries(propertiesOf(schema)).filter(([name]) => !reserved.includes(name)).map(([name, property]) => fieldOf(name, property, isRequired(schema, name), example[name]));
}
function isRequired(schema, name) {
  return Array.isArray(schema["required"]) && schema["required"].includes(name);
}
function reservedControls({ schema, example, outputs: specs }, changed) {
  const { output, outputs, allow_partial: partial, timings } = propertiesOf(schema);
  const controls = [];
  if (outputs !== void 0) controls.push(outputsControl(fieldOf("outputs", outputs, false, void 0), specs, changed));
  if (partial !== void 0) controls.push(labelled("allow_partial", partial, "take what succeeds", changed));
  const asked = isRecord(example["output"]) ? example["output"] : {};
  for (const [name, property] of Object.entries(propertiesOf(output))) {
    const types = typesOf(property).filter((type) => type !== "null");
    const field = fieldOf(`output.${name}`, { ...property, type: types }, false, asked[name]);
    controls.push(controlOf({ ...field, none: "as the endpoint has it" }, changed));
  }
  if (timings !== void 0) controls.push(labelled("timings", timings, "say how long each part took", changed));
  return controls;
}
function labelled(name, property, label, changed) {
  return controlOf({ ...fieldOf(name, property, false, void 0), label }, changed);
}

// client_ts/job_options.ts
function withoutSecrets(text2, job = {}) {
  const hidden = [job.webhook, job.bucket?.accessSecret].flatMap(
    (secret) => (
      // As it is, and JSON-encoded.
      secret === void 0 || secret === "" ? [] : [secret, JSON.stringify(secret).slice(1, -1)]
    )
  );
  return hidden.reduce((left, secret) => left.replaceAll(secret, "\u2026"), text2);
}

// client_ts/exchange.ts
async function exchange(port, request, options, jobId, deadline) {
  for (let retries = 0; ; retries += 1) {
    const most = Math.max(deadline - now(), 1);
    const seconds = Math.min(options.requestSeconds, most);
    const reply = await port.send({ ...request, seconds, most, maxBytes: options.maxAnswerBytes });
    if (reply.status >= 200 && reply.status < 300 && "body" in reply) return object(reply.body, request, jobId, options);
    const error = refusal(reply, request, jobId);
    const pause2 = isRetryable(reply, request) ? retryPause(reply, retries, options) : void 0;
    if (pause2 === void 0) throw error;
    if (now() + pause2 > deadline) {
      throw new CallTimeout(`no time is left for a retry: ${error.message}`, { jobId, cause: error });
    }
    await port.wait(pause2);
  }
}
function isRetryable(reply, request) {
  if (request.queues) {
    return "broken" in reply ? reply.broken === "nothing_sent" : reply.status === 429 && reply.retryAfter !== null;
  }
  return "broken" in reply || reply.status === 429 || reply.status >= 500;
}
function retryPause(reply, retries, options) {
  if (retries >= options.retries) return void 0;
  const requested = "broken" in reply ? void 0 : retryAfterSeconds(reply.retryAfter);
  if (requested !== void 0) return requested > options.retrySeconds ? void 0 : requested;
  return Math.min(0.5 * 2 ** retries, options.retrySeconds) * between(0.5, 1);
}
function retryAfterSeconds(retryAfter) {
  return retryAfter !== null && /^\s*\d{1,9}\s*$/.test(retryAfter) ? Number(retryAfter) : void 0;
}
function refusal(reply, request, jobId) {
  const where = `${request.method} ${request.path}`;
  const about = { jobId };
  if ("broken" in reply) {
    if (reply.broken === "nothing_sent") return new Unreachable(`${where}: no connection (${reply.reason})`, about);
    return request.queues ? new SubmissionUnknown(`${where}: ${reply.reason}; the job may be queued, or not`, about) : new Unreachable(`${where}: the connection broke (${reply.reason})`, about);
  }
  const { status } = reply;
  if (status >= 500) {
    return request.queues ? new SubmissionUnknown(`${where}: HTTP ${status}; the job may be queued, or not`, about) : new Unreachable(`${where}: HTTP ${status}`, about);
  }
  if (status === 401 || status === 403) {
    return new Unauthorized(`${where}: HTTP ${status}: the API key is not valid for this endpoint`, about);
  }
  const said = beginning(reply.body, request, 200);
  if (status === 404) {
    return jobId === void 0 ? new EndpointNotFound(`${where}: HTTP 404: there is no such endpoint${said && `: ${said}`}`) : new ResultGone(`${where}: HTTP 404: the endpoint does not know job ${jobId}`, about);
  }
  if (status === 429) {
    return new RateLimited(`${where}: HTTP 429: too many requests`, retryAfterSeconds(reply.retryAfter), about);
  }
  if (request.queues && [400, 413, 422].includes(status)) {
    return new InputRefused(`${where}: HTTP ${status}: ${said}`);
  }
  return new UnexpectedAnswer(`${where}: HTTP ${status}: ${said}`, about);
}
function object(body, request, jobId, options) {
  if (body === null) {
    const most = count(options.maxAnswerBytes);
    throw new UnexpectedAnswer(`${request.method} ${request.path}: the answer has more than ${most} bytes`, { jobId });
  }
  try {
    const value = parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (isRecord(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error;
  }
  const said = JSON.stringify(beginning(body, request, 80));
  throw new UnexpectedAnswer(`the answer is not a JSON object: ${said}`, { jobId });
}
function beginning(body, request, length) {
  const text2 = new TextDecoder().decode(body?.subarray(0, 1e3));
  return plain(withoutSecrets(text2, request.job), length);
}
function between(low, high) {
  return low + Math.random() * (high - low);
}

// client_ts/flow.ts
var EXTRA_POLLS = 3;
var MOST_PREVIEW_LETTERS = Math.ceil(PREVIEW_BYTES / 3) * 4;
async function queue(port, path, body, options, deadline, job) {
  return exchange(port, { method: "POST", path, queues: true, body, job }, options, void 0, deadline);
}
async function cancel(port, jobId, options, deadline = Infinity) {
  await exchange(port, { method: "POST", path: jobPath("cancel", jobId), queues: false }, options, jobId, deadline);
}
async function getStatus(port, jobId, options, deadline = Infinity) {
  return exchange(port, { method: "GET", path: jobPath("status", jobId), queues: false }, options, jobId, deadline);
}
async function* polls(port, jobId, options, keys, deadline, first) {
  const started = now();
  let inconsistentPolls = 0;
  for (let answer = first; ; answer = void 0) {
    const state = answer === void 0 ? await poll(port, jobId, options, keys, deadline) : checkedState(answer, keys, jobId);
    const { job, problem } = state;
    inconsistentPolls = problem === void 0 ? 0 : inconsistentPolls + 1;
    if (problem !== void 0 && inconsistentPolls > EXTRA_POLLS) throw problem;
    yield state;
    if (problem === void 0 && hasEnded(job)) return;
    const time = now();
    if (time >= deadline) {
      throw new CallTimeout(`job ${jobId} has not ended in time; its last state was ${stateText(job["status"])}`, { jobId });
    }
    const [shortest, longest] = options.pollSeconds;
    const pause2 = Math.min(Math.max(shortest, (time - started) / 10), longest) * between(0.9, 1.1);
    await port.wait(Math.min(pause2, deadline - time));
  }
}
function hasEnded(job) {
  const { status } = job;
  return typeof status === "string" && (status === "COMPLETED" || FAILED_STATUSES.includes(status));
}
async function poll(port, jobId, options, keys, deadline) {
  try {
    return checkedState(await getStatus(port, jobId, options, deadline), keys, jobId);
  } catch (error) {
    if (!(error instanceof ResultGone)) throw error;
    return { job: {}, problem: error };
  }
}
function checkedState(job, keys, jobId) {
  const { status, output } = job;
  if (typeof status !== "string") {
    return { job, problem: new UnexpectedAnswer(`the answer for job ${jobId} has no state`, { jobId }) };
  }
  const isLost = status === "COMPLETED" && !(isRecord(output) && keys.every((key) => Object.hasOwn(output, key)));
  return { job, problem: isLost ? new ResultGone(`job ${jobId} is COMPLETED, but has no result`, { jobId }) : void 0 };
}
function stateText(status) {
  return typeof status === "string" ? plain(status, 40) : "unknown";
}
function progressOf(jobId, job) {
  const state = stateText(job["status"]);
  const fields = isRecord(job["output"]) ? job["output"] : {};
  const { percent, node: node2, step, of, outputs, files, preview } = fields;
  const states = Object.entries(isRecord(outputs) ? outputs : {}).flatMap(
    ([name, value]) => typeof value === "string" ? [[plain(name, 100), plain(value, 40)]] : []
  );
  return {
    kind: "progress",
    jobId,
    state,
    ...isNumber(percent) ? { percent } : {},
    ...typeof node2 === "string" ? { node: plain(node2, 200) } : {},
    ...isNumber(step) && Number.isInteger(step) ? { step } : {},
    ...isNumber(of) && Number.isInteger(of) ? { of } : {},
    ...states.length > 0 ? { outputs: Object.fromEntries(states) } : {},
    ...isRecord(files) && Object.keys(files).length > 0 ? { files } : {},
    ...isPreview(preview) ? { preview } : {}
  };
}
function isPreview(value) {
  return typeof value === "string" && value.length <= MOST_PREVIEW_LETTERS && /^\/9j\/[A-Za-z0-9+/]*={0,2}$/.test(value);
}
function isNumber(value) {
  return typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

// client_ts/options.ts
var OPTIONS = {
  requestSeconds: 60,
  callSeconds: 1800,
  pollSeconds: [0.5, 10],
  retries: 4,
  retrySeconds: 30,
  maxRequestBytes: RUN_BYTES,
  maxAnswerBytes: 32e6,
  maxDownloadBytes: 2e9,
  maxFiles: 1e4,
  maxTotalBytes: 1e10,
  checkInput: true
};

// page/job.ts
var KEYS = ["prompt_id"];
async function runJob(place, path, body, seen, stop) {
  const options = { ...OPTIONS, pollSeconds: [place.pollSeconds, place.pollSeconds] };
  let isStopped = false;
  const { send: send2 } = portOf({ ...place, fetch: uncached }, void 0);
  const port = { send: send2, wait: (seconds) => pauseUntil(seconds, isStopped ? void 0 : stop) };
  const first = await queue(port, path, body, options, Infinity);
  const id = jobIdIn(first);
  let completed;
  try {
    for await (const { job, problem } of polls(port, id, options, KEYS, Infinity, first)) {
      if (problem === void 0 && hasEnded(job)) return { id, job };
      if (problem === void 0) seen(progressOf(id, job));
      else if (hasEnded(job)) completed = job;
      if (stop.aborted && !isStopped) {
        isStopped = true;
        await cancel(port, id, options);
      }
    }
  } catch (error) {
    if (completed === void 0 || !(error instanceof CallError)) throw error;
    return { id, job: completed };
  }
  throw new CallError("a job's answers ended before the job", { jobId: id });
}
var uncached = (input, init) => window.fetch(input, { ...init, cache: "no-store", referrerPolicy: "no-referrer" });
async function pauseUntil(seconds, signal) {
  try {
    await pause(seconds, signal);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

// page/result.ts
var LONGEST_TEXT = 2e5;
var MOST_FILES = 200;
var ResultView = class {
  #place;
  #facts;
  // Addresses of the page's own, of the files that are shown.
  #urls = [];
  constructor(place, facts2) {
    this.#place = place;
    this.#facts = facts2;
  }
  /** Forgets what is shown, and lets the browser forget its files. */
  clear() {
    this.#place.replaceChildren();
    for (const url of this.#urls) URL.revokeObjectURL(url);
    this.#urls = [];
  }
  /** Shows an answer in place of what was there. `useSeed` takes a seed's name and its text. */
  show(answer, useSeed) {
    this.clear();
    if (!isRecord(answer)) {
      const none = element("p", {}, "The job is done; its answer is none that this page knows.");
      this.#place.append(none, wholeAnswer(answer));
      return;
    }
    this.#showFiles(answer, this.#facts.outputs);
    for (const { output, code, message } of records(answer["failed"])) {
      const title = `${shortText(output, 200) || "An output"} was not made`;
      this.fail({ code: shortText(code, 100), message: shortText(message), details: [] }, title);
    }
    this.#place.append(factList(this.#factsOf(answer, useSeed)), wholeAnswer(answer));
  }
  /** Shows the files that a job of several outputs has so far. */
  showEarly(files) {
    this.clear();
    const come = this.#facts.outputs.filter(({ name }) => Object.hasOwn(files, name));
    this.#showFiles(files, come);
  }
  /** Adds an error: its code, its message, what to do. */
  fail({ code, message, details }, title = "The job failed") {
    const remedy = this.#facts.errors.find((known) => known.code === code)?.remedy;
    const lines = details.map((one) => element("li", { dir: "auto" }, `${one.field}: ${one.message}`));
    this.say(
      element("p", {}, element("strong", {}, title), code === "" ? null : " ", code === "" ? null : element("code", {}, code)),
      element("p", { dir: "auto" }, message),
      lines.length > 0 ? element("ul", {}, ...lines) : null,
      remedy === void 0 ? null : element("p", {}, remedy)
    );
  }
  /** Adds what went wrong in other words. */
  say(...children) {
    this.#place.append(element("div", { class: "error" }, ...children));
  }
  #showFiles(answer, outputs) {
    const views = outputs.flatMap((output) => this.#filesOf(output, answer));
    if (views.length > 0) this.#place.append(element("div", { class: "files" }, ...views));
  }
  #filesOf(output, answer) {
    const { flat } = this.#facts;
    const value = answer[output.name];
    let files;
    try {
      files = mediaIn(answer, [{ name: output.name, mediaType: output.mediaType, flat }], OPTIONS.maxFiles);
    } catch (error) {
      if (!(error instanceof MediaBroken)) throw error;
      return [this.#unreadable(output, output.name)];
    }
    if (files.length === 0 && flat) return [this.#unreadable(output, output.name)];
    return files.slice(0, MOST_FILES).map((file) => {
      const measured = Array.isArray(value) ? value[file.index ?? 0] : flat ? answer : value;
      return this.#fileView(output, file, isRecord(measured) ? measured : {});
    });
  }
  #fileView(output, file, measured) {
    const name = file.index === void 0 ? output.name : `${output.name}_${file.index + 1}`;
    if (file.text !== void 0) {
      const shown2 = resultText(file.text, LONGEST_TEXT);
      return element("div", { class: "file" }, this.#head(output, name), element("pre", { tabindex: "0", dir: "auto" }, shown2));
    }
    const type = knownType(file.mediaType) ?? "application/octet-stream";
    const address = this.#addressOf(file, type);
    if (address === void 0) return this.#unreadable(output, name);
    const download = `${name}${extension(type)}`;
    const target2 = file.url === void 0 ? null : "_blank";
    const link = element("a", { href: address, download, rel: "noreferrer", target: target2 }, `Download ${download}`);
    return element(
      "div",
      { class: "file" },
      this.#head(output, name),
      player(type, address, name),
      element("p", {}, link),
      factList(measures(file, measured))
    );
  }
  #unreadable(output, name) {
    const fault = element("p", { class: "fault" }, "The file cannot be read.");
    return element("div", { class: "file" }, this.#head(output, name), fault);
  }
  #head(output, name) {
    const title = this.#facts.outputs.length > 1 ? output.title : "";
    return element("h4", { dir: "auto" }, title, " ", element("code", {}, name));
  }
  /** Where the browser finds a file: its https URL, or one of the page's own for its bytes. */
  #addressOf({ output, url, data }, type) {
    if (url !== void 0) return httpsUrl(output, url);
    const bytes = data === void 0 || data === "" ? void 0 : fromBase64(data);
    if (bytes === void 0) return void 0;
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    this.#urls.push(made);
    return made;
  }
  #factsOf(answer, useSeed) {
    const facts2 = [];
    for (const name of this.#facts.seeds) {
      const seed = shortText(answer[name], 40);
      if (seed === "") continue;
      const button = element("button", { type: "button", class: "quiet" }, "Use it again");
      button.addEventListener("click", () => useSeed(name, seed));
      facts2.push([name, [element("code", {}, seed), " ", button]]);
    }
    const { prompt_id: promptId, timings } = answer;
    if (typeof promptId === "string") facts2.push(["prompt_id", [element("code", {}, shortText(promptId, 200))]]);
    for (const [part, seconds] of Object.entries(isRecord(timings) ? timings : {}).slice(0, 100)) {
      facts2.push([shortText(part, 100), [`${shortText(seconds, 40)} s`]]);
    }
    return facts2;
  }
};
function httpsUrl(output, url) {
  try {
    return /^https:/i.test(url) ? fileUrl(output, url) : void 0;
  } catch (error) {
    if (!(error instanceof MediaBroken)) throw error;
    return void 0;
  }
}
function player(type, src, name) {
  const label = `Result: ${name}`;
  const [kind] = type.split("/");
  if (kind === "image") return element("img", { src, alt: label });
  if (kind === "video") return element("video", { src, controls: true, loop: true, playsinline: true, "aria-label": label });
  return kind === "audio" ? element("audio", { src, controls: true, "aria-label": label }) : null;
}
function measures(file, measured) {
  const facts2 = [];
  const keys = ["width", "height", "frame_count", "duration_seconds"];
  const [width, height, frames, seconds] = keys.map((key) => numberOf(measured[key]) ?? 0);
  if (width && height) facts2.push(["Size", [`${width} x ${height}`]]);
  if (frames) facts2.push(["Frames", [String(frames)]]);
  if (seconds) facts2.push(["Length", [`${seconds} s`]]);
  if (file.size) facts2.push(["File", [`${shortText(file.mediaType, 100)}, ${bytesText(file.size)}`]]);
  if (file.expiresAt) facts2.push(["Kept until", [shortText(file.expiresAt, 100)]]);
  if (file.sha256) facts2.push(["SHA-256", [element("code", { class: "long" }, shortText(file.sha256, 100))]]);
  return facts2;
}
function factList(facts2) {
  const rows = facts2.map(
    ([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, ...value))
  );
  return element("dl", { class: "measures" }, ...rows);
}
function wholeAnswer(answer) {
  const text2 = resultText(written(shortened2(answer)), LONGEST_TEXT);
  return element(
    "details",
    {},
    element("summary", {}, "The answer's JSON"),
    element("pre", { tabindex: "0" }, text2)
  );
}
function shortened2(value) {
  if (typeof value === "string") return value.length > 300 ? `${value.slice(0, 60)}\u2026 (${count(value.length)} characters)` : value;
  if (Array.isArray(value)) return value.slice(0, MOST_FILES).map(shortened2);
  if (!isRecord(value)) return value === void 0 ? null : value;
  const members = Object.entries(value).slice(0, MOST_FILES);
  return Object.fromEntries(members.map(([key, one]) => [key.slice(0, 200), shortened2(one)]));
}
function records(value) {
  return (Array.isArray(value) ? value : []).slice(0, MOST_FILES).filter(isRecord);
}

// page/run.ts
var UNREACHABLE = "The endpoint was not reached, or did not answer in time. Is it running? RunPod may also refuse calls from a web page; then take one of the calls shown here, or comfy2runpod serve.";
var NOT_FOUND = "Is the endpoint's id right? A result is kept for 30 minutes, and for one where the request went by /runsync.";
var REMEDIES = [
  [Unreachable, UNREACHABLE],
  [SubmissionUnknown, UNREACHABLE],
  [EndpointNotFound, NOT_FOUND],
  [ResultGone, NOT_FOUND],
  [InputRefused, "If it is too large, give files as https URLs."],
  [RateLimited, "Too many requests or jobs wait: send it again later."]
];
var Run = class {
  #facts;
  #form;
  #target;
  #result;
  #bar = progressById("bar");
  #running;
  // The outputs whose files have come before the job's end.
  #early = "";
  constructor(facts2, form2, target2) {
    this.#facts = facts2;
    this.#form = form2;
    this.#target = target2;
    this.#result = new ResultView(byId("result"), facts2);
  }
  /** Sends what the form holds, unless something is wrong with it, and waits for its end. */
  async start(sending) {
    if (this.#running !== void 0) return;
    const faults = await this.#form.check();
    if (faults > 0) {
      say(faults > 1 ? `Not sent: ${faults} fields need to be corrected.` : "Not sent: one field needs to be corrected.");
      return;
    }
    const { bytes, text: text2 } = sending();
    if (bytes > RUNSYNC_BYTES) {
      say(`Not sent: the request is larger than ${bytesText(RUNSYNC_BYTES)}. Give files as https URLs.`);
      return;
    }
    const place = this.#target.chosen();
    if (place === void 0) {
      say("Not sent: the page does not know yet where to.");
      return;
    }
    await this.#follow(place, bytes > RUN_BYTES ? "/runsync?wait=1000" : "/run", text2);
  }
  /** Has the job that runs cancelled. */
  cancel() {
    this.#running?.abort();
    say("Cancelling.");
  }
  async #follow(place, path, text2) {
    const running = new AbortController();
    this.#running = running;
    this.#showRunning(true);
    byId("run").hidden = false;
    byId("run").scrollIntoView({ block: "nearest" });
    this.#result.clear();
    say("Sent.");
    try {
      const body = new TextEncoder().encode(text2());
      this.#ended(await runJob(place, path, body, (progress) => this.#progressed(progress), running.signal));
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#running = void 0;
      this.#showRunning(false);
    }
  }
  #showRunning(on) {
    byId("run").setAttribute("aria-busy", String(on));
    this.#bar.hidden = byId("cancel").hidden = !on;
    this.#bar.removeAttribute("value");
    byId("send").setAttribute("aria-disabled", String(on));
    byId("step").textContent = "";
    byId("states").replaceChildren();
    showPreview(void 0);
    this.#early = "";
  }
  #progressed({ state, node: node2, percent, step, of, outputs, files, preview }) {
    if (state === "IN_QUEUE") {
      say("Waiting for a worker.");
      return;
    }
    say(node2 === void 0 || node2 === "" ? "Running." : `Running: ${node2}`);
    const parts = [];
    if (percent !== void 0) {
      this.#bar.value = Math.min(Math.max(percent, 0), 100);
      parts.push(`${Math.round(percent)} %`);
    }
    if (step !== void 0 && of !== void 0) parts.push(`step ${step} of ${of}`);
    setText(byId("step"), parts.join(", "));
    this.#showEarly(files);
    showPreview(preview);
    const states = Object.entries(outputs ?? {}).slice(0, 200);
    byId("states").replaceChildren(
      ...states.map(([name, is]) => element("li", { "data-state": is }, element("code", {}, name), ` ${is}`))
    );
  }
  #showEarly(files) {
    const come = files === void 0 || this.#facts.flat ? {} : files;
    const names = this.#facts.outputs.filter(({ name }) => Object.hasOwn(come, name)).map(({ name }) => name);
    if (names.join() === this.#early) return;
    this.#early = names.join();
    this.#result.showEarly(come);
  }
  #ended({ id, job }) {
    const time = numberOf(job["executionTime"]);
    const took = time === null ? "" : ` in ${(time / 1e3).toFixed(1)} s`;
    const status = String(job["status"]);
    if (status === "COMPLETED") {
      this.#result.show(job["output"], (name, seed) => this.#form.set(name, seed));
      say(`Done${took}.`);
      return;
    }
    if (status === "CANCELLED") {
      say("Cancelled.");
      return;
    }
    const { code, reason, details } = failure(status, job["error"], id);
    const told = details.map(({ field, output, message }) => ({ field: field ?? output ?? "", message }));
    const left = this.#form.tell(told);
    this.#result.fail({ code, message: reason, details: left });
    say(`Failed${took}: ${code}.`);
  }
  #refused(error) {
    if (error instanceof Unauthorized) this.#target.refuseKey();
    const [, remedy] = REMEDIES.find(([kind]) => error instanceof kind) ?? [];
    const why = error instanceof CallError ? error.message : "The endpoint's answer cannot be shown on this page.";
    this.#result.say(element("p", { dir: "auto" }, why), remedy === void 0 ? null : element("p", {}, remedy));
    say("Not done.");
  }
};
function showPreview(preview) {
  const old = byId("preview");
  old.hidden = preview === void 0;
  if (preview === void 0) {
    old.replaceChildren();
    return;
  }
  const source = `data:image/jpeg;base64,${preview}`;
  if (old.firstElementChild?.getAttribute("src") === source) return;
  old.replaceChildren(element("img", { src: source, alt: "Preview of what is being made" }));
}
function say(text2) {
  byId("run").hidden = false;
  setText(byId("status"), text2);
}

// page/target.ts
var Target = class {
  // Written into the page by `comfy2runpod serve` alone.
  #localUrl = localEndpoint();
  #here = inputById("target-here");
  #endpointId = inputById("endpoint-id");
  #apiKey = inputById("api-key");
  #localKey = inputById("local-key");
  /** `changed` is called when it changes. */
  constructor(changed) {
    const isLocal = this.#localUrl !== void 0;
    const runpod = inputById("target-runpod");
    byId("target-choice").hidden = !isLocal;
    byId("from-disk").hidden = isLocal;
    this.#here.checked = isLocal;
    runpod.checked = !isLocal;
    for (const input of [this.#here, runpod, this.#endpointId, this.#apiKey, this.#localKey]) {
      input.addEventListener("input", () => {
        for (const told of [this.#endpointId, this.#apiKey, this.#localKey]) tell(told, "");
        this.#show();
        changed();
      });
    }
    this.#show();
  }
  /** What the calls show. */
  shown() {
    const local = this.#local();
    if (local !== void 0) return { url: local, endpoint: null, key: this.#localKey.value === "local" ? "local" : null };
    const given = this.#endpointId.value.trim();
    const endpoint = isEndpointId(given) ? given : "ENDPOINT_ID";
    return { url: `${RUNPOD}/${endpoint}`, endpoint, key: null };
  }
  /** Where to send; undefined after saying at its field what is missing. */
  chosen() {
    const local = this.#local();
    if (local !== void 0) return placeOf2(local, this.#localKey, 0.5, "an API key");
    const endpoint = this.#endpointId.value.trim();
    if (!isEndpointId(endpoint)) {
      tell(this.#endpointId, endpoint === "" ? "is required" : "must be letters, digits, - and _");
      return void 0;
    }
    return placeOf2(`${RUNPOD}/${endpoint}`, this.#apiKey, 2, "a RunPod API key");
  }
  /** The endpoint does not take the key. */
  refuseKey() {
    tell(this.#local() === void 0 ? this.#apiKey : this.#localKey, "is not one that the endpoint takes");
  }
  /** The address of the endpoint behind this page, if jobs go there. */
  #local() {
    return this.#here.checked ? this.#localUrl : void 0;
  }
  #show() {
    const isLocal = this.#local() !== void 0;
    byId("runpod-fields").hidden = isLocal;
    byId("local-fields").hidden = !isLocal;
  }
};
function localEndpoint() {
  const path = document.querySelector('meta[name="comfy2runpod-endpoint"]')?.content;
  return path === void 0 ? void 0 : new URL(path, location.origin).href;
}
function placeOf2(url, key, pollSeconds, what) {
  try {
    return { url, apiKey: apiKeyOf(key.value), pollSeconds };
  } catch (error) {
    if (!(error instanceof NotConfigured)) throw error;
    tell(key, key.value.trim() === "" ? "is required" : `must be ${what}`);
    return void 0;
  }
}
function tell(input, text2) {
  showFault(byId(`fault-${input.id}`), [input], text2);
  if (text2 !== "") input.focus();
}

// page/main.ts
var facts = packageFacts(byId("package").textContent ?? "");
var current = { input: {}, faults: [] };
var target = new Target(showRequest);
var form = new Form(facts, (state) => {
  current = state;
  showRequest();
});
var run = new Run(facts, form, target);
var choices = [...document.querySelectorAll('input[name="call"]')];
function requestText() {
  return `${written({ input: current.input })}
`;
}
function requestBytes() {
  const rest = written({ input: current.input }, { file: () => '""' });
  const files = filesIn(current.input).reduce((sum, file) => sum + file.base64Length, 0);
  return new TextEncoder().encode(rest).length + files + 1;
}
function shownInput() {
  const input = {};
  for (const [name, property] of Object.entries(propertiesOf(facts.schema))) {
    const value = current.input[name];
    if (value !== void 0) input[name] = value;
    else if (isRequired(facts.schema, name) && textIn(property, "x-media") !== "") {
      input[name] = placeOf(textIn(property, "x-media"));
    }
  }
  return input;
}
function showRequest() {
  const text2 = written({ input: current.input }, { file: (file) => JSON.stringify(file.shortBase64) });
  setText(byId("request-text"), text2);
  const size = requestBytes();
  const isTooLarge = size > RUNSYNC_BYTES;
  setText(byId("request-size"), `${bytesText(size)} ${way(size)}.`);
  byId("request-size").classList.toggle("over", isTooLarge);
  const names = current.faults.map(({ control }) => control.field.name);
  setText(byId("request-state"), names.length > 0 ? `Not complete: ${names.join(", ")}.` : "");
  byId("request-state").hidden = names.length === 0;
  showCall();
}
function way(size) {
  if (size > RUNSYNC_BYTES) return "more than RunPod takes: give files as https URLs";
  if (size > RUN_BYTES) return `too large for /run, goes by /runsync (${bytesText(RUNSYNC_BYTES)})`;
  return `of ${bytesText(RUN_BYTES)} that /run takes, ${bytesText(RUNSYNC_BYTES)} for /runsync`;
}
function callText() {
  const chosen = choices.find((choice2) => choice2.checked)?.value ?? "";
  return CALLS.get(chosen)?.(facts, target.shown(), shownInput()) ?? "";
}
function showCall() {
  setText(byId("call-text"), callText());
  byId("call-n8n").hidden = !choices.some((choice2) => choice2.checked && choice2.value === "n8n");
}
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void run.start(() => ({ bytes: requestBytes(), text: requestText }));
});
byId("form").addEventListener("reset", (event) => {
  event.preventDefault();
  form.reset();
});
byId("cancel").addEventListener("click", () => run.cancel());
for (const choice2 of choices) choice2.addEventListener("change", showCall);
wireCopy(byId("copy-request"), requestText);
wireCopy(byId("copy-call"), callText);
byId("save-request").addEventListener("click", () => saveText(requestText(), "request.json"));
form.update();
