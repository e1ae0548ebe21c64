// A video goes in, and one comes back.
import { Client, type Input, type Video } from "clips-client";

const client = new Client("https://proxy.example/v2/clips", "key");
const bytes = new Uint8Array(8);

export async function right(): Promise<number> {
  await client.run({ clip: bytes });
  await client.run({ clip: bytes.buffer });
  await client.run({ clip: new Blob([bytes]) });
  const input: Input = { clip: "https://example.com/clip.mp4" };
  const output = await client.run(input);
  return output.frame_count;
}

export async function wrong(): Promise<void> {
  // @ts-expect-error the video is required
  await client.run({});
  // @ts-expect-error a video is no number
  await client.run({ clip: 5 });
}

// A File of a form is a video too.
export const clip: Video = new Blob([]);
