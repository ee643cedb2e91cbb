/**
 * An explanation of one path, as lines for a person. Pure.
 */
import type { ExplainedSite } from '../collect/hashed/explain-site.js';
import type { NamedReference, Referrer } from '../core/manifest/explain-names.js';
import type { RelPath } from '../core/relpath.js';
import type { Problem } from '../errors.js';
import { printable } from './printable.js';
import type { Publication } from './publications.js';
import { bytes, count } from './units.js';

export interface Explanation {
  /** What was asked for. */
  readonly asked: RelPath;
  /** The file that it is about: another one where a hashed name was asked for. */
  readonly path: RelPath;
  readonly source: 'sources' | 'none';
  readonly winner: string | undefined;
  /** Why no source is collected from, though some may have it. */
  readonly problem: Problem | undefined;
  readonly shadowed: readonly string[];
  readonly ignoredBy: string | undefined;
  /** Where a file was looked for, and there was none. */
  readonly lookedIn: readonly string[];
  /** The sources that are there. */
  readonly searched: readonly string[];
  readonly names: Names | undefined;
  readonly published: readonly Publication[];
}

/** Names, and where was looked for what is missing. */
interface Names extends ExplainedSite {
  readonly references: readonly SearchedReference[];
}

interface SearchedReference extends NamedReference {
  /** Of one that leads nowhere. */
  readonly lookedIn: readonly string[];
}

const MOST_LINES = 20; // more of them hide the rest
const MOST_NUMBERS = 8;

export function explanationLines(explanation: Explanation): string[] {
  const { asked, path, names, searched, published } = explanation;
  const [origin, named] = [originLines(explanation), names === undefined ? [] : nameLines(explanation, names)];
  const lines = [
    ...(asked === path ? [...origin, ...named] : [...named, ...origin]),
    ...(names === undefined ? [] : referenceLines(names, searched)),
    ...new Set(published.map(publicationLine)),
  ];
  return [printable(asked), ...lines.map((line) => `  ${line}`)];
}

function originLines({ source, winner, problem, shadowed, ignoredBy, lookedIn }: Explanation): string[] {
  if (source === 'none')
    return [`${winner === undefined ? 'is not in' : 'comes from'} STATIC_ROOT as it is (storage: none)`];
  return [
    ...(winner === undefined
      ? [whyNot(problem), ...placeLines('it was looked for at', lookedIn)]
      : [`comes from ${printable(winner)}`]),
    ...shadowed.map((file) => `${problem === undefined ? 'shadows' : 'lies at'} ${printable(file)}`),
    ...(ignoredBy === undefined ? [] : [`ignored because of source.ignore: ${ignoredBy}`]),
  ];
}

function whyNot(problem: Problem | undefined): string {
  return problem === undefined
    ? 'comes from no source'
    : `is not collected: ${printable(problem.path)}: ${printable(problem.message)}`;
}

function nameLines({ path, winner }: Explanation, { askedBy, hashedName, trouble }: ExplainedSite): string[] {
  const about = printable(path);
  const known = hashedName === undefined ? undefined : printable(hashedName);
  if (trouble !== undefined && winner !== undefined) {
    return [
      ...(askedBy === 'path' ? [] : [`looks like a hashed name of ${about}`]),
      `its hashed name cannot be told: ${trouble.replaceAll('\n', '\n    ')}`,
    ];
  }
  if (known === undefined) return [];
  if (askedBy === 'hashed-name') return [`is the hashed name of ${about}`];
  if (askedBy === 'stale-name') return [`is an old hashed name of ${about}, which is ${known} now`];
  return [`has the hashed name ${known}`];
}

function referenceLines({ references, referrers }: Names, searched: readonly string[]): string[] {
  return [
    ...atMost(byTarget(references).map(targetLine), 'it refers to'),
    ...(references.some(({ isDead }) => isDead) ? placeLines('what is missing was looked for in', searched) : []),
    ...atMost(referrers.map(referrerLine), 'that refer to it'),
  ];
}

function targetLine(references: readonly SearchedReference[]): string {
  const [{ target, hashedName, isDead }] = references as [SearchedReference];
  const where = linesText(references.map(({ line }) => line));
  const to = `refers to ${printable(target)} (${where})`;
  if (isDead) return `${to}, which no source has`;
  return hashedName === undefined ? to : `${to}, as ${printable(hashedName)}`;
}

function referrerLine({ path, lines }: Referrer): string {
  return `${printable(path)} refers to it (${linesText(lines)})`;
}

function byTarget(references: readonly SearchedReference[]): SearchedReference[][] {
  const groups = new Map<string, SearchedReference[]>();
  for (const each of references) {
    const group = groups.get(each.target);
    if (group === undefined) groups.set(each.target, [each]);
    else group.push(each);
  }
  return [...groups.values()];
}

function linesText(lines: readonly number[]): string {
  const numbers = [...new Set(lines)].toSorted((a, b) => a - b);
  const shown = numbers.slice(0, MOST_NUMBERS).join(', ');
  const more = numbers.length > MOST_NUMBERS ? ` and ${count(numbers.length - MOST_NUMBERS)} more` : '';
  return `${numbers.length === 1 ? 'line' : 'lines'} ${shown}${more}`;
}

/** A line for each of `places`, below what they are. */
function placeLines(what: string, places: readonly string[]): string[] {
  return places.length === 0 ? [] : [what, ...places.map((place) => `  ${printable(place)}`)];
}

function atMost(lines: readonly string[], what: string): string[] {
  const more = lines.length - MOST_LINES;
  const rest = more > 0 ? [`and ${count(more)} more ${what} (--json lists them all)`] : [];
  return [...lines.slice(0, MOST_LINES), ...rest];
}

function publicationLine({ name, url, state, size = 0, digest, mtime, reason }: Publication): string {
  const where = printable(url);
  switch (state) {
    case 'published':
      return `published on ${name}: ${where} (${bytes(size)}, written ${mtime}, sha256 ${digest})`;
    case 'absent':
      return `not published on ${name}: ${where}`;
    case 'uncertain':
      return `uncertain on ${name}: ${where}: a run was interrupted; the next sync settles it`;
    case 'excluded':
      return `not for ${name}: its include and exclude leave ${where} out`;
    case 'unknown':
      return `unknown on ${name}: ${reason}`;
  }
}
