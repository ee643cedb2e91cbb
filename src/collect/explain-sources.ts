/**
 * explainSources: which sources have a file for one path, and who wins.
 */
import { ignoreRules } from '../core/fnmatch.js';
import type { RelPath } from '../core/relpath.js';
import type { Candidate } from '../core/resolve.js';
import { look } from './look.js';
import type { Source, SourceProject } from './sources.js';

export interface SourcesOf {
  readonly winner: Candidate | undefined;
  /** The others, in order of precedence. */
  readonly shadowed: readonly Candidate[];
  /** The pattern that leaves the path out of the first source in which it is left out. */
  readonly ignoredBy: string | undefined;
}

/** Reads no content. Rejects with a SourceError for a place that lets nobody look. */
export async function explainSources(project: Omit<SourceProject, 'root'>, path: RelPath): Promise<SourcesOf> {
  const ignore = ignoreRules(project.ignore);
  const having: Candidate[] = [];
  let ignoredBy: string | undefined;
  for (const { source, file, rest } of placesIn(project.sources, path)) {
    if (!look(file)?.isFile()) continue;
    const pattern = ignore.patternAgainst(rest);
    if (pattern === undefined) having.push({ path, source, file });
    else ignoredBy ??= pattern;
  }
  const [winner, ...shadowed] = having;
  return { winner, shadowed, ignoredBy };
}

/** Where a file for `path` may lie, in order of precedence. Sources that are not there have no places. */
export function placesFor(sources: readonly Source[], path: string): string[] {
  return placesIn(foldersThere(sources), path).map(({ file }) => file);
}

/** The sources that are there. Apps need not have a folder of static files. */
export function foldersThere<S extends Source>(sources: readonly S[]): S[] {
  return sources.filter(({ path }) => look(path) !== undefined);
}

interface Place {
  readonly source: number;
  readonly file: string;
  /** The path in the source. */
  readonly rest: string;
}

function placesIn(sources: readonly Source[], path: string): Place[] {
  return sources.flatMap(({ path: folder, prefix }, source) => {
    if (prefix !== '' && !path.startsWith(`${prefix}/`)) return [];
    const rest = prefix === '' ? path : path.slice(prefix.length + 1);
    return [{ source, file: `${folder}/${rest}`, rest }];
  });
}
