/**
 * CycleTeller: what is worth saying of a cycle to somebody who heard of all before it. What stops a target is said when it
 * begins and when it is over, and not with every change in between.
 */
import { areSuperseded } from '../core/outcome.js';
import type { CycleReport, DaemonStatus } from '../daemon/status.js';
import type { Problem } from '../errors.js';
import { newsLine } from './cycle-lines.js';
import { printable } from './printable.js';
import { problemLines } from './render.js';

const SOURCES = ''; // no target has this name

export interface Said {
  readonly news: readonly string[];
  readonly troubles: readonly string[];
}

export class CycleTeller {
  /** What was said to stand in the way, by target. */
  readonly #standing = new Map<string, string>();

  tell(cycle: CycleReport): Said {
    const { collect, targets, error } = cycle;
    const news = newsLine(cycle);
    return {
      news: news === undefined ? [] : [news],
      troubles: [
        ...(error === undefined ? [] : this.#once(SOURCES, error.message)),
        ...problemLines(collect.problems),
        ...targets.flatMap(({ name, error: failure, problems }) =>
          failure === undefined
            ? troublesOf(problems).map((line) => `${name}: ${line}`)
            : this.#once(name, `${name}: ${printable(failure.message)}`),
        ),
      ],
    };
  }

  /** What stood in the way and does not any more. */
  relieved(daemon: { status(): DaemonStatus }): string[] {
    if (this.#standing.size === 0) return [];
    const { local, targets } = daemon.status();
    const lines: string[] = [];
    if (local.error === null && this.#standing.delete(SOURCES)) lines.push('the sources can be collected again');
    for (const { name, state } of targets) {
      if (state === 'in-sync' && this.#standing.delete(name)) lines.push(`${name}: in sync again`);
    }
    return lines;
  }

  #once(what: string, line: string): string[] {
    if (this.#standing.get(what) === line) return [];
    this.#standing.set(what, line);
    return [line];
  }
}

/** What changed again while it was pushed is in the next cycle, and no trouble. */
function troublesOf(problems: readonly Problem[]): string[] {
  return areSuperseded(problems) ? [] : problemLines(problems);
}
