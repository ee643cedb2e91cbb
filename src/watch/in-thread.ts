/**
 * WatchThread: the folders of one choice, watched in a thread of their own for as long as it takes. A thread that dies is
 * replaced, and an engine that the system does not allow gives way to the next one.
 */
import { Worker } from 'node:worker_threads';
import { SourceError } from '../errors.js';
import { reasonOf } from '../system-error.js';
import type { Engine, LimitCode } from './backend.js';
import { type Choice, NEXT } from './choose.js';
import { countIn, limitText, readLimit } from './limits.js';
import type { WatchMessage, WatchRequest, WatchTask } from './watch-thread.js';
import type { SinglePlace } from './watched-file.js';
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
  readonly #files: readonly SinglePlace[];
  readonly #hooks: WatchHooks;
  #engine: Engine;
  #reason: string;
  /** The one that is listened to. */
  #worker: Worker | undefined;
  /** It, and others that are about to end. */
  readonly #alive = new Set<Worker>();
  #state: 'starting' | 'ready' | 'closed' = 'starting';
  /** Why events were lost that are still to be told as lost. */
  #lost: string | undefined;
  /** One that lasts is told of once. */
  #toldLimit: string | undefined;
  #resolve: () => void = () => {};
  #reject: (error: SourceError) => void = () => {};
  /** Resolves when everything that is there is watched. Rejects with a SourceError if no engine can. */
  readonly ready = new Promise<void>((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  constructor({ engine, folders, reason }: Choice, files: readonly SinglePlace[], hooks: WatchHooks) {
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

  /** One that is not ready yet never gets so: `ready` rejects. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#reject(new SourceError('cannot watch for changes: the watcher was closed'));
    await Promise.all([...this.#alive].map((worker) => this.#end(worker)));
  }

  #start(): void {
    const task: WatchTask = { engine: this.#engine, folders: this.#folders, files: this.#files };
    const options = { workerData: task, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } };
    let worker: Worker;
    try {
      worker = new Worker(this.#hooks.thread ?? new URL('./watch-thread.js', import.meta.url), options);
    } catch (error) {
      return this.#died(reasonOf(error)); // the system has no room for one more
    }
    this.#worker = worker;
    this.#alive.add(worker);
    let error: unknown = new SourceError('it ended by itself');
    worker.on('error', (cause) => (error = cause));
    worker.on('message', (message: WatchMessage) => this.#worker === worker && this.#take(message));
    worker.on('exit', () => {
      this.#alive.delete(worker);
      if (this.#worker === worker) this.#died(reasonOf(error));
    });
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
      case 'lost':
      case 'warning':
        return this.#hooks.onEvent(message);
    }
  }

  #nowReady(): void {
    const lost = this.#lost;
    this.#lost = undefined;
    this.#state = 'ready';
    this.#resolve();
    if (lost === undefined) return;
    for (const folder of this.#folders) this.#hooks.onEvent({ kind: 'lost', folder, reason: lost });
  }

  #limited(code: LimitCode): void {
    const text = limitText(code, this.#engine, countIn(this.#folders), readLimit(code));
    if (text !== this.#toldLimit)
      this.#hooks.onEvent({ kind: 'warning', text: `${text}; until then, changes are looked for instead` });
    this.#toldLimit = text;
    this.#goOver(text);
  }

  /** Watches by the next engine from now on. */
  #goOver(reason: string): void {
    const next = NEXT[this.#engine];
    for (const worker of this.#alive) void this.#end(worker);
    if (next === undefined && this.#state === 'ready') return this.#died(reason); // that may pass
    if (next === undefined) return this.#reject(new SourceError(`cannot watch for changes: ${reason}`));
    this.#engine = next;
    this.#reason = reason;
    this.#begin(reason);
  }

  #died(reason: string): void {
    this.#worker = undefined;
    if (this.#state === 'closed') return;
    if (this.#state === 'starting') return this.#goOver(reason);
    setTimeout(() => {
      if (this.#state !== 'closed') this.#begin(`the thread that watches ended: ${reason}`);
    }, RESTART_MS).unref();
  }

  /** What happens until the new thread is ready, nobody hears. */
  #begin(reason: string): void {
    if (this.#state === 'ready') this.#lost = reason;
    this.#start();
  }

  /** Lets `worker` end by itself, and not for long. */
  #end(worker: Worker): Promise<void> {
    if (this.#worker === worker) this.#worker = undefined;
    worker.postMessage('close' satisfies WatchRequest);
    return new Promise((resolve) => {
      const late = setTimeout(() => void worker.terminate(), CLOSE_MS);
      worker.once('exit', () => {
        clearTimeout(late);
        resolve();
      });
    });
  }
}
