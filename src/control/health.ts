/**
 * health: whether all is well with a daemon, told from its status. Pure.
 */
import type { DaemonStatus, TargetStatus } from '../daemon/status.js';

const LATE_MS = 60_000; // a target that is behind for longer is not merely waiting for its cycle

export type Health =
  /** `inSyncAt`: every target held then what STATIC_ROOT held; null without targets. */
  | { readonly ok: true; readonly inSyncAt: string | null }
  /** Why not, each one sentence. */
  | { readonly ok: false; readonly inSyncAt: string | null; readonly reasons: readonly string[] };

/** `now` in milliseconds. What is being pushed, and went well until now, is well. */
export function healthOf(status: DaemonStatus, now: number): Health {
  const { local, targets, paused } = status;
  const inSyncAt = earliest(targets.map((target) => target.inSyncAt));
  const lasting = local.problems.filter(({ code }) => code !== 'CHANGED' && code !== 'HELD_BACK');
  const reasons = [
    ...(local.state === 'starting' ? ['the sources are being read for the first time'] : []),
    ...(local.error === null ? [] : [local.error.message]),
    ...(lasting.length > 0 ? [`${filesThat(lasting.length)} could not be collected`] : []),
    ...(paused && local.unsettled > 0 ? ['it is paused, and changes wait; "pushstatic resume" goes on'] : []),
    ...targets.flatMap((target) => complaintOf(target, paused, now) ?? []),
  ];
  return reasons.length === 0 ? { ok: true, inSyncAt } : { ok: false, inSyncAt, reasons };
}

function earliest(times: readonly (string | null)[]): string | null {
  if (times.includes(null)) return null;
  return times.toSorted((a, b) => Date.parse(a ?? '') - Date.parse(b ?? ''))[0] ?? null;
}

function complaintOf(target: TargetStatus, paused: boolean, now: number): string | undefined {
  const { name, state, error, inSyncAt, problems } = target;
  if (error !== null) return `${name}: ${error.message}`;
  if (problems.length > 0) return `${name}: ${filesThat(problems.length)} could not be pushed`;
  if (state === 'in-sync') return undefined;
  const isOnItsWay = state === 'pushing' || state === 'behind';
  if (isOnItsWay && inSyncAt !== null && now - Date.parse(inSyncAt) < LATE_MS) return undefined;
  const since = inSyncAt === null ? 'it was never in sync since the start' : `it was in sync at ${inSyncAt}`;
  return `${name}: ${state}${paused ? ' and paused' : ''}; ${since}`;
}

function filesThat(count: number): string {
  return `${count} ${count === 1 ? 'file' : 'files'}`;
}

/** Whether the first cycle of every target is over. A target that cannot be reached has had its own. */
export function isReady({ local, targets }: DaemonStatus): boolean {
  return local.state !== 'starting' && targets.every(hasHadItsCycle);
}

function hasHadItsCycle({ state, inSyncAt, error, failures, problems }: TargetStatus): boolean {
  if (state === 'in-sync' || state === 'unreachable' || state === 'halted') return true;
  return state !== 'starting' && (inSyncAt !== null || error !== null || failures > 0 || problems.length > 0);
}
