/**
 * Trees to measure with: the same names and contents in each run.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const KINDS = ['css', 'js', 'png', 'svg', 'woff2'];
const IN_FOLDER = 100;

/** The name of file number `number` below a tree of `plantMany`. */
export function nameOf(number: number): string {
  const at = number % IN_FOLDER;
  return `app${Math.floor(number / IN_FOLDER)}/file${at}.${KINDS[at % KINDS.length]}`;
}

/** `files` files, of 1 to 4 KB where nothing else is said, a hundred in a folder. */
export async function plantMany(tree: string, files: number, contentOf = content): Promise<void> {
  for (let first = 0; first < files; first += IN_FOLDER) {
    await mkdir(dirname(join(tree, nameOf(first))), { recursive: true });
    const numbers = Array.from({ length: Math.min(IN_FOLDER, files - first) }, (_, i) => first + i);
    await Promise.all(numbers.map((number) => writeFile(join(tree, nameOf(number)), contentOf(number))));
  }
}

/** 1 to 4 KB, different for each number, the same in each run. */
export function content(number: number): Buffer {
  const bytes = Buffer.alloc(1024 + ((number * 37) % 3072));
  let state = number + 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
