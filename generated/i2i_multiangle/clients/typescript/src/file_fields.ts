/** The fields of a request that take a file, and every kind of file that there is. */

import { type Schema, refuse } from "./checks.js";
import { FileFault, type FileKind, encodedFile } from "./files.js";
import { image } from "./images.js";
import { video } from "./videos.js";

const KINDS: readonly FileKind[] = [image, video];

/**
 * Encodes the files of a request.
 *
 * @throws InvalidInput: files exceed a limit of their field, or have another format.
 * @throws InputRefused: a file cannot be read.
 */
export async function encoded(
  request: Readonly<Record<string, unknown>>,
  schema: Schema,
  checked: boolean,
): Promise<Record<string, unknown>> {
  const sent: Record<string, unknown> = { ...request };
  const faults: { field: string; message: string }[] = [];
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  for (const [name, property] of Object.entries(properties)) {
    const kind = KINDS.find(({ media }) => property["x-media"] === media);
    if (kind === undefined || !Object.hasOwn(sent, name)) continue;
    try {
      sent[name] = await encodedFile(kind, name, sent[name], property, checked);
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      faults.push({ field: name, message: error.message });
    }
  }
  refuse(faults);
  return sent;
}
