/** The fields of a request that take a file. */

import { type Schema, refuse } from "./checks.js";
import { FileFault, type FileKind, encodedFile } from "./files.js";

/**
 * Encodes the files of a request; `kinds` are those that it has fields for.
 *
 * @throws InvalidInput: files exceed a limit of their field, or have another format.
 * @throws InputRefused: a file cannot be read.
 */
export async function encoded(
  request: Readonly<Record<string, unknown>>,
  schema: Schema,
  kinds: readonly FileKind[],
  checked: boolean,
): Promise<Record<string, unknown>> {
  const sent: Record<string, unknown> = { ...request };
  const faults: { field: string; message: string }[] = [];
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  for (const [name, property] of Object.entries(properties)) {
    const kind = kinds.find(({ media }) => property["x-media"] === media);
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
