/**
 * Hooks: runs `hooks.after` one at a time. What is published while it runs is told in one more run, however many cycles that were;
 * what could not be told is told again after the next run that goes well, also by the next daemon.
 */
import type { StateFolder } from '../fs/state.js';
import { isSystemError } from '../system-error.js';
import type { HookTargets } from './hook.js';

const UNTOLD = 'untold.json';
const MOST_UNTOLD = 100_000; // paths; of a hook that always fails they would be all that ever were

/** What was published, and to what. */
export interface Publication {
  readonly paths: readonly string[];
  readonly targets: HookTargets;
}

export class Hooks {
  readonly #state: StateFolder;
  readonly #run: (published: Publication) => Promise<boolean>;
  #next: Publication | undefined;
  #running: Promise<void> | undefined;
  /** Undefined until it was looked up. */
  #untold: Promise<Publication | undefined> | undefined;

  /** `run` must not reject; it answers whether it could tell. */
  constructor(state: StateFolder, run: (published: Publication) => Promise<boolean>) {
    this.#state = state;
    this.#run = run;
  }

  /** Runs the hook for what a daemon before could not tell, if anything. */
  begin(): void {
    this.#running ??= this.#runAll();
  }

  /** Runs the hook for it, now or after the one that is running. */
  after(published: Publication): void {
    this.#next = together(this.#next, published);
    this.#running ??= this.#runAll();
  }

  /** Resolves when nothing is left to be told. */
  async end(): Promise<void> {
    await this.#running;
  }

  async #runAll(): Promise<void> {
    do await this.#runOnce();
    while (this.#next !== undefined);
    this.#running = undefined;
  }

  async #runOnce(): Promise<void> {
    const untold = await (this.#untold ??= this.#recall());
    const fresh = this.#next;
    this.#next = undefined;
    if (fresh !== undefined) {
      await this.#keep(together(untold, fresh)); // whoever is ended meanwhile has not told it
      if (!(await this.#run(fresh))) return;
      await this.#keep(untold);
    }
    // By itself: a path that the hook fails on is to keep no other one from being told.
    if (untold !== undefined && (await this.#run(untold))) await this.#keep(undefined);
  }

  async #recall(): Promise<Publication | undefined> {
    const text = (await this.#state.read(UNTOLD))?.toString();
    return text === undefined ? undefined : parsed(text);
  }

  async #keep(untold: Publication | undefined): Promise<void> {
    const kept = untold && { ...untold, paths: untold.paths.slice(-MOST_UNTOLD) };
    this.#untold = Promise.resolve(kept);
    const keeping = kept === undefined ? this.#state.remove(UNTOLD) : this.#state.write(UNTOLD, JSON.stringify(kept));
    await keeping.catch((error: unknown) => {
      if (!isSystemError(error)) throw error; // all in the state folder is a cache
    });
  }
}

/** Each path once, and each target as it is now. */
function together(first: Publication | undefined, second: Publication): Publication {
  if (first === undefined) return second;
  const targets = new Map([...first.targets, ...second.targets].map((target) => [target.name, target]));
  return { paths: [...new Set([...first.paths, ...second.paths])], targets: [...targets.values()] };
}

/** Undefined for what is none, as half a file. */
function parsed(text: string): Publication | undefined {
  try {
    const { paths, targets } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
    if (!isListOf(paths, 'string') || !isListOf(targets, 'object')) return undefined;
    return { paths, targets } as unknown as Publication;
  } catch {
    return undefined;
  }
}

function isListOf(value: unknown, type: 'string' | 'object'): value is readonly unknown[] {
  return Array.isArray(value) && value.every((each: unknown) => typeof each === type && each !== null);
}
