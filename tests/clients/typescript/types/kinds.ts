// A text, a boolean, a choice, a list of images and a text that comes back.
import { Client } from "every-kind-client";

const client = new Client("abc", "key");

export async function right(): Promise<number> {
  const output = await client.run({ text: "a", lossless: false, method: "fastest", width: 64, outputs: ["words"] });
  const words: string | undefined = output.words?.text;
  return (output.images ?? []).reduce((sum, one) => sum + one.width, words?.length ?? 0);
}

export async function wrong(): Promise<void> {
  // @ts-expect-error a boolean is no number
  await client.run({ text: "a", lossless: 1 });
  // @ts-expect-error not one of the choices
  await client.run({ text: "a", method: "fast" });
  const output = await client.run({ text: "a" });
  // @ts-expect-error a list of images has no width
  output.images?.width;
  // @ts-expect-error the list may be shorter
  output.images?.[0].width;
  // @ts-expect-error a text has no base64
  output.words?.data;
}
