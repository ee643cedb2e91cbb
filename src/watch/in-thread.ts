/**
 * WatchThread: the folders of one choice, watched in a thread of their own for as long as it takes. A thread that dies is
 * replaced, and an engine that the system does not allow gives way to the next one.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { reasonOf, SourceError } from '../errors.js';
import type { Engine, LimitCode } from './backend.js';
import { type Choice, NEXT } from './choose.js';
import { countIn, limitText, readLimit } from './limits.js';
import type { WatchMessage, WatchRequest, WatchTask } from './watch-thread.js';
import type { WatchEvent } from './watcher.js';

const RESTART_MS = 1000;
const CLOSE_MS = 2000;
const YOUNG_MB = 4; // events are small and soon forgotten; more only makes the process bigger

export interface WatchHooks {
  readonly onEvent: (event: WatchEvent) => void;
  /** The built program of the thread. Default: beside this file. */
  readonly thread?: URL | undefined;
}

export class WatchThread {
  readonly #folders: readonly string[];
  readonly #files: readonly string[];
  readonly #hooks: WatchHooks;
  #engine: Engine;
  #reason: string;
  #worker: Worker | undefined;
  #state: 'starting' | 'ready' | 'closed' = 'starting';
  #resolve: () => void = () => {};
  #reject: (error: SourceError) => void = () => {};
  /** Resolves when everything that is there is watched. Rejects with a SourceError if no engine can. */
  readonly ready = new Promise<void>((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  constructor({ engine, folders, reason }: Choice, files: readonly string[], hooks: WatchHooks) {
    this.#engine = engine;
    this.#reason = reason;
    this.#folders = folders;
    this.#files = files;
    this.#hooks = hooks;
    this.#start();
  }

  get engine(): Engine {
    return this.#engine;
  }

  get reason(): string {
    return this.#reason;
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    await this.#end(this.#worker);
  }

  #start(): void {
    const task: WatchTask = { engine: this.#engine, folders: this.#folders, files: this.#files };
    const options = { workerData: task, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } };
    const worker = new Worker(this.#hooks.thread ?? new URL('./watch-thread.js', import.meta.url), options);
    this.#worker = worker;
    let error: unknown = new SourceError('it ended by itself');
    worker.on('error', (cause) => (error = cause));
    worker.on('message', (message: WatchMessage) => this.#worker === worker && this.#take(message));
    worker.on('exit', () => this.#worker === worker && this.#died(reasonOf(error)));
  }

  #take(message: WatchMessage): void {
    if (this.#state === 'closed') return;
    switch (message.kind) {
      case 'ready':
        return this.#nowReady();
      case 'limited':
        return this.#limited(message.code);
      case 'unfit':
        return this.#goOver(message.reason);
      case 'touched':
        this.#worker?.postMessage('taken' satisfies WatchRequest);
        return this.#hooks.onEvent(message);
      default:
        return this.#hooks.onEvent(message);
    }
  }

  #nowReady(): void {
    this.#state = 'ready';
    this.#resolve();
  }

  #limited(code: LimitCode): void {
    const text = limitText(code, this.#engine, countIn(this.#folders), readLimit(code));
    this.#hooks.onEvent({ kind: 'warning', text: `${text}; until then, changes are looked for instead` });
    this.#goOver(text);
  }

  /** Watches by the next engine from now on. What happens until that is ready is as good as lost. */
  #goOver(reason: string): void {
    const next = NEXT[this.#engine];
    void this.#end(this.#worker);
    if (next === undefined) return this.#reject(new SourceError(`cannot watch for changes: ${reason}`));
    this.#engine = next;
    this.#reason = reason;
    this.#start();
    this.#loseAll(reason);
  }

  #died(reason: string): void {
    this.#worker = undefined;
    if (this.#state === 'closed') return;
    if (this.#state === 'starting') return this.#goOver(reason);
    void pause(RESTART_MS, undefined, { ref: false }).then(() => {
      if (this.#state === 'closed') return;
      this.#start();
      this.#loseAll(`the thread that watches ended: ${reason}`);
    });
  }

  #loseAll(reason: string): void {
    if (this.#state !== 'ready') return;
    for (const folder of this.#folders) this.#hooks.onEvent({ kind: 'lost', folder, reason });
  }

  async #end(worker: Worker | undefined): Promise<void> {
    if (worker === undefined) return;
    if (this.#worker === worker) this.#worker = undefined;
    const ended = once(worker, 'exit');
    worker.postMessage('close' satisfies WatchRequest);
    const late = new AbortController();
    void pause(CLOSE_MS, undefined, { signal: late.signal, ref: false }).then(
      () => worker.terminate(),
      () => undefined,
    );
    await ended;
    late.abort();
  }
}
