/**
 * Names of files that may be any bytes, as text: as Python does (os.fsdecode), each byte that is no UTF-8 is written as a
 * lone surrogate, '\udcff' for 0xff. So such names fit into JSON, and into what Django says.
 */
import { isUtf8 } from 'node:buffer';

const LONGEST_CHARACTER = 4;
const ESCAPE = 0xdc00;
const ESCAPES = /[\udc80-\udcff]/u;

export function bytesOf(text: string): Buffer {
  if (!ESCAPES.test(text)) return Buffer.from(text);
  const parts = Array.from(text, (each) =>
    ESCAPES.test(each) ? Buffer.of(each.charCodeAt(0) - ESCAPE) : Buffer.from(each),
  );
  return Buffer.concat(parts);
}

export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOfCharacter(bytes, at);
    text += length > 0 ? bytes.toString('utf8', at, at + length) : String.fromCharCode(ESCAPE + (bytes[at] ?? 0));
    at += Math.max(length, 1);
  }
  return text;
}

/** The bytes of the character that begins there; 0 if none does. */
function lengthOfCharacter(bytes: Buffer, at: number): number {
  for (let length = 1; length <= LONGEST_CHARACTER && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

/** The place of `path` below `folder`, for the functions of node:fs. */
export function placeIn(folder: string, path: string): Buffer {
  return path === '' ? bytesOf(folder) : bytesOf(`${folder}/${path}`);
}
