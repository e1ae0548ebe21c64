// An image goes in.
import { Client, type Image } from "i2i-klein-9b-client";

const client = new Client("https://proxy.example/v2/edit", "key");
const bytes = new Uint8Array(8);

export async function right(): Promise<number> {
  await client.run({ prompt: "p", image: bytes });
  await client.run({ prompt: "p", image: bytes.buffer });
  await client.run({ prompt: "p", image: new Blob([bytes]) });
  const output = await client.run({ prompt: "p", image: "https://example.com/cat.png", output: { format: "jpeg" } });
  if (output.media_type === "image/webp") return output.width;
  return output.seed;
}

export async function wrong(): Promise<void> {
  // @ts-expect-error the image is required
  await client.run({ prompt: "p" });
  // @ts-expect-error an image is no number
  await client.run({ prompt: "p", image: 5 });
  // @ts-expect-error images are not encoded so
  await client.run({ prompt: "p", image: bytes, output: { format: "gif" } });
  // @ts-expect-error this seed is within what a number holds
  await client.run({ prompt: "p", image: bytes, seed: 7n });
  const output = await client.run({ prompt: "p", image: bytes });
  // @ts-expect-error no other type comes back
  if (output.media_type === "image/gif") return;
}

// A File of a form is an image too.
export const image: Image = new Blob([]);
