/**
 * The thread that watches: fetches what the system tells however busy the main thread is. `in-thread.ts` is its other end.
 */
import { sep } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Backend, Engine, LimitCode, Report } from './backend.js';
import { Backlog, backlogLimit } from './backlog.js';
import { Outbox } from './outbox.js';
import { Root } from './root.js';
import { type SinglePlace, WatchedFile } from './watched-file.js';
import type { WatchEvent } from './watcher.js';

/** What the thread is started with. */
export interface WatchTask {
  readonly engine: Engine;
  readonly folders: readonly string[];
  /** Single files that are watched as well. */
  readonly files: readonly SinglePlace[];
}

export type WatchMessage =
  | WatchEvent
  /** Everything that is there is watched. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'limited'; readonly code: LimitCode }
  /** This engine does not run here. */
  | { readonly kind: 'unfit'; readonly reason: string };

/** To the thread: the last `touched` was taken; or, end. */
export type WatchRequest = 'taken' | 'close';

const CHECK_MS = 1000;
const OVERFLOW = 'more events were waiting than the system keeps (fs.inotify.max_queued_events)';

if (parentPort !== null) void run(parentPort, workerData as WatchTask);

async function run(port: MessagePort, { engine, folders, files }: WatchTask): Promise<void> {
  const say = (message: WatchMessage): void => port.postMessage(message);
  let backend: Backend;
  try {
    backend = await backendOf(engine);
  } catch (error) {
    return say({ kind: 'unfit', reason: error instanceof Error ? error.message : String(error) });
  }
  const watch = new Watch(backend, folders, files, say);
  port.on('message', (request: WatchRequest) => {
    if (request === 'taken') watch.taken();
    else void watch.close().finally(() => port.close());
  });
  await watch.open();
  say({ kind: 'ready' });
}

async function backendOf(engine: Engine): Promise<Backend> {
  switch (engine) {
    case 'inotify':
      return (await import('./inotify.js')).watchByInotify;
    case 'parcel':
      return (await import('./parcel.js')).parcelBackend();
    case 'chokidar':
      return (await import('./chokidar.js')).chokidarBackend('events');
    case 'poll':
      return (await import('./chokidar.js')).chokidarBackend('polling');
  }
}

class Watch {
  readonly #say: (message: WatchMessage) => void;
  readonly #roots: readonly Root[];
  readonly #files: readonly WatchedFile[];
  readonly #outbox: Outbox;
  readonly #backlog = new Backlog(backlogLimit(), () => this.#overflow());
  #checks: NodeJS.Timeout | undefined;
  #isLimited = false;
  #isClosed = false;

  constructor(
    backend: Backend,
    folders: readonly string[],
    files: readonly SinglePlace[],
    say: (message: WatchMessage) => void,
  ) {
    this.#say = say;
    this.#outbox = new Outbox(folders, (places) => say({ kind: 'touched', places }));
    this.#roots = folders.map((folder): Root => new Root(folder, backend, this.#reportFor(folder)));
    this.#files = files.map((path) => new WatchedFile(path));
  }

  async open(): Promise<void> {
    await Promise.all(this.#roots.map((root) => root.open()));
    if (!this.#isClosed) this.#checks = setInterval(() => this.#check(), CHECK_MS);
  }

  taken(): void {
    this.#outbox.taken();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#checks);
    await Promise.all(this.#roots.map((root) => root.close()));
  }

  #reportFor(folder: string): Omit<Report, 'stale'> {
    return {
      touched: (place) => this.#outbox.add(sep === '/' ? place : place.replaceAll(sep, '/')),
      heard: (events) => this.#backlog.add(events),
      lost: (reason) => this.#say({ kind: 'lost', folder, reason }),
      limited: (code) => this.#limited(code),
    };
  }

  /** Folders that were made meanwhile may be among what was dropped, so everything is set up again. */
  #overflow(): void {
    for (const root of this.#roots) {
      this.#say({ kind: 'lost', folder: root.folder, reason: OVERFLOW });
      root.doubt();
    }
  }

  #limited(code: LimitCode): void {
    if (!this.#isLimited) this.#say({ kind: 'limited', code });
    this.#isLimited = true;
  }

  #check(): void {
    for (const root of this.#roots) void root.check();
    for (const file of this.#files) if (file.hasChanged()) this.#outbox.add(file.path);
  }
}
