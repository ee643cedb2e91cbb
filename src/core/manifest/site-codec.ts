/**
 * A site with hashed names as it stands in the state folder, for a run that need only look what has changed: what became of
 * its files, and beside it what that made of STATIC_ROOT. Each begins with a line that holds the format and the MD5 of the
 * rest; the second names the MD5 of the first.
 *
 * What belongs to the files stands in columns, and what was traced as text that is only taken apart where it is asked for:
 * a hundred thousand small objects would take longer to make than all else takes.
 */
import { hash } from 'node:crypto';
import type { RelPath } from '../relpath.js';
import type { Digest } from '../snapshot.js';
import type { FollowedLink } from '../touched.js';
import { CONTENT_HASH_DIGITS, type ContentHash } from './hashed-name.js';
import type { ContentFacts, Trace } from './trace.js';
import type { Trouble } from './trouble.js';

const FORMAT = 'pushstatic-site-4';
const SUM_DIGITS = 32;
const HEAD_BYTES = FORMAT.length + 1 + SUM_DIGITS + 1;
const DIGEST_DIGITS = 64;

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
  /** Of each source its folders, by published path ('' for the top). */
  readonly orders: readonly Readonly<Record<string, FolderNames>>[];
  readonly unsettled: readonly RelPath[];
  readonly left: readonly Trouble[];
}

/** What is known once STATIC_ROOT holds them. */
export interface StoredBeside {
  /** What it holds for. Another one has nothing to do with it. */
  readonly madeFor: string;
  /** The sum of what became of the files. */
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
  readonly pairs: string;
  readonly paths: readonly RelPath[];
  readonly hashes: readonly ContentHash[];
  readonly digests: readonly Digest[];
  readonly sources: readonly number[];
  readonly adjustables: readonly StoredAdjustable[];
}

/** As it is read. */
export interface StoredSite extends ProcessedFacts, StoredBeside {
  readonly pairs: string;
  readonly paths: readonly RelPath[];
  readonly fileAt: (index: number) => StoredFile;
  readonly adjustables: readonly RelPath[];
  readonly adjustableAt: (index: number) => StoredAdjustable;
  /** Those that asked for the name, or for one that leads to it. */
  readonly askersOf: (name: string) => readonly RelPath[];
}

interface Document extends ProcessedFacts {
  readonly paths: readonly RelPath[];
  readonly hashes: string;
  readonly digests: string;
  readonly sources: readonly number[];
  readonly adjustables: readonly RelPath[];
  /** Of each, JSON. */
  readonly adjusted: readonly string[];
  /** A line for each name that was asked for, with the positions of those that asked. */
  readonly askers: string;
}

/** `namesOf` are all names that a name leads to. */
export function encodeSite(
  { hashes, digests, adjustables, pairs, ...facts }: SiteToStore,
  namesOf: (name: string) => string[],
): Buffer {
  const document: Document = {
    ...facts,
    hashes: hashes.join(''),
    digests: digests.join(''),
    adjustables: adjustables.map(({ path }) => path),
    adjusted: adjustables.map((each) => JSON.stringify(each)),
    askers: askersIn(adjustables, namesOf),
  };
  return withSum(`${JSON.stringify(document)}\n${pairs}`);
}

export function encodeBeside(beside: StoredBeside): Buffer {
  return withSum(JSON.stringify(beside));
}

/** Undefined for bytes that are damaged, or of another version. */
export function decodeBeside(bytes: Buffer): StoredBeside | undefined {
  if (!isWhole(bytes)) return undefined;
  return JSON.parse(bytes.toString('utf8', HEAD_BYTES)) as StoredBeside; // the sum says that it is what was written
}

/** Undefined for bytes that are damaged, of another version, or not those that `beside` names. */
export function decodeSite(bytes: Buffer, beside: StoredBeside): StoredSite | undefined {
  if (sumOf(bytes) !== beside.site || !isWhole(bytes)) return undefined;
  const rest = bytes.subarray(HEAD_BYTES);
  const end = rest.indexOf('\n');
  const document = JSON.parse(rest.toString('utf8', 0, end)) as Document;
  const { hashes, digests, sources, adjusted, adjustables, askers } = document;
  return {
    ...document,
    ...beside,
    pairs: rest.toString('latin1', end + 1),
    fileAt: (at) => ({
      hash: hashes.slice(at * CONTENT_HASH_DIGITS, (at + 1) * CONTENT_HASH_DIGITS),
      digest: digests.slice(at * DIGEST_DIGITS, (at + 1) * DIGEST_DIGITS),
      source: sources[at] ?? 0,
    }),
    adjustableAt: (at) => JSON.parse(adjusted[at] ?? '') as StoredAdjustable,
    askersOf: (name) => {
      const line = lineHead(name);
      const at = askers.indexOf(line);
      if (at < 0) return [];
      const from = at + line.length;
      const positions = askers.slice(from, askers.indexOf('\n', from)).split(' ');
      return positions.map((position) => adjustables[Number(position)] as RelPath);
    },
  };
}

function withSum(text: string): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + Buffer.byteLength(text));
  bytes.write(text, HEAD_BYTES);
  bytes.write(`${FORMAT} ${hash('md5', bytes.subarray(HEAD_BYTES), 'hex')}\n`);
  return bytes;
}

function isWhole(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, HEAD_BYTES) === `${FORMAT} ${hash('md5', bytes.subarray(HEAD_BYTES), 'hex')}\n`;
}

/** What stands in the first line of something whole. */
export function sumOf(bytes: Buffer): string {
  return bytes.toString('latin1', HEAD_BYTES - 1 - SUM_DIGITS, HEAD_BYTES - 1);
}

/** One text, in which a name is found faster than a map of all names is made. */
function askersIn(adjustables: readonly StoredAdjustable[], namesOf: (name: string) => string[]): string {
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
  return `${Array.from(askers, ([name, positions]) => `${lineHead(name)}${positions.join(' ')}`).join('')}\n`;
}

/** No name has a line feed once it is JSON. */
function lineHead(name: string): string {
  return `\n${JSON.stringify(name)} `;
}
