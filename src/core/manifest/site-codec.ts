/**
 * A site with hashed names as it stands in the state folder, for a run that need only look what has changed: what became of
 * its files, and beside it what that made of STATIC_ROOT.
 *
 *   site     format, facts, content hashes, digests, one line for each style sheet and script, pairs, askers, SHA-256
 *   beside   format, facts, SHA-256
 *
 * Each stands on a line of its own but for the askers, which have many, and the sum of all behind the format, which ends it. Facts
 * are JSON. All else is made piece by piece, and is only taken apart where it is asked for: a hundred thousand small objects
 * would take longer to make than all else takes.
 */
import { createHash, hash } from 'node:crypto';
import { CHECKSUM_BYTES } from '../bytes.js';
import type { Digest } from '../entry.js';
import type { RelPath } from '../relpath.js';
import type { FollowedLink } from '../touched.js';
import { CONTENT_HASH_DIGITS, type ContentHash } from './hashed-name.js';
import type { ContentFacts, Trace } from './trace.js';
import type { Trouble } from './trouble.js';

const FORMAT = 'pushstatic-site-5\n';
const DIGEST_DIGITS = 64;
const LINE_FEED = 0x0a;
const PIECE_LENGTH = 256 * 1024;

/** The names in a folder of a source, as the system lists them. */
export interface FolderNames {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** A style sheet or script. */
export interface StoredAdjustable {
  readonly path: RelPath;
  readonly size: number;
  /** What it became, if that is not what it was. */
  readonly rewritten: ContentFacts | undefined;
  readonly traces: readonly Trace[];
  /** What it asked for beside that: what has a reference that leads nowhere leaves no trace. */
  readonly names: readonly string[];
}

/** What is known of a site once its files are processed. */
interface ProcessedFacts {
  /** Its own, which no other one has. */
  readonly id: string;
  readonly paths: readonly RelPath[];
  /** Of each path the position of its source. */
  readonly sources: readonly number[];
  /** Of each source its folders, by published path ('' for the top). */
  readonly orders: readonly Readonly<Record<string, FolderNames>>[];
  readonly unsettled: readonly RelPath[];
  readonly left: readonly Trouble[];
}

/** What is known once STATIC_ROOT holds them. */
export interface StoredBeside {
  /** What it holds for. Another one has nothing to do with it. */
  readonly madeFor: string;
  /** The id of the site. */
  readonly site: string;
  /** Of the manifest in STATIC_ROOT. */
  readonly manifest: Digest;
  /** What others put into STATIC_ROOT. */
  readonly foreign: readonly RelPath[];
  /** The folders of STATIC_ROOT that pushstatic made. */
  readonly folders: readonly string[];
  readonly links: readonly FollowedLink[];
}

export interface StoredFile {
  readonly hash: ContentHash;
  readonly digest: Digest;
  /** The position of its source. */
  readonly source: number;
}

/** As it is written: the files in columns, in any order, `adjustables` as a pass goes over them. */
export interface SiteToStore extends ProcessedFacts {
  /** ASCII, in one line. */
  readonly pairs: Buffer;
  readonly hashes: readonly ContentHash[];
  readonly digests: readonly Digest[];
  readonly adjustables: readonly StoredAdjustable[];
}

/** As it is read. */
export interface StoredSite extends ProcessedFacts, StoredBeside {
  readonly pairs: () => string;
  readonly fileAt: (index: number) => StoredFile;
  readonly adjustables: readonly RelPath[];
  readonly adjustableAt: (index: number) => StoredAdjustable;
  /** Those that asked for the name, or for one that leads to it. */
  readonly askersOf: (name: string) => readonly RelPath[];
}

interface Document extends ProcessedFacts {
  readonly adjustables: readonly RelPath[];
}

/** Piece by piece. `namesOf` are all names that a name leads to. */
export function encodeSite(site: SiteToStore, namesOf: (name: string) => string[]): Iterable<Uint8Array> {
  return sealed(linesOf(site, namesOf));
}

export function encodeBeside(beside: StoredBeside): Iterable<Uint8Array> {
  return sealed([Buffer.from(`${JSON.stringify(beside)}\n`)]);
}

/** Undefined for bytes that are damaged, or of another version. */
export function decodeBeside(bytes: Buffer): StoredBeside | undefined {
  const text = unsealed(bytes);
  return text && (JSON.parse(text.toString()) as StoredBeside); // the sum says that it is what was written
}

/** Undefined for bytes that are damaged, of another version, or not those that `beside` names. */
export function decodeSite(bytes: Buffer, beside: StoredBeside): StoredSite | undefined {
  const text = unsealed(bytes);
  if (text === undefined) return undefined;
  let end = -1;
  const nextLine = (): Line => ({ from: end + 1, to: (end = text.indexOf(LINE_FEED, end + 1)) });
  const read = ({ from, to }: Line): string => text.toString('utf8', from, to);
  const document = JSON.parse(read(nextLine())) as Document;
  if (document.id !== beside.site) return undefined;
  const [hashes, digests] = [nextLine(), nextLine()];
  const adjusted = document.adjustables.map(nextLine);
  const pairs = nextLine();
  const askers = text.subarray(end);
  return {
    ...document,
    ...beside,
    pairs: () => text.toString('latin1', pairs.from, pairs.to),
    fileAt: (at) => ({
      hash: cellOf(text, hashes, at, CONTENT_HASH_DIGITS),
      digest: cellOf(text, digests, at, DIGEST_DIGITS),
      source: document.sources[at] ?? 0,
    }),
    adjustableAt: (at) => JSON.parse(read(adjusted[at] ?? pairs)) as StoredAdjustable,
    askersOf: (name) => {
      const line = lineHead(name);
      const at = askers.indexOf(line);
      if (at < 0) return [];
      const from = at + Buffer.byteLength(line);
      const positions = askers.toString('latin1', from, askers.indexOf(LINE_FEED, from)).split(' ');
      return positions.map((position) => document.adjustables[Number(position)] as RelPath);
    },
  };
}

/** Where it stands, in bytes. */
interface Line {
  readonly from: number;
  readonly to: number;
}

/** One of those that stand in a line one after another, all of the same length. */
function cellOf(text: Buffer, { from }: Line, at: number, digits: number): string {
  return text.toString('latin1', from + at * digits, from + (at + 1) * digits);
}

function* linesOf(
  { hashes, digests, adjustables, pairs, ...facts }: SiteToStore,
  namesOf: (name: string) => string[],
): Generator<Uint8Array> {
  const document: Document = { ...facts, adjustables: adjustables.map(({ path }) => path) };
  yield Buffer.from(`${JSON.stringify(document)}\n`);
  yield Buffer.from(`${hashes.join('')}\n`, 'latin1');
  yield Buffer.from(`${digests.join('')}\n`, 'latin1');
  yield* inPieces(adjustables, (each) => `${JSON.stringify(each)}\n`);
  yield pairs;
  yield* inPieces(askersIn(adjustables, namesOf), ([name, positions]) => `${lineHead(name)}${positions.join(' ')}`);
  yield Buffer.from('\n');
}

/** The texts of many together: a piece of each would be a call to the system for each. */
function* inPieces<T>(items: Iterable<T>, textOf: (item: T) => string): Generator<Uint8Array> {
  let piece = '';
  for (const item of items) {
    piece += textOf(item);
    if (piece.length < PIECE_LENGTH) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  yield Buffer.from(piece);
}

/** Behind the format, and before the sum of all of it. */
function* sealed(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  const sum = createHash('sha256');
  yield Buffer.from(FORMAT);
  for (const piece of pieces) {
    sum.update(piece);
    yield piece;
  }
  yield sum.digest();
}

function unsealed(bytes: Buffer): Buffer | undefined {
  const text = bytes.subarray(FORMAT.length, -CHECKSUM_BYTES);
  const isOurs = bytes.toString('latin1', 0, FORMAT.length) === FORMAT;
  return isOurs && hash('sha256', text, 'buffer').equals(bytes.subarray(-CHECKSUM_BYTES)) ? text : undefined;
}

/** Who asked for each name, by position. It stands as text, in which a name is found faster than a map of all names is made. */
function askersIn(
  adjustables: readonly StoredAdjustable[],
  namesOf: (name: string) => string[],
): ReadonlyMap<string, readonly number[]> {
  const askers = new Map<string, number[]>();
  for (const [position, { traces, names }] of adjustables.entries()) {
    for (const asked of [names, ...traces.map((trace) => trace.names)]) {
      for (const each of asked) {
        for (const name of namesOf(each)) {
          const before = askers.get(name);
          if (before === undefined) askers.set(name, [position]);
          else if (before.at(-1) !== position) before.push(position);
        }
      }
    }
  }
  return askers;
}

/** No name has a line feed once it is JSON. */
function lineHead(name: string): string {
  return `\n${JSON.stringify(name)} `;
}
