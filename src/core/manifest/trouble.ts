/**
 * Trouble: why a file cannot be post-processed, and the words for it.
 */
import { normalizePath } from '../python-path.js';
import type { RelPath } from '../relpath.js';
import type { DeadReference } from './rewrite.js';

/** What is the matter with the file `path`. */
export type Trouble = { readonly path: RelPath } & (
  | DeadReference
  | { readonly why: 'not-utf8' }
  /** Its hashed name can be no file. */
  | { readonly why: 'bad-name'; readonly name: string; readonly reason: string }
);

const MOST_NAMED = 10;
const LONGEST_TEXT = 80;

/** A line for each of `troubles`, which are some. `originOf` says where a file comes from. */
export function describeTroubles(troubles: readonly Trouble[], originOf: (path: RelPath) => string): string {
  const lines = troubles
    .slice(0, MOST_NAMED)
    .map((trouble) => `cannot post-process ${trouble.path}: ${describeTrouble(trouble)} (${originOf(trouble.path)})`);
  const more = troubles.length - lines.length;
  if (more > 0) lines.push(`and ${more} more`);
  return lines.join('\n');
}

/** The end of a sentence about its file. */
export function describeTrouble(trouble: Trouble): string {
  switch (trouble.why) {
    case 'missing':
      return `line ${trouble.line} refers to ${normalizePath(trouble.target)}, which no source has: ${shown(trouble.text)}`;
    case 'outside':
      return `line ${trouble.line} refers to what lies outside of STATIC_ROOT: ${shown(trouble.text)}`;
    case 'malformed':
      return `line ${trouble.line} holds a reference that is no URL: ${shown(trouble.text)}`;
    case 'not-utf8':
      return 'it is not UTF-8, as style sheets and scripts must be; save it as UTF-8';
    case 'bad-name':
      return `it cannot have the hashed name ${shown(trouble.name)}: ${trouble.reason}; rename it`;
  }
}

function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > LONGEST_TEXT ? `${line.slice(0, LONGEST_TEXT)}…` : line;
}

/** Why passes did not settle: a circle if there is one among the files that changed to the last, else a long chain. */
export function describeUnsettled(
  paths: readonly string[],
  references: ReadonlyMap<string, readonly string[]>,
  maxPasses: number,
): string {
  const circle = circleIn(references);
  if (circle !== undefined) {
    return `cannot post-process ${paths[0]}: these files refer to one another in a circle: ${circle.join(' -> ')}; break it`;
  }
  const files = paths.length > 5 ? `${paths.slice(0, 5).join(', ')} and ${paths.length - 5} more` : paths.join(', ');
  return (
    `cannot post-process ${files}: a chain of references is too long for ${maxPasses} passes, and Django stops there; ` +
    'shorten it, or put what is referred to into deeper folders'
  );
}

/** A way that ends where it began, if there is one. Chains may be longer than calls may be nested. */
function circleIn(references: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const followed = (path: string): Iterator<string> => (references.get(path) ?? [])[Symbol.iterator]();
  const finished = new Set<string>();
  for (const start of references.keys()) {
    /** From `start` on, each with what is still to be followed from there. */
    const way = [{ path: start, rest: followed(start) }];
    const onWay = new Set([start]);
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const next = last.rest.next();
      if (next.done === true) {
        finished.add(last.path);
        onWay.delete(last.path);
        way.pop();
      } else if (onWay.has(next.value)) {
        const paths = way.map(({ path }) => path);
        return [...paths.slice(paths.indexOf(next.value)), next.value];
      } else if (!finished.has(next.value)) {
        onWay.add(next.value);
        way.push({ path: next.value, rest: followed(next.value) });
      }
    }
  }
  return undefined;
}
