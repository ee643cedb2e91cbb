/**
 * explainSources: which sources have a file for one path, and who wins.
 */
import { ignoreRules } from '../core/fnmatch.js';
import type { RelPath } from '../core/relpath.js';
import type { Candidate } from '../core/resolve.js';
import { look } from './look.js';
import type { SourceProject } from './sources.js';

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
  for (const [source, { path: folder, prefix }] of project.sources.entries()) {
    if (prefix !== '' && !path.startsWith(`${prefix}/`)) continue;
    const rest = prefix === '' ? path : path.slice(prefix.length + 1);
    const file = `${folder}/${rest}`;
    if (!look(file)?.isFile()) continue;
    const pattern = ignore.patternAgainst(rest);
    if (pattern === undefined) having.push({ path, source, file });
    else ignoredBy ??= pattern;
  }
  const [winner, ...shadowed] = having;
  return { winner, shadowed, ignoredBy };
}
