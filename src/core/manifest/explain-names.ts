/**
 * explainNames: of a path or a hashed name, what it is called, what it refers to, and who refers to it. For people who ask;
 * what is published is decided in `passes.ts`.
 */
import { normalizePath } from '../python-path.js';
import { comparePaths, parseRelPath, type RelPath } from '../relpath.js';
import { CONTENT_HASH_DIGITS, hashedName, pathOfName } from './hashed-name.js';
import type { Collected, Site } from './passes.js';
import type { PostProcessed } from './post-process.js';
import { isAdjustable } from './references.js';
import { type Answer, rewrite } from './rewrite.js';
import type { Rules } from './rules.js';
import type { Traces } from './trace.js';

/** A reference as it stands in a text. */
export interface Reference {
  /** With all that was taken for the reference. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
  /** Where it leads, in STATIC_ROOT; as it is written where that is no URL. */
  readonly target: string;
  /** What is asked for: the target, and a query behind it where there is one. Undefined where it is no URL. */
  readonly name: string | undefined;
}

export interface NamedReference extends Omit<Reference, 'name'> {
  /** What it is rewritten to name; undefined for what is not hashed or not there, or where that cannot be told. */
  readonly hashedName: string | undefined;
  readonly isDead: boolean;
}

export interface Referrer {
  readonly path: RelPath;
  /** In ascending order. */
  readonly lines: readonly number[];
}

export interface NamesOf {
  /** The file that it is about. */
  readonly path: RelPath;
  /** Whether that was asked for, or by a hashed name: the one it has, or one of another content. */
  readonly askedBy: 'path' | 'hashed-name' | 'stale-name';
  /** Undefined for a path that is not collected, and where it cannot be told. */
  readonly hashedName: RelPath | undefined;
  /** From the first line to the last. */
  readonly references: readonly NamedReference[];
  /** Sorted by path. */
  readonly referrers: readonly Referrer[];
}

export interface Explained {
  /** Undefined where post-processing fails. */
  readonly processed: Pick<PostProcessed, 'table' | 'made'> | undefined;
  readonly traces: Traces;
  readonly rules: Rules;
}

/** `asked` is a path or a hashed name. Throws as `site.textOf` does. */
export function explainNames(asked: RelPath, site: Site, { processed, traces, rules }: Explained): NamesOf {
  const { path, askedBy } = fileOf(asked, site, processed?.table, rules);
  const file = site.byPath.get(path);
  return {
    path,
    askedBy,
    hashedName: processed?.table.get(path),
    references: file === undefined ? [] : namedReferences(file, site, processed, rules),
    referrers: referrersOf(path, site, traces, rules),
  };
}

/** The references in `text`, in the order of the patterns that find them, without those to folders. */
export function referencesIn(path: string, text: string, rules: Rules): Reference[] {
  const found: Reference[] = [];
  let name: string | undefined;
  rewrite(path, text, {
    rules,
    lookUp: (asked) => {
      name = asked;
      return { kind: 'missing' }; // so that each is told of, and the text stays as it is
    },
    onDead: (dead) => {
      const target = name === undefined ? dead.target : placeOf(name, rules);
      found.push({ text: dead.text, line: dead.line, target, name });
      name = undefined;
      return 'leave';
    },
  });
  return found;
}

/** Texts are only read of files that may refer to it, by their traces. Throws as `site.textOf` does. */
export function referrersOf(
  target: RelPath,
  { files, textOf }: Pick<Site, 'files' | 'textOf'>,
  traces: Traces,
  rules: Rules,
): Referrer[] {
  const referrers: Referrer[] = [];
  for (const file of files) {
    if (!isAdjustable(file.path) || !mayRefer(file, target, traces, rules)) continue;
    const references = referencesIn(file.path, textOf(file) ?? '', rules);
    const lines = new Set(references.filter((each) => each.target === target).map(({ line }) => line));
    if (lines.size > 0) referrers.push({ path: file.path, lines: [...lines].toSorted((a, b) => a - b) });
  }
  return referrers.toSorted((a, b) => comparePaths(a.path, b.path));
}

/** The paths of which `name` may be a hashed name. */
export function unhashed(name: string, { python }: Pick<Rules, 'python'>): RelPath[] {
  const found = [WITH_EXTENSION, WITHOUT_EXTENSION].flatMap((form) => {
    const { before = '', hash = '', after = '' } = form.exec(name)?.groups ?? {};
    const path = parseRelPath(before + after);
    return path !== undefined && hashedName(path, hash, python) === name ? [path] : [];
  });
  return [...new Set(found)];
}

const HASH = `\\.(?<hash>[0-9a-f]{${CONTENT_HASH_DIGITS}})`;
const WITH_EXTENSION = new RegExp(`^(?<before>.+)${HASH}(?<after>\\.[^./]*)$`, 's');
const WITHOUT_EXTENSION = new RegExp(`^(?<before>.+)${HASH}$`, 's');

/** A file of that very name comes first. */
function fileOf(
  asked: RelPath,
  { byPath }: Site,
  table: PostProcessed['table'] | undefined,
  rules: Rules,
): Pick<NamesOf, 'path' | 'askedBy'> {
  if (byPath.has(asked)) return { path: asked, askedBy: 'path' };
  for (const [path, name] of table ?? []) if (name === asked) return { path, askedBy: 'hashed-name' };
  const old = unhashed(asked, rules).find((path) => byPath.has(path));
  return old === undefined ? { path: asked, askedBy: 'path' } : { path: old, askedBy: 'stale-name' };
}

function namedReferences(
  file: Collected,
  site: Site,
  processed: Explained['processed'],
  rules: Rules,
): NamedReference[] {
  if (!isAdjustable(file.path)) return [];
  const answers = answersTo(file, processed);
  const found = referencesIn(file.path, site.textOf(file) ?? '', rules).toSorted((a, b) => a.line - b.line);
  return found.map(({ name, ...reference }) => {
    const answer = name === undefined ? undefined : answers.get(name);
    const known = processed?.table.get(reference.target as RelPath);
    const hashed = answer?.kind === 'hashed' && answer.name !== name ? answer.name : known;
    return { ...reference, hashedName: hashed, isDead: hashed === undefined && !isThere(reference.target, site) };
  });
}

/** What the rewriting asked for, and was told. */
function answersTo({ path }: Collected, processed: Explained['processed']): ReadonlyMap<string, Answer | undefined> {
  const name = processed?.table.get(path);
  const rewritten = name === undefined ? undefined : processed?.made.get(name)?.rewritten;
  return new Map(rewritten?.names.map((each, at) => [each, rewritten.answers[at]]));
}

function isThere(place: string, { files, byPath, elsewhere }: Site): boolean {
  if (byPath.has(place) || place === '.') return true;
  return files.some(({ path }) => path.startsWith(`${place}/`)) || elsewhere(place) !== undefined;
}

/** False only where it is known that it asks for other things. */
function mayRefer({ path, digest }: Collected, target: RelPath, traces: Traces, rules: Rules): boolean {
  const known = traces.get(path);
  if (known?.digest !== digest) return true;
  return known.traces.some(({ names }) => names.some((name) => name === target || placeOf(name, rules) === target));
}

/** The place in STATIC_ROOT that a name leads to. */
function placeOf(name: string, { python }: Rules): string {
  return normalizePath(pathOfName(name, python) ?? name);
}
