/**
 * retry: repeats a whole cycle when the target could not be reached or the connection broke. The only place that tries
 * anything twice.
 *
 * A cycle can be repeated because it goes on where the one before it stopped: the index says what is uncertain, and
 * what was staged is taken over.
 */
import pRetry from 'p-retry';
import { PushstaticError } from '../errors.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export interface RetryOptions {
  /** How often at most after the first try. */
  readonly retries: number;
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: (error: Error) => void;
}

/** The pauses double, are drawn at random between once and twice that, and are capped. Permanent errors pass at once. */
export async function retry<T>(cycle: () => Promise<T>, { retries, signal, onRetry }: RetryOptions): Promise<T> {
  return pRetry(cycle, {
    retries,
    minTimeout: FIRST_PAUSE_MS,
    maxTimeout: LONGEST_PAUSE_MS,
    randomize: true,
    ...(signal === undefined ? {} : { signal }),
    shouldRetry: ({ error }) => error instanceof PushstaticError && error.retryable,
    onFailedAttempt: ({ error, retriesLeft }) => {
      const isRetried = retriesLeft > 0 && signal?.aborted !== true;
      if (isRetried && error instanceof PushstaticError && error.retryable) onRetry?.(error);
    },
  });
}
