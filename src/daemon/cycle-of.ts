/**
 * cycleOf: what is told of a cycle.
 */
import {
  type ChangeReport,
  type CollectReport,
  changedFiles,
  changeReport,
  type Ending,
  toldBefore,
} from '../cycle/report.js';
import type { Failure, Problem } from '../errors.js';
import type { Publication } from './hooks.js';
import type { CycleReport } from './status.js';
import type { TargetLine } from './target-line.js';

const MOST_CHANGES = 100;
const NOTHING_COLLECTED: CollectReport = {
  files: 0,
  copied: 0,
  removed: 0,
  hashed: 0,
  durationMs: 0,
  problems: [],
};

export type Cycle = Omit<CycleReport, 'id'>;
export type Endings = readonly (Ending | undefined)[];

export interface CycleFacts {
  readonly cause: CycleReport['cause'];
  /** By `performance.now`: when the first change in it was noticed; undefined where nobody waited for it. */
  readonly since: number | undefined;
  readonly lines: readonly TargetLine[];
  /** How it ended for each of the lines. */
  readonly endings: Endings;
  /** One cycle of a target may serve several rounds: the first one tells what it did. */
  readonly isTold?: (ending: Ending) => boolean;
  /** Undefined where nothing was to be collected, or that failed. */
  readonly collected?: { readonly changes: readonly ChangeReport[]; readonly report: CollectReport } | undefined;
  /** Why nothing could be collected. */
  readonly error?: Failure | undefined;
}

/** Without changes in STATIC_ROOT, those of the targets are told. */
export function cycleOf({ cause, since, lines, endings, isTold, collected, error }: CycleFacts): Cycle {
  const targets = lines.map((line, i) => {
    const [ending, report] = [endings[i], line.report(endings[i])];
    return ending !== undefined && isTold?.(ending) === true ? toldBefore(report) : report;
  });
  const { changes, report } = collected ?? { changes: changesOf(endings), report: NOTHING_COLLECTED };
  const ok = error === undefined && report.problems.length === 0 && targets.every((target) => target.ok);
  const isServed = ok && since !== undefined && !endings.some(holdsBack);
  return {
    ok,
    at: new Date().toISOString(),
    cause,
    collect: report,
    targets,
    changes: changes.slice(0, MOST_CHANGES),
    changed: changes.length,
    savedToServedMs: isServed ? Math.round(servedAt(endings) - since) : null,
    ...(error === undefined ? {} : { error }),
  };
}

/** Whether nothing came of what a watcher or a sweep had told: our own writing to STATIC_ROOT is told as well. */
export function isNoNews({ ok, cause, changed, targets }: Cycle): boolean {
  const isUnasked = cause === 'change' || cause === 'sweep';
  return ok && isUnasked && changed === 0 && targets.every((each) => changedFiles(each) === 0);
}

/** Whether it changed something on its target, or failed as a whole. */
export function hasMoved(ending: Ending | undefined): boolean {
  return ending !== undefined && (ending.kind !== 'result' || pathsOf([ending]).length > 0);
}

/** Whether it is the same trouble with the same files. */
export function areSame(before: readonly Problem[], after: readonly Problem[]): boolean {
  const keyOf = ({ path, code }: Problem): string => `${code} ${path}`;
  const keys = new Set(before.map(keyOf));
  return before.length === after.length && after.every((problem) => keys.has(keyOf(problem)));
}

/** What these cycles published, for the hook; undefined if that is nothing. Rather a path too many than one too few. */
export function publicationOf(lines: readonly TargetLine[], endings: Endings): Publication | undefined {
  const targets = lines.flatMap(({ job: { name } }, i) => {
    const ending = endings[i];
    const isServed = ending?.kind === 'result' && pathsOf([ending]).length > 0;
    return isServed ? [{ name, generation: ending.result.generation }] : [];
  });
  return targets.length === 0 ? undefined : { paths: pathsOf(endings), targets };
}

/** The paths that changed on a target, or may have when a cycle before broke off; sorted. */
function pathsOf(endings: Endings): string[] {
  const results = endings.flatMap((ending) => (ending?.kind === 'result' ? [ending.result] : []));
  const paths = results.flatMap(({ outcomes, settled = [] }) => [
    ...outcomes.flatMap(({ kind, step }) => (kind === 'done' ? [step.path] : [])),
    ...settled,
  ]);
  return [...new Set(paths)].toSorted();
}

/** Each path once, sorted. */
function changesOf(endings: Endings): ChangeReport[] {
  const changes = endings.flatMap((ending) => (ending?.kind === 'result' ? ending.result.plan.changes : []));
  const byPath = new Map(changes.map((change) => [change.path, change]));
  return [...byPath.values()].map(changeReport).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** By `performance.now`: when the last target had published all. */
function servedAt(endings: Endings): number {
  const times = endings.map((ending) => (ending?.kind === 'result' ? ending.servedAt : undefined));
  return Math.max(...times.map((time) => time ?? performance.now()));
}

function holdsBack(ending: Ending | undefined): boolean {
  return ending?.kind === 'result' && ending.result.held.length > 0;
}
