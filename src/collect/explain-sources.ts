/**
 * explainSources: which sources have a file for one path, and who wins.
 */
import { ignoreRules } from '../core/fnmatch.js';
import { ancestorsOf, isWithin, type RelPath } from '../core/relpath.js';
import { type Candidate, conflict } from '../core/resolve.js';
import type { Problem } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import { look } from './look.js';
import { listSources, type Source, type SourceProject } from './sources.js';

export interface SourcesOf {
  /** Undefined also where `problem` keeps all of them from being collected. */
  readonly winner: Candidate | undefined;
  /** Why a run collects none of them. */
  readonly problem: Problem | undefined;
  /** The others, in order of precedence. */
  readonly shadowed: readonly Candidate[];
  /** The pattern that leaves the path out of the first source in which it is left out. */
  readonly ignoredBy: string | undefined;
}

/**
 * Reads no content. Where Django itself collects, our rules keep nothing from that. Rejects with a SourceError for a place that lets
 * nobody look, and as `listSources` does.
 */
export async function explainSources(
  project: SourceProject,
  path: RelPath,
  collects: 'pushstatic' | 'Django' = 'pushstatic',
): Promise<SourcesOf> {
  const ignore = ignoreRules(project.ignore);
  const having: Candidate[] = [];
  let ignoredBy: string | undefined;
  for (const { source, file, rest } of placesIn(project.sources, path)) {
    if (!look(file)?.isFile()) continue;
    const pattern = ignore.patternAgainst(rest);
    if (pattern === undefined) having.push({ path, source, file });
    else ignoredBy ??= pattern;
  }
  const [first, ...others] = having;
  const problem = collects === 'Django' ? undefined : await problemWith(project, path, first);
  return problem === undefined
    ? { winner: first, problem, shadowed: others, ignoredBy }
    : { winner: undefined, problem, shadowed: having, ignoredBy };
}

async function problemWith(project: SourceProject, path: RelPath, first?: Candidate): Promise<Problem | undefined> {
  return (await unlisted(project, path, first)) ?? (first && conflictAbove(project.sources, first));
}

/** What keeps a run from looking at the path, or a folder on the way to it, in a source up to that of `first`. */
async function unlisted(
  { sources, ...project }: SourceProject,
  path: RelPath,
  first: Candidate | undefined,
): Promise<Problem | undefined> {
  const asked = first === undefined ? sources : sources.slice(0, first.source + 1);
  const there = asked.map((source) => ({ ...source, isOptional: true }));
  const listings = await listSources({ ...project, sources: there }, new Pacer(), { places: [path] });
  return listings.flatMap(({ walked }) => walked.problems).find((problem) => isWithin(path, problem.path));
}

/** Where an earlier source has a file in the place of a folder on the way to `loser`. */
function conflictAbove(sources: readonly Source[], loser: Candidate): Problem | undefined {
  for (const folder of ancestorsOf(loser.path)) {
    const found = placesIn(sources, folder).find(({ file, source }) => source < loser.source && look(file)?.isFile());
    if (found !== undefined) return conflict(loser, { path: folder });
  }
  return undefined;
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
