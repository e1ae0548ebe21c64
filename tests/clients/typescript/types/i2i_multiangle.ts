// Several outputs: each may be missing, and may have failed.
import { type Bucket, Client, type Failed, type Files, type JobOptions, type Output, type Progress } from "i2i-multiangle-client";

const client = new Client("abc", "key");
const image = new Uint8Array(8);

export async function right(): Promise<string | undefined> {
  const angles = ["aerial", "left_90"] as const;
  const output: Output = await client.run({ image, outputs: angles, allow_partial: true });
  const failed: readonly Failed[] = output.failed ?? [];
  for (const one of failed) if (one.output === "aerial" && one.code === "timeout") return one.message;
  if (output.aerial?.url !== undefined) return output.aerial.expires_at;
  return output.aerial?.data;
}

export async function wrong(): Promise<void> {
  // @ts-expect-error there is no such output
  await client.run({ image, outputs: ["arial"] });
  // @ts-expect-error allow_partial is true or false
  await client.run({ image, allow_partial: "yes" });
  const output = await client.run({ image });
  // @ts-expect-error an output may be missing
  output.aerial.width;
  // @ts-expect-error nothing may have failed
  output.failed.length;
  const [failed] = output.failed ?? [];
  // @ts-expect-error no output of this name can have failed
  if (failed?.output === "arial") return;
}

const bucket: Bucket = { accessId: "i", accessSecret: "s", bucketName: "b", endpointUrl: "https://s3.example" };
const job: JobOptions = { webhook: "https://x.example", executionSeconds: 9, ttlSeconds: 60, lowPriority: true, bucket };

export async function early(): Promise<number | undefined> {
  await client.submit({ image }, { job });
  await client.run({ image }, { job, onProgress: (progress: Progress) => void progress.files?.aerial?.width });
  for await (const update of client.watch({ image }, { job })) {
    if (update.kind === "result") return update.output.aerial?.width;
    const files: Files | undefined = update.files;
    if (files?.aerial !== undefined) await client.media({ aerial: files.aerial });
    if (files !== undefined) await client.media(files);
    // @ts-expect-error there is no such output
    files?.arial;
    // @ts-expect-error not every file is done
    files?.aerial.width;
  }
  return undefined;
}

export async function wrongJobs(): Promise<void> {
  // @ts-expect-error seconds are a number
  await client.submit({ image }, { job: { executionSeconds: "9" } });
  // @ts-expect-error a bucket has a name
  await client.run({ image }, { job: { bucket: { accessId: "i", accessSecret: "s", endpointUrl: "https://x" } } });
  // @ts-expect-error a job that is queued already takes no options
  await client.result("j1", { job });
}
