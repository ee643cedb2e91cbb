/**
 * The thread of the local half: collects or scans, and tells the thread that asked. `in-thread.ts` is its other end.
 *
 * Reading and hashing ten thousand files keeps a processor busy for as long as a connection takes to be made. Here it
 * happens beside that, and never keeps the connection waiting.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import type { Entry } from '../core/snapshot.js';
import { type Problem, reasonOf } from '../errors.js';
import { StateFolder } from '../fs/state.js';
import { type CollectProject, collect } from './collect.js';
import { ContentPacker, type Slab } from './contents.js';
import type { Progress } from './identify.js';
import type { RunOptions } from './run-options.js';
import { scanOnly } from './scan-only.js';

/** What to do: fill STATIC_ROOT from the sources, or take it as it is. */
export type LocalWork =
  | { readonly kind: 'collect'; readonly project: CollectProject; readonly mode: 'write' | 'dry-run' }
  | { readonly kind: 'scan'; readonly root: string; readonly mode: 'write' | 'dry-run' };

export interface LocalSettings extends Pick<RunOptions, 'force' | 'reread'> {
  readonly statePath: string;
  /** Whether what was read is sent along, for those who will send it on. */
  readonly contents: 'keep' | 'drop';
}

/** The first message to the thread. */
export interface LocalTask {
  readonly work: LocalWork;
  readonly settings: LocalSettings;
}

/** What it may be told while it works. */
export type ThreadRequest =
  | { readonly kind: 'abort' }
  /** What was in this slab is of no more use. */
  | { readonly kind: 'freed'; readonly bytes: ArrayBuffer };

/** What is done, but for the entries, which went ahead. */
export interface LocalSummary {
  readonly files: number;
  readonly copied: number;
  readonly removed: number;
  /** Of the snapshot: the paths whose state is unknown. */
  readonly unknown: readonly Problem[];
  /** All that were met. */
  readonly problems: readonly Problem[];
}

export type ThreadMessage =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'entries'; readonly entries: readonly Entry[] }
  | { readonly kind: 'contents'; readonly slab: Slab }
  | { readonly kind: 'done'; readonly summary: LocalSummary }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string; readonly stack: string };

const ENTRIES_IN_MESSAGE = 2000; // each message is unpacked in one go, in some milliseconds
const WAITING_BYTES = 256 * 1024; // contents that others could send already
const MANY_FILES = 60_000; // from here on a second heap at work beside this one takes more memory than we promise

parentPort?.once('message', (task: LocalTask) => void work(parentPort as MessagePort, task));

async function work(port: MessagePort, task: LocalTask): Promise<void> {
  const say = (message: ThreadMessage): void => port.postMessage(message);
  const abort = new AbortController();
  const packer = new ContentPacker((slab) => port.postMessage({ kind: 'contents', slab }, [slab.bytes]));
  port.on('message', (request: ThreadRequest) => {
    if (request.kind === 'abort') abort.abort();
    else packer.refill(request.bytes);
  });
  try {
    const { statePath, contents, ...settings } = task.settings;
    const entries = new EntrySender(packer, say);
    const summary = await carryOut(task.work, {
      ...settings,
      state: new StateFolder(statePath),
      signal: abort.signal,
      keep: contents === 'keep' ? (digest, bytes) => packer.keep(digest, bytes) : undefined,
      onFound: (files) => entries.expect(files),
      onEntry: (entry) => entries.add(entry),
      onProgress: (progress) => say({ kind: 'progress', progress }),
      onWarning: (text) => say({ kind: 'warning', text }),
    });
    entries.flush();
    say({ kind: 'done', summary });
  } catch (error) {
    const { name = 'Error', stack = '' } = error instanceof Error ? error : {};
    say({ kind: 'failed', name, message: reasonOf(error), stack });
  } finally {
    port.close();
  }
}

async function carryOut(task: LocalWork, options: RunOptions): Promise<LocalSummary> {
  if (task.kind === 'scan') {
    const { entries, problems } = await scanOnly(task.root, { ...options, mode: task.mode });
    return { files: entries.length, copied: 0, removed: 0, unknown: problems, problems };
  }
  const { snapshot, files, copied, removed, problems } = await collect(task.project, { ...options, mode: task.mode });
  return { files, copied: copied.length, removed: removed.length, unknown: snapshot.problems, problems };
}

/** Sends entries in batches, each after the contents that belong to it. Those of a big tree wait for the end. */
class EntrySender {
  readonly #packer: ContentPacker;
  readonly #say: (message: ThreadMessage) => void;
  #entries: Entry[] = [];
  #isBig = false;

  constructor(packer: ContentPacker, say: (message: ThreadMessage) => void) {
    this.#packer = packer;
    this.#say = say;
  }

  expect(files: number): void {
    if (files <= MANY_FILES) return;
    this.#isBig = true;
    this.#packer.keepFew();
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    const isFull = this.#entries.length >= ENTRIES_IN_MESSAGE || this.#packer.waitingBytes >= WAITING_BYTES;
    if (isFull && !this.#isBig) this.flush();
  }

  flush(): void {
    this.#packer.finish();
    for (let at = 0; at < this.#entries.length; at += ENTRIES_IN_MESSAGE) {
      this.#say({ kind: 'entries', entries: this.#entries.slice(at, at + ENTRIES_IN_MESSAGE) });
    }
    this.#entries = [];
  }
}
