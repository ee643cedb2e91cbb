/**
 * What post-processing adds to the collected files: hashed copies, style sheets and scripts that name them, the manifest.
 * Decides nothing itself: it gives `postProcess` of the core what lies on the disk.
 */
import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import {
  type Collected,
  type Made,
  type PostProcessed,
  postProcess,
  rewriteAgain,
  type Site,
} from '../core/manifest/post-process.js';
import type { Rules } from '../core/manifest/rules.js';
import { isManifest } from '../core/manifest/staticfiles-json.js';
import type { Traces } from '../core/manifest/trace.js';
import { describeTrouble } from '../core/manifest/trouble.js';
import type { RelPath } from '../core/relpath.js';
import { holdsBelow, positionOf } from '../core/snapshot.js';
import { FileError, ManifestError, SourceError } from '../errors.js';
import type { MadeFile } from './carry-out.js';
import { contentHashOf, readWhole } from './digest.js';
import type { Identified } from './identify.js';
import { look } from './look.js';

/** How hashed names are made, where they are. */
export interface ManifestProject {
  readonly rules: Rules;
  /** The path of the manifest in STATIC_ROOT, or in `folder`. */
  readonly name: RelPath;
  /** Where the manifest lies, if not in STATIC_ROOT; absolute. */
  readonly folder?: string | undefined;
  /** What becomes of hashed copies that no manifest names any more. */
  readonly stale: 'keep' | 'remove';
}

/** What is known of the files; each path once. */
export interface PostProcessInput {
  /** In the order in which the finders list them. */
  readonly files: readonly Identified[];
  /** What others put into STATIC_ROOT, sorted. */
  readonly foreign: () => readonly Identified[];
  readonly traces: Traces;
}

export interface Hashing {
  readonly processed: PostProcessed;
  /** All that is to lie in STATIC_ROOT beside the plain copies. */
  readonly made: readonly MadeFile[];
  /** The manifest, if it does not lie in STATIC_ROOT. */
  readonly manifestElsewhere: MadeFile | undefined;
  /** Plain copies that are none any more, because something that was made has their path. */
  readonly replaced: ReadonlySet<RelPath>;
  /** What was left as it is, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Throws a ManifestError if the file at `place` is no manifest, as Django does: it may be something that somebody needs.
 * Nothing there will do.
 */
export function requireManifest(place: string): void {
  if (look(place) === undefined || isManifest(readWhole(place).toString())) return;
  throw new ManifestError(
    `cannot replace ${place}: it is no manifest that Django can read; move it away, or correct static.manifest.name`,
  );
}

/** Throws a ManifestError where Django fails, and a SourceError for a file that changes meanwhile. */
export function makeHashed(input: PostProcessInput, { rules, name, folder }: ManifestProject): Hashing {
  const byPath = new Map(input.files.map((file) => [file.entry.path, file]));
  const processed = postProcess(siteOf(input, byPath), rules, input.traces);
  const made = Array.from(processed.made, ([path, each]) => madeFile(path, each, byPath, rules));
  const manifest = manifestFile(name, processed.manifest);
  const isHere = folder === undefined;
  return {
    processed,
    made: isHere ? [...made.filter(({ entry }) => entry.path !== name), manifest] : made,
    manifestElsewhere: isHere ? undefined : manifest,
    replaced: isHere && byPath.has(name) ? new Set([...processed.removed, name]) : processed.removed,
    warnings: processed.left.map((trouble) => `${trouble.path}: ${describeTrouble(trouble)}; left as it is`),
  };
}

function siteOf({ files, foreign }: PostProcessInput, byPath: ReadonlyMap<string, Identified>): Site {
  let others: readonly Identified[] | undefined;
  return {
    files: files.map(collectedFrom),
    textOf: ({ path }) => orStop(path, () => textOf(fileAt(path, byPath))),
    elsewhere: (place) => {
      others ??= foreign();
      const path = place as RelPath;
      const entries = others.map(({ entry }) => entry);
      if (holdsBelow(entries, path)) return 'folder';
      const other = others[positionOf(entries, path)];
      if (other?.entry.path !== path) return undefined;
      return orStop(path, () => contentHashOf(readWhole(other.found.file)));
    },
    originOf: (path) => fileAt(path, byPath).found.file,
  };
}

function collectedFrom({ entry: { path, digest, size }, hash = '' }: Identified): Collected {
  return { path, digest, size, hash };
}

function madeFile(
  path: RelPath,
  { from, rewritten }: Made,
  byPath: ReadonlyMap<string, Identified>,
  rules: Rules,
): MadeFile {
  const { entry, found } = fileAt(from.path, byPath);
  const { digest, size } = rewritten ?? from;
  return {
    entry: { ...entry, path, digest, size },
    content:
      rewritten === undefined
        ? { file: found.file }
        : {
            bytes: () =>
              Buffer.from(rewriteAgain(from.path, textOf(fileAt(from.path, byPath)) ?? '', rewritten, rules)),
          },
  };
}

/** Its time and mode are those it gets when it is written; before that there is nothing to say of them. */
function manifestFile(path: RelPath, text: string): MadeFile {
  const bytes = Buffer.from(text);
  const entry = { path, size: bytes.length, digest: hash('sha256', bytes, 'hex'), mtime: 0, mode: 0o644 };
  return { entry, content: { bytes: () => bytes } };
}

/** Undefined if it is not UTF-8. Throws a FileError if it is not what it was when it was hashed. */
function textOf({ found, hash: known }: Identified): string | undefined {
  const bytes = readWhole(found.file);
  if (contentHashOf(bytes) !== known) {
    throw new FileError('CHANGED', 'it changed while files were collected; the next run takes it up');
  }
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

function fileAt(path: RelPath, byPath: ReadonlyMap<string, Identified>): Identified {
  return byPath.get(path) as Identified; // whatever is asked for was collected
}

/** Trouble with one file is trouble with all of them here: the manifest names them all. */
function orStop<T>(path: RelPath, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new SourceError(`cannot post-process ${path}: ${error.message}`, { cause: error });
  }
}
