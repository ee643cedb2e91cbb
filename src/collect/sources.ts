/**
 * The sources of a project as they lie on the disk: what each of them offers, and what cannot be known of it.
 */
import { realpathSync } from 'node:fs';
import { relative, resolve as resolvePath } from 'node:path';
import { type IgnoreRules, ignoreRules } from '../core/fnmatch.js';
import { CONTROL, comparePaths, isWithin, parseRelPath } from '../core/relpath.js';
import type { Candidate } from '../core/resolve.js';
import { ConfigError, type Problem, SourceError } from '../errors.js';
import { type Pacer, sortPaced } from '../fs/pace.js';
import { look } from './look.js';
import { type Found, walk } from './walk.js';

/** A folder to collect from, absolute, and what goes in front of its files' paths ('' for nothing). */
export interface Source {
  readonly path: string;
  readonly prefix: string;
}

/** Where static files come from and go to. `sources` are in order of precedence; all paths are absolute. */
export interface SourceProject {
  readonly sources: readonly Source[];
  readonly ignore: readonly string[];
  readonly root: string;
}

/** A file that a source offers. */
export interface SourceFile extends Found, Candidate {}

export interface Listing {
  readonly source: Source;
  /** Sorted by path. */
  readonly files: readonly SourceFile[];
  /** Their paths, like those of the files, begin with the prefix. */
  readonly problems: readonly Problem[];
}

/**
 * Lists every source. Rejects with a SourceError for one that is missing or cannot be read, and with a ConfigError for
 * one that cannot be collected from in this project.
 */
export async function listSources(project: SourceProject, pacer: Pacer): Promise<Listing[]> {
  const ignore = ignoreRules(project.ignore);
  for (const source of project.sources) check(source, project.root, ignore);
  const listings: Listing[] = [];
  for (const [index, source] of project.sources.entries()) listings.push(await list(source, index, ignore, pacer));
  return listings;
}

async function list(source: Source, index: number, ignore: IgnoreRules, pacer: Pacer): Promise<Listing> {
  const walked = await walk(source.path, { step: 'collect', ignore, pacer });
  const files: SourceFile[] = [];
  const problems = walked.problems.map((problem) => ({ ...problem, path: withPrefix(source.prefix, problem.path) }));
  for (const found of walked.files) {
    const text = withPrefix(source.prefix, found.path);
    const path = source.prefix === '' ? found.path : parseRelPath(text);
    if (path !== undefined) files.push({ ...found, path, source: index });
    else
      problems.push({
        path: text,
        step: 'collect',
        code: 'BAD_NAME',
        message: 'with its prefix, the path is too long',
      });
    if (pacer.isDue) await pacer.breathe();
  }
  return { source, files: await sortPaced(files, (a, b) => comparePaths(a.path, b.path), pacer), problems };
}

function withPrefix(prefix: string, path: string): string {
  return prefix === '' ? path : `${prefix}/${path}`;
}

function check({ path, prefix }: Source, root: string, ignore: IgnoreRules): void {
  const cannot = `cannot collect from ${path}`;
  if (prefix !== '' && (parseRelPath(prefix) === undefined || isWithin(prefix, CONTROL))) {
    throw new ConfigError(
      `${cannot} under the prefix "${prefix}": it is no folder that can be published; correct source.dirs`,
    );
  }
  const stats = look(path);
  if (stats === undefined) throw new SourceError(`${cannot}: no such folder; mount it, or remove it from source.dirs`);
  if (!stats.isDirectory()) throw new SourceError(`${cannot}: it is no folder; correct source.dirs`);
  if (holdsRoot(path, root, ignore)) {
    throw new ConfigError(
      `${cannot}: STATIC_ROOT (${root}) lies in it, and would be collected into itself; move one of them`,
    );
  }
}

function holdsRoot(source: string, root: string, ignore: IgnoreRules): boolean {
  const way = relative(realPath(source), realPath(root)).split('/');
  return way[0] !== '..' && !way.some((folder) => ignore.ignoresFolder(folder));
}

function realPath(place: string): string {
  return look(place) === undefined ? resolvePath(place) : realpathSync(place);
}
