/**
 * Writes a local file so that a reader finds the old content or the new, never a part.
 *
 * Order: temporary name in the same folder, content, mode, rename over. A crash before the rename leaves only the
 * temporary file, which `isTemporary` knows by its name. Nothing is flushed to the disk: everything written here can
 * be made again, and is compared by content before it is believed.
 */
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';

const PREFIX = '.pushstatic-';
const SUFFIX = '.tmp';

/** Whether a file of this name is one that an interrupted run left behind. */
export function isTemporary(name: string): boolean {
  return name.startsWith(PREFIX) && name.endsWith(SUFFIX);
}

const THIS_THREAD = randomBytes(6).toString('hex'); // no other one has such names
let made = 0;

/** A name beside `path` for its next content. */
export function temporaryFor(path: string): string {
  return `${path.slice(0, path.lastIndexOf('/') + 1)}${PREFIX}${THIS_THREAD}-${(made++).toString(36)}${SUFFIX}`;
}

/** A piece is only good until the next one is asked for. */
export type Content = Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Makes `path` hold `content`, with `mode` if one is given (else what the umask leaves of 0666). */
export async function atomicWrite(path: string, content: Content, mode?: number): Promise<void> {
  const temporary = temporaryFor(path);
  try {
    await writeFile(temporary, content, { flag: 'wx' });
    if (mode !== undefined) await chmod(temporary, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** As `atomicWrite`, before it returns: a tenth of the time for a small file, in which nothing else happens. */
export function atomicWriteNow(path: string, content: Uint8Array, mode: number): void {
  const temporary = temporaryFor(path);
  try {
    writeFileSync(temporary, content, { flag: 'wx', mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
