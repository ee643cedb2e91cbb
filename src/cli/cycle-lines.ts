/**
 * Cycles and the state of a daemon as lines for a person. Pure.
 */
import { changedFiles } from '../cycle/report.js';
import type { CycleReport, DaemonStatus, TargetStatus } from '../daemon/status.js';
import { printable } from './printable.js';
import { problemLines } from './render.js';
import { bytes, count, duration, files } from './units.js';

const MOST_NAMES = 3;
const MARKS = { added: '+', modified: '~', mode: 'm', removed: '-' } as const;

/** What was done, in one line if it is worth one: what, for whom, how long it took. */
export function newsLine(cycle: CycleReport): string | undefined {
  const served = cycle.targets.filter(({ error }) => error === undefined).map(({ name }) => name);
  if (served.length === 0) return undefined;
  const { cause, changed, targets } = cycle;
  const moved = Math.max(...targets.map(changedFiles));
  if (moved === 0 && cycle.error !== undefined) return undefined; // nobody knows what there is to do
  // At the start everything is new to the daemon, and perhaps nothing to the targets.
  const isNothing = moved === 0 && (changed === 0 || cause === 'start');
  if (!isNothing) return `${whatMoved(cycle, moved)} -> ${served.join(', ')}${timeOf(cycle)}`;
  return cause === 'start' || cause === 'trigger' ? `${served.join(', ')}: nothing to do${timeOf(cycle)}` : undefined;
}

function whatMoved({ cause, changes, changed, targets }: CycleReport, moved: number): string {
  if (changed === 0 || cause === 'start') {
    return `${files(moved)}, ${bytes(Math.max(...targets.map(({ sentBytes }) => sentBytes)))}`;
  }
  const names = changes.slice(0, MOST_NAMES).map(({ path, kind }) => `${MARKS[kind]}${printable(path)}`);
  const rest = changed > names.length ? ` and ${count(changed - names.length)} more` : '';
  return `${names.join(' ')}${rest}`;
}

function timeOf({ savedToServedMs, cause, changes, targets }: CycleReport): string {
  if (cause === 'retry') return ' (caught up)';
  const isHeld = changes.some(({ kind }) => kind === 'removed') && targets.every(({ removed }) => removed === 0);
  if (savedToServedMs === null) return isHeld ? ' (removals wait until it is quiet)' : '';
  const circumstance = { change: ' from save to served', sweep: ', found by a sweep', start: '', trigger: '' }[cause];
  return ` (${duration(savedToServedMs)}${circumstance})`;
}

/** How it stands, in one line. */
export function statusLine({ local, targets, paused }: DaemonStatus): string {
  const parts = [
    ...(paused ? [pausedText(local.unsettled)] : []),
    ...(local.state === 'starting' ? ['reading the sources'] : []),
    ...(local.error === null ? [] : [`halted: ${printable(local.error.message)}`]),
    ...(local.error === null && local.state !== 'starting' ? [files(local.files)] : []),
    ...(targets.length > MOST_NAMES ? byState(targets) : targets.map((target) => `${target.name} ${stateOf(target)}`)),
  ];
  return parts.join(' · ');
}

function pausedText(waiting: number): string {
  if (waiting === 0) return 'paused';
  return waiting === 1 ? 'paused, 1 change waits' : `paused, ${count(waiting)} changes wait`;
}

/** `12 in sync · 2 unreachable: web1, web2`. */
function byState(targets: readonly TargetStatus[]): string[] {
  const states = [...new Set(targets.map(({ state }) => state))];
  return states.map((state) => {
    const those = targets.filter((target) => target.state === state);
    const names = those.slice(0, MOST_NAMES).map(({ name }) => name);
    const more = those.length > names.length ? ', …' : '';
    const isTrouble = state === 'unreachable' || state === 'halted';
    return `${count(those.length)} ${wordFor(state)}${isTrouble ? `: ${names.join(', ')}${more}` : ''}`;
  });
}

function stateOf({ state, progress }: TargetStatus): string {
  if (progress === null || progress.files === 0) return wordFor(state);
  return `${wordFor(state)} ${count(progress.doneFiles)}/${count(progress.files)}`;
}

function wordFor(state: TargetStatus['state']): string {
  return state === 'in-sync' ? 'in sync' : state;
}

/** How it stands and what may be done, at most `width` characters; where there is no room for both, how it stands. */
export function liveLine(status: DaemonStatus, hint: string, width: number): string {
  const state = statusLine(status);
  const both = `${state}  [${hint}]`;
  return both.length <= width ? both : cut(state, width);
}

/** `text`, at most `width` characters of it. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** The daemon itself, and what it watches. */
export function daemonLines({ pid, startedAt, watch, configError, paused, local }: DaemonStatus): string[] {
  const { folders, reason, foundBySweep, losses } = watch;
  return [
    `daemon: process ${pid}, since ${startedAt}; ${files(local.files)}, ${local.state}`,
    `  watches ${count(folders.length)} ${folders.length === 1 ? 'folder' : 'folders'}; ${reason}`,
    `  events lost: ${count(losses)}; changes that only a sweep found: ${count(foundBySweep)}`,
    ...(paused ? [`  ${pausedText(local.unsettled)}; "pushstatic resume" goes on`] : []),
    ...(local.error === null ? [] : [`  ${printable(local.error.message)}`]),
    ...problemLines(local.problems).map((line) => `  ${line}`),
    ...(configError === null ? [] : linesOf(`the configuration on the disk is not in force: ${configError}`)),
  ];
}

/** What may have several lines, such as those of a traceback. */
function linesOf(text: string): string[] {
  return text.split('\n').map((line, at) => `${at === 0 ? '  ' : '    '}${printable(line)}`);
}

/** How the daemon stands with one target, without its name in front of the first line. */
export function standingLines(target: TargetStatus): string[] {
  const { state, since, inSyncAt, pending, error, retryAt, problems } = target;
  const wait = pending === null || pending === 0 ? '' : `; ${files(pending)} to bring over`;
  const until = state === 'in-sync' || inSyncAt === null ? '' : `; in sync until ${inSyncAt}`;
  const again = retryAt === null ? '' : `; tried again at ${retryAt}`;
  return [
    `${stateOf(target)} since ${since}${wait}${until}${again}`,
    ...(error === null ? [] : [printable(error.message)]),
    ...problemLines(problems),
  ];
}
