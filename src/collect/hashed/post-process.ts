/**
 * What post-processing adds to the collected files: hashed copies, style sheets and scripts that name them, the manifest.
 * Decides nothing itself: it gives `postProcess` of the core what lies on the disk.
 */
import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { type Collected, FOLDER, type Made, type Site } from '../../core/manifest/passes.js';
import { type PostProcessed, postProcess, rewriteAgain } from '../../core/manifest/post-process.js';
import type { Rules } from '../../core/manifest/rules.js';
import { isManifest } from '../../core/manifest/staticfiles-json.js';
import type { Traces } from '../../core/manifest/trace.js';
import { describeTrouble, type Trouble } from '../../core/manifest/trouble.js';
import { comparePaths, type RelPath } from '../../core/relpath.js';
import { FileError, ManifestError, SourceError } from '../../errors.js';
import type { MadeFile } from '../carry-out.js';
import { contentHashOf, readWhole } from '../digest.js';
import type { Identified } from '../identify.js';
import type { KeptContents } from '../kept-contents.js';
import { look } from '../look.js';
import type { SourceOrder } from './found-order.js';

const MOST_WARNINGS = 20; // more of them hide the first one, which is the one to read

/** How hashed names are made, where they are. Plain data. */
export interface ManifestProject {
  readonly rules: Rules;
  /** The path of the manifest in STATIC_ROOT, or in `folder`. */
  readonly name: RelPath;
  /** Where the manifest lies, if not in STATIC_ROOT; absolute. */
  readonly folder?: string | undefined;
  /** What becomes of hashed copies that no manifest names any more. */
  readonly stale: 'keep' | 'remove';
}

/** A file that is collected, and where its content lies. */
export interface SiteFile extends Collected {
  readonly file: string;
  /** The position of its source. */
  readonly source: number;
  readonly mtime: number;
  readonly mode: number;
}

/** All that is collected. */
export interface SiteFiles {
  /** In the order in which the finders list them; each path once. */
  readonly inOrder: () => readonly SiteFile[];
  readonly byPath: Pick<ReadonlyMap<string, SiteFile>, 'get' | 'has'>;
}

/** All of a site, as it was gone over. */
export interface WholeSite {
  /** In the order in which they are found. */
  readonly files: readonly SiteFile[];
  /** As each source lists it. */
  readonly orders: readonly SourceOrder[];
  readonly processed: PostProcessed;
}

export interface HashInput extends SiteInput {
  readonly traces: Traces;
}

export interface SiteInput {
  readonly files: SiteFiles;
  /** What was read before, and room for what is made. */
  readonly contents?: Pick<KeptContents, 'get' | 'keepMade'> | undefined;
  /** STATIC_ROOT, and the paths of what others put there. */
  readonly root: string;
  readonly foreign: () => Iterable<RelPath>;
}

export interface Hashing {
  readonly processed: PostProcessed;
  readonly manifest: MadeFile;
  /** What was left as it is, a sentence each. */
  readonly warnings: readonly string[];
}

/** Throws a ManifestError where Django fails, and a SourceError for a file that changes meanwhile. */
export function hashSite(input: HashInput, { rules, name }: ManifestProject): Hashing {
  const processed = postProcess(siteOf(input), rules, input.traces);
  return {
    processed,
    manifest: manifestFile(name, processed.manifest.text),
    warnings: warningsOf(processed.left),
  };
}

/** What was left as it is: a sentence about each of the first, and one about how many more. */
export function warningsOf(left: readonly Trouble[]): string[] {
  const warnings = left
    .slice(0, MOST_WARNINGS)
    .map((trouble) => `${trouble.path}: ${describeTrouble(trouble)}; left as it is`);
  const more = left.length - warnings.length;
  if (more > 0) warnings.push(`${more} more references lead nowhere and were left as they are`);
  return warnings;
}

/** A collected file as post-processing takes it: `hash` is '' where it was not asked for. */
export function siteFile({ entry, found: { file, source }, hash: contentHash = '' }: Identified): SiteFile {
  const { path, size, digest, mtime, mode } = entry; // one by one: copying thousands of objects as they are takes ten times as long
  return { path, size, digest, mtime, mode, hash: contentHash, file, source };
}

/** What STATIC_ROOT is to hold at `path`, as a file that can be put there. */
export function madeFile(path: RelPath, found: Made, rules: Rules, contents?: Pick<KeptContents, 'get'>): MadeFile {
  const from = found.from as SiteFile; // as it was given
  const { rewritten } = found;
  const { digest, size } = rewritten ?? from;
  return {
    entry: { path, digest, size, mtime: from.mtime, mode: from.mode },
    content:
      rewritten === undefined
        ? { file: from.file }
        : { bytes: () => Buffer.from(rewriteAgain(from.path, textOf(from, contents) ?? '', rewritten, rules)) },
  };
}

/**
 * Throws a ManifestError if the file at `place` is no manifest, as Django does: it may be something that somebody needs.
 * Nothing there will do.
 */
export function requireManifest(place: string): void {
  if (look(place) === undefined) return;
  const reason = whyNoManifest(place);
  if (reason === undefined) return;
  throw new ManifestError(`cannot replace ${place}: ${reason}; move it away, or correct static.manifest.name`);
}

function whyNoManifest(place: string): string | undefined {
  try {
    return isManifest(readWhole(place).toString()) ? undefined : 'it is no manifest that Django can read';
  } catch (error) {
    if (error instanceof FileError) return error.message;
    throw error;
  }
}

/** The site as the core looks at it. Its methods throw a SourceError where a file cannot be read, or is another one by now. */
export function siteOf({ files: { inOrder, byPath }, contents, root, foreign }: SiteInput): Site {
  let others: readonly RelPath[] | undefined;
  const fileAt = (path: RelPath): SiteFile => byPath.get(path) as SiteFile; // whatever is asked for was collected
  return {
    root,
    get files() {
      return inOrder();
    },
    byPath,
    textOf: ({ path }) => orStop(path, () => textOf(fileAt(path), contents)),
    onRewritten: (digest, bytes) => contents?.keepMade(digest, bytes),
    elsewhere: (place) => {
      others ??= [...foreign()].toSorted(comparePaths);
      const at = others.findIndex((path) => path === place || path.startsWith(`${place}/`));
      if (at < 0) return undefined;
      return others[at] === place ? orStop(place, () => contentHashOf(readWhole(`${root}/${place}`))) : FOLDER;
    },
    originOf: (path) => fileAt(path).file,
  };
}

/** The manifest. Its time and mode are those it gets when it is written; before that there is nothing to say of them. */
export function manifestFile(path: RelPath, bytes: Buffer): MadeFile {
  const entry = { path, size: bytes.length, digest: hash('sha256', bytes, 'hex'), mtime: 0, mode: 0o644 };
  return { entry, content: { exact: bytes } };
}

/** Undefined if it is not UTF-8. Throws a FileError if it is not what it was when it was hashed. */
function textOf(
  { file, digest, hash: known }: SiteFile,
  contents: Pick<KeptContents, 'get'> | undefined,
): string | undefined {
  const kept = contents?.get(digest);
  const bytes = kept ?? readWhole(file);
  if (kept === undefined && contentHashOf(bytes) !== known) {
    throw new FileError('CHANGED', 'it changed while files were collected; the next run takes it up');
  }
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

/** Trouble with one file is trouble with all of them here: the manifest names them all. */
function orStop<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new SourceError(`cannot post-process ${path}: ${error.message}`, { cause: error });
  }
}
