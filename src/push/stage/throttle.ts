/**
 * Throttle: holds a sender to so many bytes a second, on the average since it began to send.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Content, piecesOf } from './pieces.js';

const BURST_MS = 100; // pauses shorter than this are not worth a timer
const PIECE_BYTES = 64 * 1024; // as much as one request carries: what is slower than that many a second comes in jerks

export interface Throttle {
  /** Resolves when `bytes` more may be sent; undefined if that is now. */
  take(bytes: number, signal?: AbortSignal): Promise<void> | undefined;
  /** Long content, of which each piece comes when it may be sent. */
  pace(content: Content, signal?: AbortSignal): Content;
}

/** `bytesPerSecond` undefined: no limit. */
export function throttleTo(bytesPerSecond: number | undefined): Throttle {
  if (bytesPerSecond === undefined) return { take: () => undefined, pace: (content) => content };
  let freeAt = performance.now();
  const take: Throttle['take'] = (bytes, signal) => {
    const now = performance.now();
    const begin = Math.max(freeAt, now - BURST_MS);
    freeAt = begin + (bytes / bytesPerSecond) * 1000;
    if (begin <= now) return undefined;
    return wait(begin - now, undefined, signal === undefined ? {} : { signal });
  };
  return { take, pace: (content, signal) => paced(content, (bytes) => take(bytes, signal)) };
}

async function* paced(
  content: Content,
  take: (bytes: number) => Promise<void> | undefined,
): AsyncGenerator<Uint8Array, void> {
  for await (const piece of piecesOf(content)) {
    for (let at = 0; at < piece.length; at += PIECE_BYTES) {
      const part = piece.subarray(at, at + PIECE_BYTES);
      await take(part.length);
      yield part;
    }
  }
}
