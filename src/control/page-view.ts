/**
 * page-view: the status as the page gets it, without what no screen has room for. Pure.
 */
import type { TargetReport } from '../cycle/report.js';
import type { CycleReport, DaemonStatus, LocalStatus, TargetStatus } from '../daemon/status.js';
import type { Problem } from '../errors.js';

const MOST_PROBLEMS = 50;

/** The first of the problems, and how many there are in all. */
interface Counted {
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

export type PageTarget = TargetStatus & Counted;
export type PageCycle = Omit<CycleReport, 'collect' | 'targets'> & {
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly targets: readonly (Omit<TargetReport, 'problems' | 'changes'> & Counted)[];
};

export interface PageStatus extends Omit<DaemonStatus, 'cycles' | 'targets' | 'local'> {
  /** The clock of the daemon, by which its times are to be read. */
  readonly now: string;
  readonly local: LocalStatus & Counted;
  readonly targets: readonly PageTarget[];
}

/** The first message of a connection. */
export interface PageHello {
  /** Sent back with each request that something be done. */
  readonly token: string;
  readonly status: PageStatus;
  /** Newest first. */
  readonly cycles: readonly PageCycle[];
}

export function pageStatus(status: DaemonStatus, now: number): PageStatus {
  const { cycles: _cycles, local, targets, ...rest } = status; // these are told one by one
  return {
    ...rest,
    now: new Date(now).toISOString(),
    local: counted(local),
    targets: targets.map((target) => counted(target)),
  };
}

export function pageCycle({ collect, targets, ...rest }: CycleReport): PageCycle {
  return {
    ...rest,
    problems: collect.problems.slice(0, MOST_PROBLEMS),
    problemCount: collect.problems.length,
    targets: targets.map(({ changes: _changes, ...target }) => counted(target)),
  };
}

function counted<T extends { readonly problems: readonly Problem[] }>(value: T): T & Counted {
  return { ...value, problems: value.problems.slice(0, MOST_PROBLEMS), problemCount: value.problems.length };
}
