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

/** One operation. Throws Refused. */
async function operation(target, method, path, body = undefined) {
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
    });
    text = await response.text();
  } catch {
    throw new Refused(0, "The endpoint was not reached.");
  }
  let answer = null;
  try {
    answer = readJson(text);
  } catch {
    // Told by its status below.
  }
  if (response.ok && typeof answer?.status === "string") return answer;
  const said = typeof answer?.error === "string" ? answer.error : `It answered HTTP ${response.status}.`;
  throw new Refused(response.status, said, Number(response.headers.get("Retry-After")) || 0);
}

/**
 * Sends a request and follows the job; `seen` gets every answer. The last one is given back. Throws Refused.
 * `stop` is an AbortSignal: when it is aborted, the job is cancelled and then still followed to its end.
 */
async function followJob(target, { body, bytes }, seen, stop) {
  // Larger ones are taken by /runsync only, which answers with the job as it is by then.
  const path = bytes > info.limits.run ? "/runsync?wait=1000" : "/run";
  let job = await operation(target, "POST", path, body);
  seen(job);
  let cancelled = false;
  let failures = 0;
  while (!ENDED.includes(job.status)) {
    if (stop.aborted && !cancelled) {
      await operation(target, "POST", `/cancel/${encodeURIComponent(job.id)}`);
      cancelled = true;
    } else {
      await pause(target.pollMs, cancelled ? null : stop);
    }
    try {
      job = { id: job.id, ...(await operation(target, "GET", `/status/${encodeURIComponent(job.id)}`)) };
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

/** A failed job's error: {code, message, details}. What is no JSON of ours is RunPod's own text. */
function errorOf(job) {
  const text = typeof job.error === "string" ? job.error : JSON.stringify(job.error ?? null);
  try {
    const error = readJson(text);
    if (typeof error?.code === "string") {
      const details = Array.isArray(error.details) ? error.details : [];
      return { code: error.code, message: String(error.message ?? ""), details };
    }
  } catch {
    // Told as it is.
  }
  return { code: "", message: job.error == null ? `The job ended as ${job.status}.` : text, details: [] };
}
