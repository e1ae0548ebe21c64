/** A file that was chosen, on its way into a request: its name, its content, and its base64. */

import { toBase64 } from "../client_ts/files.js";
import { count } from "../client_ts/text.js";

// What is shown of a file in a request, in characters of base64.
const SHOWN = 24;

export class PickedFile {
  /** The word that a schema has for its kind. */
  readonly media: string;
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  #base64: string | undefined;

  constructor(media: string, name: string, bytes: Uint8Array<ArrayBuffer>) {
    this.media = media;
    this.name = name;
    this.bytes = bytes;
  }

  get base64(): string {
    return (this.#base64 ??= toBase64(this.bytes));
  }

  /** How many characters its base64 has, which need not be made for that. */
  get base64Length(): number {
    return 4 * Math.ceil(this.bytes.length / 3);
  }

  /** The beginning of its base64, for people. */
  get shortBase64(): string {
    const left = this.base64Length - SHOWN;
    if (left <= 0) return this.base64;
    return `${toBase64(this.bytes.subarray(0, (SHOWN / 4) * 3))}… (${count(left)} more characters)`;
  }
}
