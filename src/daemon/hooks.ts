/**
 * Hooks: runs `hooks.after` one at a time. What is published while it runs is told in one more run, however many cycles that were.
 */
import type { HookTargets } from './hook.js';

/** What was published, and to what. */
export interface Publication {
  readonly paths: readonly string[];
  readonly targets: HookTargets;
}

export class Hooks {
  readonly #run: (published: Publication) => Promise<void>;
  #next: Publication | undefined;
  #running: Promise<void> | undefined;

  /** `run` must not reject. */
  constructor(run: (published: Publication) => Promise<void>) {
    this.#run = run;
  }

  /** Runs the hook for it, now or after the one that is running. */
  after(published: Publication): void {
    this.#next = this.#next === undefined ? published : together(this.#next, published);
    this.#running ??= this.#runAll();
  }

  /** Resolves when nothing is left to be told. */
  async end(): Promise<void> {
    await this.#running;
  }

  async #runAll(): Promise<void> {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      await this.#run(next);
    }
    this.#running = undefined;
  }
}

/** Each path once, and each target as it is now. */
function together(first: Publication, second: Publication): Publication {
  const targets = new Map([...first.targets, ...second.targets].map((target) => [target.name, target]));
  return { paths: [...new Set([...first.paths, ...second.paths])], targets: [...targets.values()] };
}
