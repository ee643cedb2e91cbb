/**
 * The documents of --json, and what they are made from. Pure.
 */

import type { Change } from '../core/diff.js';
import { problemsOf } from '../core/outcome.js';
import { comparePaths } from '../core/relpath.js';
import { EXIT, type ExitStatus, type Failure, type Problem, PushstaticError } from '../errors.js';
import type { Committed, CycleResult } from '../sync.js';
import { failureOf } from '../system-error.js';

export interface CollectReport {
  readonly files: number;
  readonly copied: number;
  readonly removed: number;
  /** Hashed copies written. */
  readonly hashed: number;
  readonly durationMs: number;
  readonly problems: readonly Problem[];
}

export interface TargetReport {
  readonly name: string;
  readonly ok: boolean;
  readonly generation: number;
  readonly uploaded: number;
  readonly patched: number;
  readonly linked: number;
  readonly removed: number;
  /** Files that got another mode and nothing else. */
  readonly modes: number;
  readonly unchanged: number;
  readonly contentBytes: number;
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly problems: readonly Problem[];
  /** What stopped the whole cycle. */
  readonly error?: Failure;
  /** What would be done; only in a dry run. */
  readonly changes?: readonly ChangeReport[];
}

export interface ChangeReport {
  readonly kind: Change['kind'];
  readonly path: string;
  /** Of the new content, or of the old one for a removal. */
  readonly size: number;
}

export interface SyncReport {
  readonly ok: boolean;
  readonly collect: CollectReport;
  readonly targets: readonly TargetReport[];
  /** Why nothing could be collected; only a daemon says it here, for it goes on. */
  readonly error?: Failure;
}

/** How the cycle of one target ended. */
export type Ending =
  /** `servedAt`: when all of it was published, by `performance.now`; what is left then is to write that down. */
  | {
      readonly kind: 'result';
      readonly result: CycleResult;
      readonly durationMs: number;
      readonly servedAt?: number | undefined;
    }
  /** `committed`: what was published all the same. */
  | {
      readonly kind: 'error';
      readonly error: unknown;
      readonly committed?: Committed | undefined;
      readonly durationMs: number;
    };

/** What is said of a cycle of the target `name`. `act`: an only-plan cycle counts what it would do. */
export function targetReport(name: string, ending: Ending, act: 'push' | 'only-plan'): TargetReport {
  const durationMs = Math.round(ending.durationMs);
  if (ending.kind === 'error') {
    const amounts = ending.committed === undefined ? {} : amountsOf(ending.committed);
    return { ...NOTHING, ...amounts, name, ok: false, durationMs, error: failureOf(ending.error) };
  }
  const { plan, outcomes, generation, unchanged } = ending.result;
  const problems = inOrder(problemsOf(outcomes));
  return {
    name,
    ok: problems.length === 0,
    generation,
    ...amountsOf(ending.result),
    unchanged,
    durationMs,
    problems,
    ...(act === 'only-plan' ? { changes: plan.changes.map(changeReport) } : {}),
  };
}

/** By path, whichever was met first; those that are held back because of others come last. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const rank = ({ code }: Problem): number => (code === 'HELD_BACK' ? 1 : 0);
  return problems.toSorted((a, b) => rank(a) - rank(b) || comparePaths(a.path, b.path));
}

function amountsOf({ outcomes, linked, patched, sentBytes }: Committed) {
  const achieved = { upload: 0, remove: 0, chmod: 0 };
  let contentBytes = 0;
  for (const { kind, step } of outcomes) {
    if (kind !== 'done') continue;
    achieved[step.kind]++;
    if (step.kind === 'upload') contentBytes += step.entry.size;
  }
  return {
    uploaded: achieved.upload - linked - patched,
    patched,
    linked,
    removed: achieved.remove,
    modes: achieved.chmod,
    contentBytes,
    sentBytes,
  };
}

type Amounts = Pick<TargetReport, 'uploaded' | 'patched' | 'linked' | 'removed' | 'modes'>;

/** How many files got their content, on whatever way. */
export function broughtFiles({ uploaded, patched, linked }: Pick<Amounts, 'uploaded' | 'patched' | 'linked'>): number {
  return uploaded + patched + linked;
}

/** How many files are otherwise than before. */
export function changedFiles(report: Amounts): number {
  return broughtFiles(report) + report.removed + report.modes;
}

/** The report of a cycle that was told of before: it also served what this one is about. */
export function toldBefore(report: TargetReport): TargetReport {
  return { ...report, uploaded: 0, patched: 0, linked: 0, removed: 0, modes: 0, contentBytes: 0, sentBytes: 0 };
}

/** Of a target for which no cycle was run: nothing changed, or `error` says why not. */
export function idleReport(
  name: string,
  { generation, files }: { readonly generation: number; readonly files: number },
  error: TargetReport['error'] | undefined,
): TargetReport {
  const said = error === undefined ? {} : { error };
  return { ...NOTHING, name, ok: error === undefined, generation, unchanged: files, durationMs: 0, ...said };
}

/** A change as documents have it; `size` in bytes, of a removed file what it was. */
export function changeReport(change: Change): ChangeReport {
  const entry = change.kind === 'removed' ? change.old : change.entry;
  return { kind: change.kind, path: change.path, size: entry?.size ?? 0 };
}

/** The status of a run: that of its trouble, or 1 where several kinds of it came together. */
export function statusOf(collect: readonly Problem[], endings: readonly Ending[]): ExitStatus {
  const statuses = endings.flatMap((ending): ExitStatus[] => {
    if (ending.kind === 'error') return [statusOfError(ending.error)];
    return problemsOf(ending.result.outcomes).length > 0 ? [EXIT.failed] : [];
  });
  if (collect.length > 0) statuses.push(EXIT.failed);
  return commonStatus(statuses);
}

/** The status of a run that was done elsewhere. */
export function statusOfReport({ ok, collect, targets, error }: SyncReport): ExitStatus {
  if (ok) return EXIT.done;
  const failures = [
    ...targets.filter((target) => !target.ok).map((target) => target.error?.code),
    ...collect.problems.slice(0, 1).map(({ code }) => code),
  ];
  const statuses = [...failures, ...(error === undefined ? [] : [error.code])].map((code) => STATUSES[code ?? '']);
  return commonStatus(statuses.map((status) => status ?? EXIT.failed)) || EXIT.failed;
}

const STATUSES: Readonly<Record<string, ExitStatus>> = {
  CONFIG: EXIT.usage,
  LOCKED: EXIT.locked,
  REFUSED: EXIT.refused,
};

export function statusOfError(error: unknown): ExitStatus {
  return error instanceof PushstaticError ? error.exitStatus : EXIT.failed;
}

/** The one status that all of these are, or 1 for several kinds of trouble; 0 for none. */
export function commonStatus(statuses: readonly ExitStatus[]): ExitStatus {
  const [first = EXIT.done] = statuses;
  return statuses.every((status) => status === first) ? first : EXIT.failed;
}

const NOTHING = {
  generation: 0,
  uploaded: 0,
  patched: 0,
  linked: 0,
  removed: 0,
  modes: 0,
  unchanged: 0,
  contentBytes: 0,
  sentBytes: 0,
  problems: [],
} as const;
