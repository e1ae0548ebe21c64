// A job on an endpoint: sent, asked for until it has ended, stopped.

const ENDED = ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"];
// How often a status that does not come is asked for again before it is given up.
const TRIES = 5;

/** A request that was not answered as it should be: `status` is HTTP's, 0 where nothing came. */
class Refused extends Error {
  constructor(status, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

// How long an operation may take, and one second more for every 64 KiB that is sent or received.
const OPERATION_MS = 60_000;
const PACE = 65_536;
// RunPod's own answers have 20 MB at most.
const MOST_BYTES = 32_000_000;

/** One operation. Throws Refused. */
async function operation(target, method, path, body = undefined) {
  const limit = timeLimit(body?.length ?? 0);
  let response;
  let text;
  try {
    response = await fetch(`${target.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${target.secret}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body,
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      // Never to another place with the key.
      redirect: "error",
      signal: limit.signal,
    });
    text = await bodyText(response, limit);
  } catch (error) {
    if (error instanceof Refused) throw error;
    const late = limit.signal.aborted;
    throw new Refused(0, late ? "The endpoint did not answer in time." : "The endpoint was not reached.");
  } finally {
    limit.end();
  }
  let answer = null;
  try {
    answer = readJson(text);
  } catch {
    // Told by its status below.
  }
  if (response.ok && typeof answer?.status === "string") return answer;
  const why = said(answer?.error) || `It answered HTTP ${response.status}.`;
  throw new Refused(response.status, why, Math.min(Number(response.headers.get("Retry-After")) || 0, 60));
}

/** Aborts what takes too long: from now on, however much comes. */
function timeLimit(sent) {
  const controller = new AbortController();
  let until = performance.now() + OPERATION_MS + (1000 * sent) / PACE;
  let timer;
  const came = (bytes) => {
    clearTimeout(timer);
    until += (1000 * bytes) / PACE;
    timer = setTimeout(() => controller.abort(), Math.max(until - performance.now(), 0));
  };
  came(0);
  return { signal: controller.signal, came, end: () => clearTimeout(timer) };
}

/** An answer's body, if it is not longer than any of RunPod's. */
async function bodyText(response, limit) {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts).text();
    limit.came(value.length);
    size += value.length;
    if (size > MOST_BYTES) {
      reader.cancel().catch(() => undefined);
      throw new Refused(response.status, `The endpoint's answer has more than ${bytesText(MOST_BYTES)}.`);
    }
    parts.push(value);
  }
}

/**
 * Sends a request and follows the job; `seen` gets every answer. The last one is given back. Throws Refused.
 * `stop` is an AbortSignal: when it is aborted, the job is cancelled and then still followed to its end.
 */
async function followJob(target, { body, bytes }, seen, stop) {
  // Larger ones are taken by /runsync only, which answers with the job as it is by then.
  const path = bytes > info.limits.run ? "/runsync?wait=1000" : "/run";
  let job = await operation(target, "POST", path, body);
  const id = job.id;
  // It becomes a part of paths.
  if (typeof id !== "string" || !/^[A-Za-z0-9_.:-]{1,200}$/.test(id) || /^\.+$/.test(id)) {
    throw new Refused(200, "The endpoint's answer holds no id of a job; it may be queued, or not.");
  }
  seen(job);
  let cancelled = false;
  let failures = 0;
  while (!ENDED.includes(job.status)) {
    if (stop.aborted && !cancelled) {
      await operation(target, "POST", `/cancel/${encodeURIComponent(id)}`);
      cancelled = true;
    } else {
      await pause(target.pollMs, cancelled ? null : stop);
    }
    try {
      job = await operation(target, "GET", `/status/${encodeURIComponent(id)}`);
      failures = 0;
      seen(job);
    } catch (error) {
      const again = error instanceof Refused && [0, 429, 500, 502, 503, 504].includes(error.status);
      failures += 1;
      if (!again || failures > TRIES) throw error;
      await pause(Math.max(1000 * failures, 1000 * error.retryAfter), null);
    }
  }
  return job;
}

/** Waits, or until `stop` is aborted. */
function pause(milliseconds, stop) {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      stop?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds);
    stop?.addEventListener("abort", over);
  });
}

/** A failed job's error: {code, message, details}, all of them texts. What is no JSON of ours is RunPod's own text. */
function errorOf(job) {
  const text = typeof job.error === "string" ? job.error : writeJson(job.error ?? null);
  try {
    const error = readJson(text);
    if (typeof error?.code === "string") {
      const details = objectsOf(error.details).map(({ field, output, message }) => ({
        field: said(field, 200) || said(output, 200),
        message: said(message),
      }));
      return { code: said(error.code, 100), message: said(error.message), details };
    }
  } catch {
    // Told as it is.
  }
  return { code: "", message: job.error == null ? `The job ended as ${said(job.status, 40)}.` : said(text), details: [] };
}
