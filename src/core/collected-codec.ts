/**
 * What collecting remembers from one run to the next, and its form as bytes: 'PSCO', format, the sources with their
 * numbers of files, the files put into STATIC_ROOT with their digests and what they are, the folders made there, SHA-256
 * over all of it.
 */
import { IndexError } from '../errors.js';
import { ByteReader, ByteWriter, damaged, unseal } from './bytes.js';
import type { Digest } from './entry.js';
import { readPath, writePath } from './path-codec.js';

const MAGIC = Buffer.from('PSCO');
const FORMAT = 2;
const DIGEST_DIGITS = 64;

export interface Memory {
  /** How many files each source had, by the key that `guardSources` knows it by. */
  readonly sources: ReadonlyMap<string, number>;
  /** What lies in STATIC_ROOT because of pushstatic, with the content that was put there. */
  readonly files: ReadonlyMap<string, Digest>;
  /** Those of them that are no plain copies: hashed ones, and the manifest. */
  readonly made: ReadonlySet<string>;
  /** The folders of STATIC_ROOT that pushstatic made. */
  readonly folders: ReadonlySet<string>;
}

export const NO_MEMORY: Memory = { sources: new Map(), files: new Map(), made: new Set(), folders: new Set() };

export function encodeMemory({ sources, files, made, folders }: Memory): Buffer {
  const writer = new ByteWriter().bytes(MAGIC).number(FORMAT).number(sources.size);
  for (const [key, count] of sources) writer.text(key).number(count);
  writer.number(files.size);
  let before = '';
  for (const [path, digest] of files) {
    writePath(writer, before, path);
    writer.hex(digest).number(made.has(path) ? 1 : 0);
    before = path;
  }
  writer.number(folders.size);
  for (const folder of folders) {
    writePath(writer, before, folder);
    before = folder;
  }
  return writer.finishSealed();
}

/** The memory, or undefined for bytes that are damaged or of another version. */
export function decodeMemory(bytes: Uint8Array): Memory | undefined {
  try {
    return read(new ByteReader(unseal(bytes)));
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}

function read(reader: ByteReader): Memory {
  if (!reader.bytes(MAGIC.length).equals(MAGIC)) throw damaged('it does not begin like a memory');
  if (reader.number() !== FORMAT) throw new IndexError('it has another format', 'foreign-version');
  const sources = new Map<string, number>();
  for (let left = reader.count(2); left > 0; left--) sources.set(reader.text(), reader.number());
  const files = new Map<string, Digest>();
  const made = new Set<string>();
  let before = '';
  for (let left = reader.count(4 + DIGEST_DIGITS / 2); left > 0; left--) {
    const path = readPath(reader, before);
    files.set(path, reader.hex(DIGEST_DIGITS));
    if (reader.number() === 1) made.add(path);
    before = path;
  }
  const folders = new Set<string>();
  for (let left = reader.count(2); left > 0; left--) {
    const folder = readPath(reader, before);
    folders.add(folder);
    before = folder;
  }
  reader.end();
  return { sources, files, made, folders };
}
