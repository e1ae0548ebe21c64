// Makes calls with built clients: for each plan, a line of standard input, what came of it is a line of standard output.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

for await (const line of createInterface({ input: process.stdin })) console.log(await made(JSON.parse(line)));

async function made(plan) {
  const at = (file) => import(pathToFileURL(`${plan.client}/dist/${file}`).href);
  const { CallError, Client, JobFailed, isKnownFailure, stringify } = await at("index.js");
  const { file, save } = await at("node.js");

  // What JSON has no words for.
  const MEANT = {
    $bigint: (digits) => BigInt(digits),
    $number: (name) => Number(name),
    $bytes: (base64) => new Uint8Array(Buffer.from(base64, "base64")),
    $buffer: (base64) => new Uint8Array(Buffer.from(base64, "base64")).buffer,
    $blob: (base64) => new Blob([Buffer.from(base64, "base64")]),
    $path: (path) => file(path),
  };

  async function meant(value) {
    const [key, inner] = (typeof value === "object" && value !== null && Object.entries(value)[0]) || [];
    return Object.hasOwn(MEANT, key ?? "") ? MEANT[key](inner) : value;
  }

  async function membersOf(object) {
    return Promise.all(Object.entries(object).map(async ([name, value]) => [name, await meant(value)]));
  }

  async function request() {
    return Object.fromEntries(await membersOf(plan.request));
  }

  const controller = new AbortController();
  const call = {
    ...(plan.timeoutSeconds === undefined ? {} : { timeoutSeconds: plan.timeoutSeconds }),
    ...(plan.abort === undefined ? {} : { signal: controller.signal }),
    ...(plan.job === undefined ? {} : { job: Object.fromEntries(await membersOf(plan.job)) }),
  };
  if (plan.abort?.atOnce) controller.abort();
  // Aborts while the first request to a path is under way.
  const aborting = (url, init) => {
    const answer = fetch(url, init);
    if (String(url).endsWith(plan.abort.onRequest)) controller.abort();
    return answer;
  };
  const taking = async () => new Response('{"id":"j1"}');
  const options = { ...plan.options, ...(plan.do === "verdicts" ? { fetch: taking } : {}), ...(plan.abort?.onRequest === undefined ? {} : { fetch: aborting }) };

  const told = [];
  function tell(progress) {
    told.push(progress);
    if (plan.abort?.onProgress) controller.abort(new Error("enough"));
  }

  const DO = {
    run: async (client) => client.run(await request(), { ...call, onProgress: tell }),
    submit: async (client) => client.submit(await request(), call),
    result: (client) => client.result(plan.jobId, { ...call, onProgress: tell }),
    cancel: (client) => client.cancel(plan.jobId),
    status: (client) => client.status(plan.jobId),
    nothing: () => "made",
    // What becomes of each of many requests, without a server: null if it is sent, else the error's details.
    verdicts: async (client) => {
      const found = [];
      for (const request of plan.requests) {
        const asked = Array.isArray(request) || typeof request !== "object" || request === null;
        const given = asked ? request : Object.fromEntries(await membersOf(request));
        const details = (error) => ({ name: error.name, reason: error.reason ?? error.message, details: error.details ?? [] });
        found.push(await client.submit(given).then(() => null, details));
      }
      return found;
    },
    watch: async (client) => {
      for await (const update of client.watch(await request(), call)) {
        told.push(update);
        if (plan.breakOnProgress) return "broken off";
      }
      return "ended";
    },
    save: (client) => save(client, plan.output, plan.folder, { prefix: plan.prefix ?? "" }),
    runAndSave: async (client) => {
      const output = await client.run(await request(), { ...call, onProgress: tell });
      return { output, saved: await save(client, output, plan.folder) };
    },
    watchAndSave: async (client) => {
      for await (const update of client.watch(await request(), call)) {
        if (update.kind === "result") return update.output;
        told.push(update);
        if (update.files !== undefined) await save(client, update.files, plan.folder);
      }
    },
    media: async (client) => {
      const files = await client.media(plan.output);
      return files.map(({ bytes, ...file }) => ({ ...file, bytes: Buffer.from(bytes).toString("base64") }));
    },
  };

  const started = performance.now();
  let outcome;
  const environment = { ...process.env };
  Object.assign(process.env, plan.env);
  try {
    const given = plan.env === undefined ? [plan.url, plan.key ?? "key"] : plan.given;
    const client = new Client(...given.map((one) => one ?? undefined), options);
    const value = await DO[plan.do](client);
    outcome = { value, types: Object.fromEntries(Object.entries(value ?? {}).map(([key, one]) => [key, typeof one])) };
  } catch (error) {
    outcome = {
      error: {
        name: error.name,
        message: error.message,
        isCallError: error instanceof CallError,
        isJobFailed: error instanceof JobFailed,
        isKnown: isKnownFailure(error),
        ...("jobId" in error ? { jobId: error.jobId ?? null } : {}),
        ...("code" in error ? { code: error.code, retryable: error.retryable, reason: error.reason ?? null, details: error.details ?? null } : {}),
        ...("retryAfter" in error ? { retryAfter: error.retryAfter ?? null } : {}),
      },
    };
  }
  process.env = environment;
  return stringify({ ...outcome, told, seconds: (performance.now() - started) / 1000 });
}
