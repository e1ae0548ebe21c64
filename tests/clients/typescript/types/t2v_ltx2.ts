// One flat output, and a seed beyond what a JavaScript number holds.
import {
  type CallError,
  Client,
  type Input,
  type Output,
  type Progress,
  isKnownFailure,
} from "t2v-ltx2-client";

const client = new Client("abc", "key", { callSeconds: 60, pollSeconds: [1, 5] });

export async function right(signal: AbortSignal): Promise<string> {
  const input: Input = { prompt: "a cat", width: 640, seed: 18446744073709551615n };
  const output: Output = await client.run(input, { signal, onProgress: (one: Progress) => void one.percent?.toFixed(1) });
  const seed: bigint = output.seed;
  const type: "video/mp4" = output.media_type;
  // The seed of an answer is one to ask with.
  await client.submit({ prompt: "again", seed: output.seed });
  await client.submit({ prompt: "again", seed: null });
  const [first] = await client.media(output);
  if (first !== undefined) new Blob([first.bytes], { type: first.mediaType });
  if (output.url !== undefined) return output.url + output.expires_at;
  return output.video + type + seed;
}

export async function iterated(): Promise<Output | undefined> {
  for await (const update of client.watch({ prompt: "a cat" }, { timeoutSeconds: 5 })) {
    if (update.kind === "result") return update.output;
    update.percent satisfies number | undefined;
    // @ts-expect-error a progress has no output
    update.output;
  }
  return undefined;
}

export function failures(error: unknown): number {
  if (!isKnownFailure(error)) return 0;
  switch (error.code) {
    case "out_of_memory":
      return 1;
    case "invalid_input":
      error.name satisfies "InvalidInput";
      return error.details.length;
    // @ts-expect-error there is no such code
    case "out_of_memry":
      return 2;
    default:
      return (error satisfies CallError).reason.length;
  }
}

export async function wrong(): Promise<void> {
  // @ts-expect-error the prompt is required
  await client.run({});
  // @ts-expect-error there is no such field
  await client.run({ prompt: "a", promt: "b" });
  // @ts-expect-error a prompt is a text
  await client.run({ prompt: 5 });
  // @ts-expect-error a width is a number
  await client.run({ prompt: "a", width: "64" });
  // @ts-expect-error a seed is no text
  await client.run({ prompt: "a", seed: "7" });
  // @ts-expect-error what is omitted is omitted
  await client.run({ prompt: "a", width: undefined });
  // @ts-expect-error one output leaves nothing to choose
  await client.run({ prompt: "a", outputs: ["video"] });
  // @ts-expect-error nor are there images to encode
  await client.run({ prompt: "a", output: { format: "webp" } });
  // @ts-expect-error a seed may be beyond what a number holds
  (await client.run({ prompt: "a" })).seed satisfies number;
  // @ts-expect-error a video may have come by URL
  (await client.run({ prompt: "a" })).video satisfies string;
  // @ts-expect-error there is no such option
  new Client("abc", "key", { patience: 5 });
  // Key and endpoint may come from the environment.
  new Client("abc");
  new Client();
  // @ts-expect-error a key is a text
  new Client("abc", 5);
}
