/**
 * Standing: how it stands with one target in a process that lasts. A state machine; time and chance are given.
 *
 *   starting -> pushing -> in-sync -> behind -> pushing -> …
 *   pushing  -> unreachable or behind, tried again after a pause that doubles · halted, until a person has acted
 */
import type { Failure, Problem, ProblemCode } from '../errors.js';

/**
 * `starting` nothing is known yet · `in-sync` · `pushing` a cycle is under way · `behind` it waits for its cycle, or because
 * of a pause · `unreachable` it is tried again at `retryAt` · `halted` only a person can help: `error` says how.
 */
export type TargetState = 'starting' | 'in-sync' | 'pushing' | 'behind' | 'unreachable' | 'halted';

/** Times are milliseconds since 1970. */
export interface Standing {
  readonly state: TargetState;
  /** When it came into this state. */
  readonly since: number;
  /** The last moment at which it was known to hold what it should. */
  readonly inSyncAt: number | undefined;
  readonly error: Failure | undefined;
  readonly retryAt: number | undefined;
  /** Failed tries since the last success. */
  readonly failures: number;
  /** Of those, how many at the end were for 'mending': their pauses grow by themselves. */
  readonly mendings: number;
}

/**
 * What can end a failure: the connection coming back, time, or a person. `mending`: a person too, but at single files and where nothing
 * tells of it, so it is tried again now and then. `person`: nothing is tried until that person says so.
 */
export type Remedy = 'connection' | 'time' | 'mending' | 'person';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000; // an outage that ends is noticed within a minute
const LONGEST_MENDING_PAUSE_MS = 900_000; // each try sends the whole files again

/** Problems of a push that do not pass by themselves; HELD_BACK follows from another one. */
const LASTING: ReadonlySet<ProblemCode> = new Set([
  'BAD_NAME',
  'OBSTRUCTED',
  'DENIED',
  'SECRET',
  'OTHER_DEVICE',
  'HELD_BACK',
]);

/** For a push that failed in part. */
export function remedyOf(problems: readonly Problem[]): Remedy {
  return problems.every(({ code }) => LASTING.has(code)) ? 'mending' : 'time';
}

export function newStanding(now: number): Standing {
  return {
    state: 'starting',
    since: now,
    inSyncAt: undefined,
    error: undefined,
    retryAt: undefined,
    failures: 0,
    mendings: 0,
  };
}

/** Something has changed that the target has not got. Where it is being tried again, or halted, that goes on. */
export function changed(standing: Standing, now: number): Standing {
  return standing.state === 'in-sync' ? { ...leaving(standing, now), state: 'behind', since: now } : standing;
}

/** A cycle begins to change the target. */
export function pushing(standing: Standing, now: number): Standing {
  return standing.state === 'pushing'
    ? standing
    : { ...leaving(standing, now), state: 'pushing', since: now, retryAt: undefined };
}

/** Until now it held what it should: nobody looks while nothing changes. */
function leaving(standing: Standing, now: number): Standing {
  return standing.state === 'in-sync' ? { ...standing, inSyncAt: now } : standing;
}

/** A cycle ended well. `rest`: something is still to be done. */
export function succeeded(standing: Standing, now: number, rest: 'nothing' | 'something'): Standing {
  const state = rest === 'nothing' ? 'in-sync' : 'behind';
  const since = standing.state === state ? standing.since : now;
  const inSyncAt = rest === 'nothing' ? now : standing.inSyncAt;
  return { state, since, inSyncAt, error: undefined, retryAt: undefined, failures: 0, mendings: 0 };
}

/** A cycle failed. `chance` (0 to 1) spreads the pauses, so that many clients do not come back at once. */
export function failed(standing: Standing, now: number, error: Failure, remedy: Remedy, chance: number): Standing {
  const state = remedy === 'person' ? 'halted' : remedy === 'connection' ? 'unreachable' : 'behind';
  const failures = standing.failures + 1;
  const mendings = remedy === 'mending' ? standing.mendings + 1 : 0;
  const since = standing.state === state ? standing.since : now;
  const pause = mendings > 0 ? pauseAfter(mendings, chance, LONGEST_MENDING_PAUSE_MS) : pauseAfter(failures, chance);
  const retryAt = remedy === 'person' ? undefined : now + pause;
  return { ...leaving(standing, now), state, since, error, retryAt, failures, mendings };
}

/** A person wants it tried now, whatever stood against it. */
export function released(standing: Standing, now: number): Standing {
  if (standing.state !== 'halted' && standing.retryAt === undefined) return standing;
  return { ...standing, state: 'behind', since: now, retryAt: undefined };
}

/** Milliseconds: doubled with each failure, capped, and between half of that and all of it. */
export function pauseAfter(failures: number, chance: number, longest = LONGEST_PAUSE_MS): number {
  const whole = Math.min(longest, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return Math.round(whole * (0.5 + chance / 2));
}
