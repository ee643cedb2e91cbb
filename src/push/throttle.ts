/**
 * Throttle: holds a sender to so many bytes a second, on the average since it began to send.
 */
import { setTimeout as wait } from 'node:timers/promises';

const BURST_MS = 100; // pauses shorter than this are not worth a timer

export interface Throttle {
  /** Resolves when `bytes` more may be sent; undefined if that is now. */
  take(bytes: number, signal?: AbortSignal): Promise<void> | undefined;
}

/** `bytesPerSecond` undefined: no limit. */
export function throttleTo(bytesPerSecond: number | undefined): Throttle {
  if (bytesPerSecond === undefined) return { take: () => undefined };
  let freeAt = performance.now();
  return {
    take(bytes, signal) {
      const now = performance.now();
      const begin = Math.max(freeAt, now - BURST_MS);
      freeAt = begin + (bytes / bytesPerSecond) * 1000;
      if (begin <= now) return undefined;
      return wait(begin - now, undefined, signal === undefined ? {} : { signal });
    },
  };
}
