/**
 * ProcessedSite: what a site was made into, kept so that the next change of a content costs what it concerns.
 *
 * What a file becomes in a pass depends on what it asks for. So when contents change, and no file comes or goes, only those
 * that ask for one of them, directly or through others, are gone through again, and with them those that did not settle in
 * the first pass. All others have one hashed name from the first pass on, and it is the one they had.
 */
import { normalizePath } from '../python-path.js';
import type { RelPath } from '../relpath.js';
import { isPlainName, pathOfName } from './hashed-name.js';
import { type Collected, deepestFirst, type Made, Passes, type Result, type Site } from './passes.js';
import type { PostProcessed } from './post-process.js';
import type { Rules } from './rules.js';
import { Manifest } from './staticfiles-json.js';
import type { FileTraces, Traces } from './trace.js';
import type { Trouble } from './trouble.js';

/** What is another one than before, of the files that were gone through again. */
export interface Changed extends Result {
  readonly manifest: Manifest;
  /** Of `left`, what these files have. */
  readonly leftNow: readonly Trouble[];
}

export class ProcessedSite {
  readonly #rules: Rules;
  readonly #table: Map<RelPath, RelPath>;
  readonly #made: Map<RelPath, Made>;
  readonly #traces: Map<RelPath, FileTraces>;
  /** Who asked for a file: some may not do so any more. */
  readonly #askers = new Map<string, Set<RelPath>>();
  /** Where each file stands in the order of a pass. */
  readonly #positions = new Map<string, number>();
  readonly #isOdd: boolean;
  #unsettled: ReadonlySet<RelPath>;
  #manifest: Manifest;
  #left: readonly Trouble[];

  /** `files` are all of the site, in the order in which they are found. */
  constructor(files: readonly Collected[], rules: Rules, made: PostProcessed) {
    this.#rules = rules;
    this.#table = new Map(made.table);
    this.#made = new Map(made.made);
    this.#traces = new Map(made.traces);
    this.#unsettled = made.unsettled;
    this.#left = made.left;
    this.#manifest = made.manifest;
    this.#isOdd = made.isOdd || made.removed.size > 0;
    if (this.#isOdd) return;
    for (const [path, { traces }] of made.traces) for (const { names } of traces) this.#noteAsker(path, names);
    for (const { from, rewritten } of made.made.values()) this.#noteAsker(from.path, rewritten?.names ?? []);
    for (const [at, { path }] of deepestFirst(files).entries()) this.#positions.set(path, at);
  }

  get traces(): Traces {
    return this.#traces;
  }

  get unsettled(): ReadonlySet<RelPath> {
    return this.#unsettled;
  }

  get isOdd(): boolean {
    return this.#isOdd;
  }

  /** References that lead nowhere and were left as they are. */
  get left(): readonly Trouble[] {
    return this.#left;
  }

  get made(): ReadonlyMap<RelPath, Made> {
    return this.#made;
  }

  /**
   * What becomes of the site, `site` from now on, when `changed` have other contents: the same that `postProcess` would
   * make of all of it. Undefined where only that tells. Throws as it does.
   */
  propose(site: Site, changed: readonly Collected[]): Changed | undefined {
    if (this.#isOdd) return undefined;
    const again = this.#concernedBy(changed);
    const files = Array.from(again, (path) => site.byPath.get(path)).filter((file) => file !== undefined);
    files.sort((a, b) => (this.#positions.get(a.path) ?? 0) - (this.#positions.get(b.path) ?? 0));
    const base = { table: this.#table, made: this.#made, again, positions: this.#positions };
    const passes = new Passes(site, this.#rules, this.#traces, base);
    passes.go(files);
    const result = passes.result();
    if (result.isOdd || result.removed.size > 0) return undefined;
    const left = [...this.#left.filter(({ path }) => !again.has(path)), ...result.left];
    return { ...result, left, leftNow: result.left, manifest: this.#manifestWith(result.table) };
  }

  /** It has come to pass. */
  accept({ table, made, traces, unsettled, manifest, left }: Changed): void {
    for (const [path, name] of table) this.#table.set(path, name);
    for (const [path, each] of made) {
      if (each === undefined) this.#made.delete(path);
      else this.#made.set(path, each);
    }
    for (const each of made.values()) {
      if (each !== undefined) this.#noteAsker(each.from.path, each.rewritten?.names ?? []);
    }
    for (const [path, each] of traces) {
      this.#traces.set(path, each);
      for (const { names } of each.traces) this.#noteAsker(path, names);
    }
    this.#unsettled = unsettled;
    this.#manifest = manifest;
    this.#left = left;
  }

  #manifestWith(changed: ReadonlyMap<RelPath, RelPath>): Manifest {
    const patched = this.#manifest.with(changed);
    return patched ?? Manifest.of(new Map([...this.#table, ...changed]), this.#rules.django);
  }

  #concernedBy(changed: readonly Collected[]): Set<RelPath> {
    const found = new Set<RelPath>();
    const open = [...changed.map(({ path }) => path), ...this.#unsettled];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (found.has(path)) continue;
      found.add(path);
      for (const asker of this.#askers.get(path) ?? []) open.push(asker);
    }
    return found;
  }

  /** A name with a query or a blank behind it is also a question about the file without. */
  #noteAsker(path: RelPath, names: readonly string[]): void {
    for (const name of names) {
      this.#note(name, path);
      const plain = isPlainName(name) ? undefined : pathOfName(name, this.#rules.python);
      if (plain !== undefined) this.#note(normalizePath(plain), path);
    }
  }

  #note(asked: string, path: RelPath): void {
    const known = this.#askers.get(asked);
    if (known === undefined) this.#askers.set(asked, new Set([path]));
    else known.add(path);
  }
}
