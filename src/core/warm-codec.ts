/**
 * What a daemon knows of STATIC_ROOT when it ends, and its form as bytes, so that the next one need only look what has
 * changed: 'PSWM', format, what it was made for, the snapshot, what is not ours, folders, links, marks, what changed since
 * they were taken, SHA-256.
 */
import { IndexError } from '../errors.js';
import { ByteReader, ByteWriter, damaged, unseal } from './bytes.js';
import type { EntryTable } from './entry-table.js';
import { decodeSnapshot, encodeSnapshot } from './index-codec.js';
import { type Marks, readMarks, writeMarks } from './marks-codec.js';
import { readPath, writePath } from './path-codec.js';
import { parseRelPath, type RelPath } from './relpath.js';
import type { FollowedLink } from './touched.js';

const MAGIC = Buffer.from('PSWM');
const FORMAT = 1;

export interface Warm {
  /** Says which configuration it holds for. Another one has nothing to do with it. */
  readonly madeFor: string;
  readonly entries: EntryTable;
  readonly foreign: readonly RelPath[];
  readonly folders: readonly string[];
  readonly links: readonly FollowedLink[];
  readonly marks: { readonly sources: Marks; readonly root: Marks };
  /** Paths whose content changed after the marks were taken. */
  readonly changedSince: readonly RelPath[];
}

export function encodeWarm({ madeFor, entries, foreign, folders, links, marks, changedSince }: Warm): Buffer {
  const snapshot = encodeSnapshot(entries);
  const writer = new ByteWriter(snapshot.length * 2).bytes(MAGIC).number(FORMAT).text(madeFor);
  writer.number(snapshot.length).bytes(snapshot);
  writePaths(writer, foreign);
  writePaths(writer, folders);
  writer.number(links.length);
  for (const { path, leadsTo } of links) writer.text(path).text(leadsTo);
  writeMarks(writer, marks.sources);
  writeMarks(writer, marks.root);
  writePaths(writer, changedSince);
  return writer.finishSealed();
}

/** Undefined for bytes that are damaged, of another version, or made for something else. */
export function decodeWarm(bytes: Uint8Array, madeFor: string): Warm | undefined {
  try {
    return read(new ByteReader(unseal(bytes)), madeFor);
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}

function read(reader: ByteReader, madeFor: string): Warm | undefined {
  if (!reader.bytes(MAGIC.length).equals(MAGIC)) throw damaged('it does not begin like one');
  if (reader.number() !== FORMAT) throw new IndexError('it has another format', 'foreign-version');
  if (reader.text() !== madeFor) return undefined;
  const entries = decodeSnapshot(reader.bytes(reader.number()));
  const foreign = readPaths(reader).map(relPath);
  const folders = readPaths(reader);
  const links: FollowedLink[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    links.push({ path: relPath(reader.text()), leadsTo: reader.text() });
  }
  const marks = { sources: readMarks(reader), root: readMarks(reader) };
  const changedSince = readPaths(reader).map(relPath);
  reader.end();
  return { madeFor, entries, foreign, folders, links, marks, changedSince };
}

function writePaths(writer: ByteWriter, paths: readonly string[]): void {
  writer.number(paths.length);
  let before = '';
  for (const path of paths) {
    writePath(writer, before, path);
    before = path;
  }
}

function readPaths(reader: ByteReader): string[] {
  const paths: string[] = [];
  let before = '';
  for (let left = reader.count(2); left > 0; left--) paths.push((before = readPath(reader, before)));
  return paths;
}

function relPath(text: string): RelPath {
  const path = parseRelPath(text);
  if (path === undefined) throw damaged('it holds a path that is none');
  return path;
}
