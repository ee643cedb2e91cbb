/**
 * LocalThread: the local half of a cycle in a thread of its own, with the same answers and errors as if it were called.
 */
import { Worker } from 'node:worker_threads';
import type { Snapshot } from '../core/snapshot.js';
import { ConfigError, type Problem, SafetyError, SourceError } from '../errors.js';
import { Arrivals } from './arrivals.js';
import { Contents } from './contents.js';
import type { Progress } from './identify.js';
import type { LocalSettings, LocalSummary, LocalWork, ThreadMessage, ThreadRequest } from './thread.js';

export type { LocalWork } from './thread.js';

export interface LocalHooks {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
}

export interface LocalResult extends Omit<LocalSummary, 'unknown'> {
  /** STATIC_ROOT as it is then. */
  readonly snapshot: Snapshot;
  readonly problems: readonly Problem[];
}

const ERRORS = { ConfigError, SafetyError, SourceError } as const;

/** A thread takes a tenth of a second to come up. Made early, it does so while the configuration is read. */
export class LocalThread {
  readonly #worker = new Worker(new URL('./thread.js', import.meta.url));

  /** What was read, as it comes. */
  readonly contents = new Contents((bytes) => this.#tell({ kind: 'freed', bytes }, [bytes]));

  /** The entries of the snapshot, as they come. Their contents came before them. */
  readonly arrivals = new Arrivals();

  constructor() {
    this.#worker.unref();
  }

  /** Once. The thread ends with it. */
  run(work: LocalWork, settings: LocalSettings, hooks: LocalHooks): Promise<LocalResult> {
    const worker = this.#worker;
    worker.ref();
    worker.postMessage({ work, settings });
    const stop = (): void => this.#tell({ kind: 'abort' });
    hooks.signal?.addEventListener('abort', stop, { once: true });
    return this.#receive(hooks).finally(() => {
      hooks.signal?.removeEventListener('abort', stop);
      this.arrivals.end();
    });
  }

  #tell(message: ThreadRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive({ onProgress, onWarning }: LocalHooks): Promise<LocalResult> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', () =>
        reject(new SourceError('cannot read the local files: the thread that reads them ended early')),
      );
      worker.on('message', (message: ThreadMessage) => {
        switch (message.kind) {
          case 'progress':
            return onProgress?.(message.progress);
          case 'warning':
            return onWarning?.(message.text);
          case 'contents':
            return this.contents.add(message.slab);
          case 'entries':
            return this.arrivals.add(message.entries);
          case 'done':
            return resolve(resultOf(message.summary, this.arrivals));
          case 'failed':
            return reject(revive(message));
        }
      });
    });
  }
}

function resultOf({ unknown, ...summary }: LocalSummary, arrivals: Arrivals): LocalResult {
  return { ...summary, snapshot: { entries: arrivals.sorted(), problems: unknown } };
}

/** An error loses its class on the way between threads. */
function revive({ name, message, stack }: Extract<ThreadMessage, { kind: 'failed' }>): Error {
  const error =
    name in ERRORS ? new ERRORS[name as keyof typeof ERRORS](message) : Object.assign(new Error(message), { name });
  error.stack = stack;
  return error;
}
