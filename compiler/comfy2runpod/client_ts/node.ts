/** Saves and reads files, in Node, Bun and Deno. Browsers do not load this module. */

import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { CallError, CannotSave, InputRefused } from "./errors.js";
import { type Sink, TotalBytes } from "./media.js";
import type { EndpointClient } from "./transport.js";

export interface SaveOptions {
  /** What the file names begin with. */
  readonly prefix?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the media of an output, or of the `files` of a progress update, to a folder, after checking their size and
 * sha256. Returns the paths, by output. Files are written atomically.
 *
 * @throws MediaBroken: a file is not the one that the worker made, or cannot be downloaded; no part of it is left. Or the
 *   files are too many or too large (`maxFiles`, `maxTotalBytes`), or two have the same name: that is found first.
 * @throws CannotSave: a file cannot be written.
 */
export async function save<Input extends object, Output extends object, Files extends object>(
  client: EndpointClient<Input, Output, Files>,
  output: Output | Files,
  folder: string | URL,
  { prefix = "", signal }: SaveOptions = {},
): Promise<Record<string, string[]>> {
  const target = typeof folder === "string" ? folder : fileURLToPath(folder);
  const media = client.files(output);
  const total = new TotalBytes(media, client.options.maxTotalBytes);
  await saving(mkdir(target, { recursive: true }));
  const saved: Record<string, string[]> = {};
  for (const medium of media) {
    const path = join(target, `${prefix}${medium.name}`);
    const part = join(target, `.${prefix}${medium.name}.${randomUUID()}.part`);
    total.count(medium, await client.download(medium, () => onDisk(part, path), { signal }));
    (saved[medium.output] ??= []).push(path);
  }
  return saved;
}

/**
 * Reads a file for a field that takes one.
 *
 * @throws InputRefused: the file cannot be read.
 */
export async function file(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new InputRefused(`${String(path)} cannot be read: ${why}`);
  }
}

/** A sink that writes a file; what it keeps is the file's size. */
async function onDisk(part: string, path: string): Promise<Sink<number>> {
  const file = await saving(open(part, "wx"));
  const hash = createHash("sha256");
  let isOpen = true;
  let size = 0;
  const close = async (): Promise<void> => {
    if (isOpen) await saving(file.close());
    isOpen = false;
  };
  return {
    write: async (chunk) => {
      hash.update(chunk);
      size += chunk.length;
      await saving(file.writeFile(chunk));
    },
    end: async () => {
      await close();
      const keep = async (): Promise<number> => {
        await saving(rename(part, path));
        return size;
      };
      return { sha256: hash.digest("hex"), keep };
    },
    drop: async () => {
      await close();
      await saving(rm(part, { force: true }));
    },
  };
}

/** Awaits a file system operation; throws CannotSave if it fails. */
async function saving<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof CallError) throw error;
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CannotSave(`a file cannot be written: ${why}`, { cause: error });
  }
}
