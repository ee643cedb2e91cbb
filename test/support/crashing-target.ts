/** A target whose process dies: from one request on, nothing more reaches it and nothing more is answered. */
import type { Target } from '../../src/targets/target.js';

export class Crash extends Error {}

/** The requests that change something. */
const CHANGES = [
  'write',
  'link',
  'patch',
  'append',
  'rename',
  'moveFolder',
  'chmod',
  'makeFolder',
  'makeFolderAmong',
  'remove',
  'removeFolder',
] as const;

export interface CrashingTarget extends Target {
  /** How many changes were asked for. */
  readonly changes: () => number;
}

/**
 * `inner` until change number `at` (counted from 1; Infinity for never). `moment` says whether that one is still carried
 * out, its answer being lost.
 */
export function crashAt(inner: Target, at: number, moment: 'before' | 'after'): CrashingTarget {
  let changes = 0;
  const isDead = (): boolean => changes > at || (changes === at && at > 0);
  return new Proxy(inner, {
    get(target, key) {
      if (key === 'changes') return () => changes;
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key === 'close') return () => target.close();
      if (key === 'list' || key === 'read') return guardIterable(value.bind(target), isDead);
      return async (...args: unknown[]) => {
        if (isDead()) throw new Crash();
        const isChange = (CHANGES as readonly unknown[]).includes(key);
        if (isChange) changes++;
        const dies = isChange && changes === at;
        if (dies && moment === 'before') throw new Crash();
        const result: unknown = await value.apply(target, args);
        if (dies) throw new Crash();
        return result;
      };
    },
  }) as CrashingTarget;
}

function guardIterable(call: (...args: unknown[]) => AsyncIterable<unknown>, isDead: () => boolean) {
  return async function* (...args: unknown[]): AsyncIterable<unknown> {
    if (isDead()) throw new Crash();
    yield* call(...args);
  };
}
