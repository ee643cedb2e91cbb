/**
 * The index as bytes: a snapshot, a journal that is only appended to, and a head that is replaced last.
 *
 *   head      JSON on one line and its SHA-256 on the next: format, site, generation, and name, length and checksum
 *             of the two others
 *   snapshot  'PSIX', format, count, entries (see `PackedEntries`); sealed by its SHA-256
 *   journal   segments: length, content, SHA-256 over the checksum before and the content. So the last checksum,
 *             which stands in the head, vouches for all of them, and an append need not read what is there.
 *   segment   kind (1 begin, 2 commit), count, and for each path: path, 0 or 1, entry without path if 1
 *
 * Everything read here may come from a hostile server: every rule that is broken is an IndexError, no count is
 * believed before the bytes for it are there, and no path is accepted that a plan could not contain.
 */
import { IndexError } from '../errors.js';
import { ByteReader, ByteWriter, CHECKSUM_BYTES, checksum, damaged, summing, unseal } from './bytes.js';
import type { Entry } from './entry.js';
import { EntryTable } from './entry-table.js';
import { PackedEntries, readEntry, readRelPath, writeEntry } from './packed-entries.js';
import { writePath } from './path-codec.js';
import { parseRelPath, type RelPath } from './relpath.js';
import { type Pending, pendingOf, type TargetIndex, type Truths } from './target-index.js';
import { atOnce, isStop, type Work } from './work.js';

const FORMAT = 1;
const MAGIC = Buffer.from('PSIX');
const SNAPSHOT_FRAME_BYTES = 64; // what stands before the entries and behind them, at most
const LEAST_RECORD_BYTES = 4;
const MOST_FILE_BYTES = 2 ** 31; // tens of millions of files: more than that is not read into memory because a server says so
const LAST_DATE = 8.64e15; // in milliseconds, of ECMAScript's dates
const MAX_HEAD_BYTES = 4096;

/** A file that the head vouches for. `checksum` is hexadecimal. */
export interface FileReference {
  readonly name: RelPath;
  readonly bytes: number;
  readonly checksum: string;
}

export interface Head {
  readonly site: string;
  readonly generation: number;
  /** When the last commit was made, in milliseconds since 1970. For people; nothing is decided by it. */
  readonly committedAt: number;
  /** How many files are certain, their bytes, and how many paths are pending. For people. */
  readonly files: number;
  readonly bytes: number;
  readonly pending: number;
  readonly snapshot: FileReference;
  readonly journal: FileReference;
}

/** One segment of the journal. A begin announces what paths shall become; a commit says what they are. */
export interface Segment {
  readonly kind: 'begin' | 'commit';
  readonly paths: Truths;
}

/** The checksum before the first segment. */
export const FIRST_CHECKSUM = '0'.repeat(CHECKSUM_BYTES * 2);

export function encodeHead(head: Head): Buffer {
  const line = JSON.stringify({ format: FORMAT, ...head });
  return Buffer.from(`${line}\n${checksum(Buffer.from(line)).toString('hex')}\n`);
}

/** Throws an IndexError 'foreign-version' for a head of another format, 'damaged' for all else that is not a head. */
export function decodeHead(bytes: Uint8Array): Head {
  if (bytes.length > MAX_HEAD_BYTES) throw damaged('its head is too long');
  const [line = '', sum = '', ...rest] = Buffer.from(bytes).toString('utf8').split('\n');
  if (rest.length !== 1 || rest[0] !== '') throw damaged('its head does not end where it should');
  if (checksum(Buffer.from(line)).toString('hex') !== sum) throw damaged('the checksum of its head does not agree');
  const value = parseJson(line);
  const format = value['format'];
  if (format !== FORMAT)
    throw new IndexError(`it has format ${String(format)}, and this version reads format ${FORMAT}`, 'foreign-version');
  return {
    site: textIn(value, 'site'),
    generation: countIn(value, 'generation'),
    committedAt: countIn(value, 'committedAt', LAST_DATE),
    files: countIn(value, 'files'),
    bytes: countIn(value, 'bytes'),
    pending: countIn(value, 'pending'),
    snapshot: referenceIn(value, 'snapshot'),
    journal: referenceIn(value, 'journal'),
  };
}

export function encodeSnapshot(entries: EntryTable): Buffer {
  return atOnce(encodingSnapshot(entries));
}

/** As `encodeSnapshot`. */
export function* encodingSnapshot(entries: EntryTable): Work<Buffer> {
  const { content, length } = yield* entries.packing();
  const writer = new ByteWriter(content.length + SNAPSHOT_FRAME_BYTES);
  return yield* writer.bytes(MAGIC).number(FORMAT).number(length).bytes(content).sealing();
}

/** `sound`: it was decoded before. */
export function decodeSnapshot(bytes: Uint8Array, from: 'sound' | 'anybody' = 'anybody'): EntryTable {
  const reader = new ByteReader(unseal(bytes));
  if (!reader.bytes(MAGIC.length).equals(MAGIC)) throw damaged('its snapshot does not begin like one');
  if (reader.number() !== FORMAT) throw new IndexError('its snapshot has another format', 'foreign-version');
  return new EntryTable(from === 'sound' ? PackedEntries.fromSound(reader) : PackedEntries.from(reader));
}

/** The bytes to append, and the checksum that the head is to carry from then on. */
export interface EncodedSegment {
  readonly bytes: Buffer;
  readonly checksum: string;
}

/** `before` is the checksum that the head carries now. */
export function encodeSegment(segment: Segment, before: string): EncodedSegment {
  return atOnce(encodingSegment(segment, before));
}

/** As `encodeSegment`. */
export function* encodingSegment(segment: Segment, before: string): Work<EncodedSegment> {
  const writer = new ByteWriter().number(segment.kind === 'begin' ? 1 : 2).number(segment.paths.size);
  let [last, at] = ['', 0];
  for (const [path, entry] of segment.paths) {
    if (isStop(at++)) yield;
    writePath(writer, last, path);
    last = path;
    writer.number(entry === undefined ? 0 : 1);
    if (entry !== undefined) writeEntry(writer, entry);
  }
  const content = writer.finish();
  const sum = yield* chaining(before, content);
  const bytes = Buffer.concat([new ByteWriter().number(content.length).finish(), content, sum]);
  return { bytes, checksum: sum.toString('hex') };
}

/** All segments of a journal whose last checksum is `last`. */
export function decodeJournal(bytes: Uint8Array, last: string): Segment[] {
  const segments: Segment[] = [];
  let sum = FIRST_CHECKSUM;
  for (const [segment, next] of segmentsIn(bytes)) {
    segments.push(segment);
    sum = next;
  }
  if (sum !== last) throw damaged('its journal is not the one that the head names');
  return segments;
}

/** The segments from the beginning of a journal up to the first that is not whole. For one that no head vouches for. */
export function decodeWholeSegments(bytes: Uint8Array): Segment[] {
  const segments: Segment[] = [];
  try {
    for (const [segment] of segmentsIn(bytes)) segments.push(segment);
  } catch (error) {
    if (!(error instanceof IndexError)) throw error;
  }
  return segments;
}

/** Each segment with the checksum up to its end. */
function* segmentsIn(bytes: Uint8Array): Generator<[Segment, string]> {
  const reader = new ByteReader(bytes);
  let sum = FIRST_CHECKSUM;
  while (reader.left > 0) {
    const content = reader.bytes(reader.number());
    const expected = chain(sum, content);
    if (!reader.bytes(CHECKSUM_BYTES).equals(expected)) throw damaged('a checksum in its journal does not agree');
    sum = expected.toString('hex');
    yield [decodeSegment(content), sum];
  }
}

/** The index that a head, its snapshot and its journal stand for. Costs the entries once, however long the journal. */
export function replay(head: Head, entries: EntryTable, segments: readonly Segment[]): TargetIndex {
  const certain = new Map<RelPath, Entry | undefined>();
  const pending = new Map<RelPath, Pending>();
  for (const { kind, paths } of segments) {
    for (const [path, entry] of paths) {
      if (kind === 'commit') {
        certain.set(path, entry);
        pending.delete(path);
      } else {
        const waiting = pending.get(path);
        const before = certain.has(path) ? certain.get(path) : entries.find(path);
        pending.set(path, pendingOf(path, waiting?.candidates ?? (before === undefined ? [] : [before]), entry));
      }
    }
  }
  const { site, generation } = head;
  return { site, generation, entries: entries.with(certain).without(pending.keys()), pending };
}

function decodeSegment(content: Buffer): Segment {
  const reader = new ByteReader(content);
  const kind = reader.number();
  if (kind !== 1 && kind !== 2) throw damaged('its journal holds a segment of an unknown kind');
  const count = reader.count(LEAST_RECORD_BYTES);
  const paths = new Map<RelPath, Entry | undefined>();
  let before = '';
  for (let i = 0; i < count; i++) {
    const path = readRelPath(reader, before);
    before = path;
    const has = reader.number();
    if (has > 1) throw damaged('its journal holds a record of an unknown kind');
    paths.set(path, has === 1 ? readEntry(reader, path) : undefined);
  }
  reader.end();
  return { kind: kind === 1 ? 'begin' : 'commit', paths };
}

function chain(before: string, content: Uint8Array): Buffer {
  return atOnce(chaining(before, content));
}

function chaining(before: string, content: Uint8Array): Work<Buffer> {
  return summing(Buffer.from(before, 'hex'), content);
}

function parseJson(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new IndexError('its head is not JSON', 'damaged', { cause });
  }
  throw damaged('its head is not an object');
}

function textIn(value: Record<string, unknown>, key: string): string {
  const found = value[key];
  if (typeof found !== 'string' || found === '') throw damaged(`its head has no ${key}`);
  return found;
}

function countIn(value: Record<string, unknown>, key: string, most = Number.MAX_SAFE_INTEGER): number {
  const found = value[key];
  if (!Number.isSafeInteger(found) || (found as number) < 0 || (found as number) > most)
    throw damaged(`its head has no ${key}`);
  return found as number;
}

function referenceIn(value: Record<string, unknown>, key: string): FileReference {
  const found = value[key];
  if (typeof found !== 'object' || found === null) throw damaged(`its head has no ${key}`);
  const reference = found as Record<string, unknown>;
  const name = parseRelPath(textIn(reference, 'name'));
  if (name === undefined || name.includes('/') || !name.startsWith(`${key}-`))
    throw damaged(`its head names a strange ${key}`);
  const sum = textIn(reference, 'checksum');
  if (!/^[0-9a-f]{64}$/.test(sum)) throw damaged(`its head has no checksum of the ${key}`);
  return { name, bytes: countIn(reference, 'bytes', MOST_FILE_BYTES), checksum: sum };
}
