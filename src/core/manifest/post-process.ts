/**
 * postProcess: what Django's post-processing makes of the collected files: hashed copies, style sheets and scripts that
 * name them, and the manifest. Decided as a value, before anything is written.
 */
import type { RelPath } from '../relpath.js';
import { type Made, Passes, type Result, type Rewritten, type Site } from './passes.js';
import { type Answer, rewrite } from './rewrite.js';
import type { Rules } from './rules.js';
import { Manifest } from './staticfiles-json.js';
import type { Traces } from './trace.js';

/** What post-processing made of a site. */
export interface PostProcessed extends Omit<Result, 'made'> {
  readonly made: ReadonlyMap<RelPath, Made>;
  readonly manifest: Manifest;
}

/** Throws a ManifestError where Django fails: nothing is to be written then. */
export function postProcess(site: Site, rules: Rules, known: Traces): PostProcessed {
  const passes = new Passes(site, rules, known, undefined);
  passes.go(site.files);
  const result = passes.result();
  const made = result.made as ReadonlyMap<RelPath, Made>; // nothing was there that could be gone
  return { ...result, made, manifest: Manifest.of(result.table, rules.django) };
}

/** The text of `rewritten` again, from that of its file. */
export function rewriteAgain(
  path: RelPath,
  text: string,
  { names, answers, ...made }: Rewritten,
  rules: Rules,
): string {
  if (made.text !== undefined) return made.text;
  const known = new Map(names.map((name, at) => [name, answers[at]]));
  const lookUp = (name: string): Answer => known.get(name) ?? { kind: 'missing' };
  return rewrite(path, text, { rules, lookUp, onDead: () => 'leave' });
}
