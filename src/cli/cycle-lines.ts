/**
 * Cycles and the state of a daemon as lines for a person. Pure.
 */
import { areSuperseded } from '../core/apply.js';
import type { CycleReport, DaemonStatus, TargetStatus } from '../daemon/status.js';
import type { Problem } from '../errors.js';
import { printable, problemLines } from './render.js';
import { bytes, count, duration, files } from './units.js';

const MOST_NAMES = 3;

/** What happened, in one line if it happened; and what went wrong, in full. */
export function cycleLines(cycle: CycleReport): { readonly news: string[]; readonly troubles: string[] } {
  const { collect, targets, error } = cycle;
  const troubles = [
    ...(error === undefined ? [] : [printable(error.message)]),
    ...problemLines(collect.problems),
    ...targets.flatMap(({ name, error: failure, problems }) =>
      (failure === undefined ? troublesOf(problems) : [printable(failure.message)]).map((line) => `${name}: ${line}`),
    ),
  ];
  const served = targets.filter(({ error: failure }) => failure === undefined);
  const what = whatChanged(cycle);
  const news =
    what === undefined || served.length === 0
      ? []
      : [`${what} -> ${served.map(({ name }) => name).join(', ')}${timeOf(cycle)}`];
  return { news, troubles };
}

/** What changed again while it was pushed is in the next cycle, and no trouble. */
function troublesOf(problems: readonly Problem[]): string[] {
  return areSuperseded(problems) ? [] : problemLines(problems);
}

/** Undefined where nothing did. */
function whatChanged({ cause, changes, changed, targets }: CycleReport): string | undefined {
  const sent = targets.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  const moved = targets.reduce((most, { uploaded, removed, modes }) => Math.max(most, uploaded + removed + modes), 0);
  if (changed === 0 && moved === 0) return cause === 'trigger' || cause === 'start' ? 'nothing to do' : undefined;
  if (changed === 0) return `${files(moved)} caught up, ${bytes(sent)}`;
  const names = changes.slice(0, MOST_NAMES).map(({ path, kind }) => `${MARKS[kind]}${printable(path)}`);
  const rest = changed > names.length ? ` and ${count(changed - names.length)} more` : '';
  return `${names.join(' ')}${rest}`;
}

const MARKS = { added: '+', modified: '~', mode: 'm', removed: '-' } as const;

function timeOf({ savedToServedMs, cause }: CycleReport): string {
  if (savedToServedMs === null) return '';
  return ` (${duration(savedToServedMs)}${cause === 'change' ? ' from save to served' : ''})`;
}

/** How it stands, in one line. */
export function statusLine({ local, targets, paused }: DaemonStatus): string {
  const parts = [
    ...(paused ? ['paused'] : []),
    local.error === null ? files(local.files) : `halted: ${printable(local.error.message)}`,
    ...targets.map((target) => `${target.name} ${stateOf(target)}`),
  ];
  return parts.join(' · ');
}

/** The daemon itself, and what it watches. */
export function daemonLines(status: DaemonStatus): string[] {
  const { pid, startedAt, watch, configError, targets } = status;
  return [
    `daemon: pid ${pid}, since ${startedAt}: ${statusLine(status)}`,
    `  watches by ${watch.reason}; ${count(watch.foundBySweep)} changed files were found by a sweep alone`,
    ...(configError === null ? [] : [`  the configuration on the disk is not in force: ${printable(configError)}`]),
    ...targets.flatMap(({ name, error, retryAt }) => {
      if (error === null) return [];
      return [`  ${name}: ${printable(error.message)}${retryAt === null ? '' : `; tried again at ${retryAt}`}`];
    }),
  ];
}

function stateOf({ state, progress }: TargetStatus): string {
  const words = state === 'in-sync' ? 'in sync' : state;
  if (progress === null || progress.files === 0) return words;
  return `${words} ${count(progress.doneFiles)}/${count(progress.files)}`;
}
