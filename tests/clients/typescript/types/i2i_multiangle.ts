// Several outputs: each may be missing, and may have failed.
import { Client, type Failed, type Output } from "i2i-multiangle-client";

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
