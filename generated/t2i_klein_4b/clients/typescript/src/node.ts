/** What needs a file system: files of an answer saved, images read. For Node, Bun and Deno; browsers never load this. */

import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { CallError, CannotSave, InputRefused } from "./errors.js";
import type { Sink } from "./media.js";
import type { EndpointClient } from "./transport.js";

export interface SaveOptions {
  /** What the names of the files begin with. */
  readonly prefix?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the media of an output, or of a progress's `files`, into a folder, each checked against the size and sha256 that
 * the answer says; their paths, by the output's name. A file is there whole, or not at all.
 *
 * @throws MediaBroken: a file is another than the worker made, or cannot be fetched; nothing is left of it.
 * @throws CannotSave: a file cannot be written.
 */
export async function save<Input extends object, Output extends object, Files extends object>(
  client: EndpointClient<Input, Output, Files>,
  output: Output | Files,
  folder: string | URL,
  { prefix = "", signal }: SaveOptions = {},
): Promise<Record<string, string[]>> {
  const target = typeof folder === "string" ? folder : fileURLToPath(folder);
  await saving(mkdir(target, { recursive: true }));
  const saved: Record<string, string[]> = {};
  for (const medium of client.files(output)) {
    const path = join(target, `${prefix}${medium.name}`);
    const part = join(target, `.${prefix}${medium.name}.${randomUUID()}.part`);
    await client.bring(medium, () => onDisk(part, path), { signal });
    (saved[medium.output] ??= []).push(path);
  }
  return saved;
}

/**
 * An image file's bytes, as fields that take images take them.
 *
 * @throws InputRefused: it cannot be read.
 */
export async function image(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new InputRefused(`${String(path)} cannot be read: ${why}`);
  }
}

async function onDisk(part: string, path: string): Promise<Sink<void>> {
  const file = await saving(open(part, "wx"));
  const hash = createHash("sha256");
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await saving(file.close());
    isOpen = false;
  };
  return {
    write: async (chunk) => {
      hash.update(chunk);
      await saving(file.writeFile(chunk));
    },
    end: async () => {
      await close();
      return { sha256: hash.digest("hex"), keep: () => saving(rename(part, path)) };
    },
    drop: async () => {
      await close();
      await saving(rm(part, { force: true }));
    },
  };
}

/** What a step of the file system brings; its faults as ours. */
async function saving<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof CallError) throw error;
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CannotSave(`a file cannot be written: ${why}`, { cause: error });
  }
}
