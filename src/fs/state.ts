/**
 * StateFolder: what pushstatic remembers on this machine between two runs.
 *
 * Everything in it is a cache: a file that is missing, damaged or cannot be written costs time, never correctness.
 * So reading answers undefined where there is nothing to believe, and the formats inside carry their own checksums.
 */
import { createHash } from 'node:crypto';
import { appendFile, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { atomicWrite, atomicWriteNow, type Content, isTemporary } from './atomic-write.js';
import { makeFolders } from './make-folders.js';
import { writeAll } from './write-all.js';

const MOST_NAME_BYTES = 255; // of ext4, XFS, APFS and the like
const KEPT_NAME_BYTES = 200; // so that a person sees what it is of
const ABANDONED_MS = 3_600_000; // nobody writes one file for an hour

/** Folders that this process has looked through, or is about to. */
const tidied = new Set<string>();

/**
 * The folder for the configuration file `configFile` (absolute): below systemd's $STATE_DIRECTORY, else the XDG state
 * folder. Two configurations never share one.
 */
export function stateFolderFor(configFile: string, env: NodeJS.ProcessEnv): string {
  const xdg = absolute(env['XDG_STATE_HOME']) ?? join(env['HOME'] || homedir(), '.local', 'state');
  const base = absolute(env['STATE_DIRECTORY']?.split(':')[0]) ?? join(xdg, 'pushstatic');
  return join(base, `${basename(dirname(configFile))}-${idOf(configFile)}`);
}

/** A folder named in the environment; one that is relative is to be ignored (XDG Base Directory Specification). */
export function absolute(folder: string | undefined): string | undefined {
  return folder?.startsWith('/') === true ? folder : undefined;
}

export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The folder `name`, which may be of any length, inside this one. */
  folder(name: string): StateFolder {
    const encoded = encodeURIComponent(name);
    const isLong = encoded.length > MOST_NAME_BYTES;
    const short = isLong ? `${encoded.slice(0, KEPT_NAME_BYTES)}-${idOf(name)}` : encoded;
    return new StateFolder(join(this.path, short));
  }

  /** The content of the file `name`, or undefined where it cannot be read. */
  async read(name: string): Promise<Buffer | undefined> {
    return readFile(join(this.path, name)).catch(() => undefined);
  }

  async write(name: string, content: Content): Promise<void> {
    await this.make();
    await atomicWrite(join(this.path, name), content, 0o600);
  }

  /** As `write`, before it returns. The folder must be there. */
  writeNow(name: string, content: Uint8Array): void {
    atomicWriteNow(join(this.path, name), content, 0o600);
  }

  /** Puts `bytes` at `offset` of the file `name`, made if missing. */
  async append(name: string, offset: number, bytes: Uint8Array): Promise<void> {
    await this.make();
    const file = await open(join(this.path, name), offset === 0 ? 'w' : 'r+', 0o600);
    try {
      await writeAll(file, bytes, offset);
    } finally {
      await file.close();
    }
  }

  /** Puts `text` at the end of the file `name`, made if missing. */
  async extend(name: string, text: string): Promise<void> {
    await this.make();
    await appendFile(join(this.path, name), text, { mode: 0o600 });
  }

  /** The last `length` bytes of the file `name`, or undefined where there are not so many to be read. */
  async readEnd(name: string, length: number): Promise<Buffer | undefined> {
    const file = await open(join(this.path, name), 'r').catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const { size } = await file.stat();
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, Math.max(0, size - length));
      return bytesRead === length ? buffer : undefined;
    } finally {
      await file.close();
    }
  }

  /** Of its files; none where it is missing. */
  async names(): Promise<string[]> {
    return readdir(this.path).catch(() => []);
  }

  /** In bytes; 0 for one that is missing. */
  async sizeOf(name: string): Promise<number> {
    return stat(join(this.path, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }

  async has(name: string): Promise<boolean> {
    return stat(join(this.path, name)).then(
      () => true,
      () => false,
    );
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
  }

  /** Makes the folder if it is missing. Whatever writes does so by itself, but for `writeNow`. */
  async make(): Promise<void> {
    await makeFolders(this.path, 0o700);
    if (tidied.has(this.path)) return;
    tidied.add(this.path);
    await this.#tidy().catch(() => undefined); // it is in nobody's way
  }

  /** Removes what runs that were killed had begun to write. */
  async #tidy(): Promise<void> {
    const newest = Date.now() - ABANDONED_MS;
    for (const name of (await this.names()).filter(isTemporary)) {
      const { mtimeMs } = await stat(join(this.path, name));
      if (mtimeMs < newest) await this.remove(name);
    }
  }
}

function idOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
