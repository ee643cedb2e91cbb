/**
 * LocalThread: the local half of a cycle in a thread of its own, with the same answers and errors as if it were called.
 */
import { MessageChannel, type MessagePort, type ResourceLimits, Worker } from 'node:worker_threads';
import type { ToSign } from '../../core/delta/signature.js';
import type { Snapshot } from '../../core/snapshot.js';
import { ConfigError, ManifestError, type Problem, SafetyError, SourceError } from '../../errors.js';
import { Pacer } from '../../fs/pace.js';
import { keepHeapSmall, keepNewSpaceAsItIs, keepNewSpaceSmall, NEW_IN_THREAD_MB } from '../../heap.js';
import type { Progress } from '../identify.js';
import type { Went } from '../since/gone.js';
import type { Changes, Swept } from '../sweep.js';
import { Arrivals } from './arrivals.js';
import { Contents } from './contents.js';
import type { Helper, SharedList } from './helper.js';
import type {
  LocalSettings,
  LocalSummary,
  LocalTask,
  LocalWork,
  LookWork,
  NameWork,
  SignWork,
  SweepWork,
  ThreadMessage,
  ThreadRequest,
} from './protocol.js';
import { close } from './turn.js';

export type { LocalSettings, LocalWork, Part, SweepWork } from './protocol.js';

export interface LocalHooks {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Takes part in a run, in the thread that asks for it. */
  readonly helper?: Helper | undefined;
}

export interface LocalResult extends Omit<LocalSummary, 'unknown'> {
  /** STATIC_ROOT as it is then, or the part of it that was asked for. */
  readonly snapshot: Snapshot;
  readonly problems: readonly Problem[];
}

/** A run under way. */
export interface LocalRun {
  /** Undefined where a part cannot be worked on by itself: then nothing was changed. */
  readonly result: Promise<LocalResult | undefined>;
  /** What was read, as it comes. */
  readonly contents: Contents;
  /** The entries of the snapshot, as they come. Their contents came before them. */
  readonly arrivals: Arrivals;
}

const ERRORS = { ConfigError, ManifestError, SafetyError, SourceError } as const;
const ENDED = 'cannot read the local files: the thread that reads them ended';
const NO_SETTINGS: LocalSettings = { statePath: '', contents: 'drop' };

/** A thread takes a tenth of a second to come up. Made early, it does so while the configuration is read. */
export class LocalThread {
  readonly #program: URL;
  readonly #limits: ResourceLimits;
  /** Undefined while it is put aside. */
  #worker: Worker | undefined;
  /** Of the runs under way. */
  readonly #failures = new Set<(error: Error) => void>();
  #hasEnded = false;

  /** `program` is the built program of the thread. `heap`: it is to take less memory rather than less time. */
  constructor(program = new URL('./thread.cjs', import.meta.url), heap?: 'small') {
    this.#program = program;
    this.#limits = heap === 'small' ? { maxYoungGenerationSizeMb: NEW_IN_THREAD_MB } : {};
    this.#worker = this.#makeWorker();
  }

  #makeWorker(): Worker {
    const worker = new Worker(this.#program, { resourceLimits: this.#limits });
    const fail = (error: Error): void => {
      if (worker !== this.#worker) return;
      this.#hasEnded = true;
      for (const each of this.#failures) each(error);
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new SourceError(ENDED)));
    worker.unref();
    return worker;
  }

  /** Whether it can take no more runs. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Several runs may be under way; who starts them sees to it that they do not write to the same places. */
  run(work: LocalWork, settings: Omit<LocalSettings, 'helper'>, hooks: LocalHooks): LocalRun {
    const arrivals = new Arrivals();
    const { helper } = hooks;
    const port = this.#start({ work, settings: { ...settings, helper: helper && 'asker' } });
    const helping = helper && new Helping(helper, () => port.postMessage({ kind: 'helped' } satisfies ThreadRequest));
    const contents = new Contents((bytes) =>
      port.postMessage({ kind: 'freed', bytes } satisfies ThreadRequest, [bytes]),
    );
    let arrived = 0;
    const told = this.#follow(port, hooks, (message) => {
      if (message.kind === 'help') {
        if (settings.heap === 'small') keepNewSpaceAsItIs();
        helping?.take(message.list);
      }
      if (message.kind === 'contents') contents.add(message.slab);
      if (message.kind === 'entries') {
        arrivals.add(message.entries, message.use);
        if (settings.heap === 'small') {
          keepHeapSmall((arrived += message.entries.length));
          keepNewSpaceSmall();
        }
      }
      if (message.kind === 'declined') return { answer: undefined };
      return message.kind === 'done' ? { answer: message.summary } : undefined;
    }).finally(() => {
      arrivals.end();
      helping?.end();
    });
    const result = told.then((summary) => summary && resultOf(summary, arrivals));
    return { result, contents, arrivals };
  }

  sweep(work: SweepWork, hooks: LocalHooks): Promise<Swept> {
    const port = this.#start({ work, settings: NO_SETTINGS });
    return this.#follow(port, hooks, (message) => (message.kind === 'swept' ? { answer: message.swept } : undefined));
  }

  /** What has changed since a run before, as far as the thread got to look at it. */
  look(work: LookWork, settings: LocalSettings, hooks: LocalHooks): Promise<Changes> {
    const port = this.#start({ work, settings });
    return this.#follow(port, hooks, (message) =>
      message.kind === 'looked' ? { answer: message.changes } : undefined,
    );
  }

  /** See `nameGone`. */
  nameGone(work: NameWork, settings: LocalSettings, hooks: LocalHooks): Promise<Went | undefined> {
    const port = this.#start({ work, settings });
    return this.#follow(port, hooks, (message) => (message.kind === 'named' ? { answer: message.went } : undefined));
  }

  /** Makes the signatures of `files` that `folder` has not. What goes wrong with them is a warning. */
  async sign(files: readonly ToSign[], folder: string, hooks: LocalHooks): Promise<void> {
    const port = this.#start({ work: { kind: 'sign', files, folder } satisfies SignWork, settings: NO_SETTINGS });
    await this.#follow(port, hooks, (message) => (message.kind === 'signed' ? { answer: undefined } : undefined));
  }

  /** Gives back the memory that it took for a big tree, unless a run is under way. The next run takes a tenth of a second more. */
  async putAside(): Promise<void> {
    const worker = this.#worker;
    if (this.#failures.size > 0 || this.#hasEnded) return;
    this.#worker = undefined;
    await worker?.terminate();
  }

  /** Ends it at once, whatever is under way. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.#worker?.terminate();
  }

  #start(task: Omit<LocalTask, 'port'>): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#worker ??= this.#makeWorker();
    this.#worker.postMessage({ ...task, port: port2 } satisfies LocalTask, [port2]);
    return port1;
  }

  /** Until `take` has the answer, or the thread says why there is none. */
  async #follow<T>(
    port: MessagePort,
    { signal, onProgress, onWarning }: LocalHooks,
    take: (message: ThreadMessage) => { readonly answer: T } | undefined,
  ): Promise<T> {
    if (this.#hasEnded) throw new SourceError(ENDED);
    const stop = (): void => port.postMessage({ kind: 'abort' } satisfies ThreadRequest);
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
    let fail: (error: Error) => void = () => undefined;
    const answered = new Promise<T>((resolve, reject) => {
      fail = reject;
      port.on('message', (message: ThreadMessage) => {
        if (message.kind === 'progress') return onProgress?.(message.progress);
        if (message.kind === 'warning') return onWarning?.(message.text);
        if (message.kind === 'failed') return reject(revive(message));
        const taken = take(message);
        if (taken) resolve(taken.answer);
      });
    });
    this.#failures.add(fail);
    this.#worker?.ref();
    try {
      return await answered;
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#failures.delete(fail);
      if (this.#failures.size === 0) this.#worker?.unref();
    }
  }
}

/** The part of this thread in a run of another one. What goes wrong in it is left to that one, which sees to it. */
class Helping {
  readonly #helper: Helper;
  readonly #onHelped: () => void;
  readonly #lists = new Set<SharedList>();
  #before: Promise<void> = Promise.resolve();

  /** `onHelped` is called for each list, in order. */
  constructor(helper: Helper, onHelped: () => void) {
    this.#helper = helper;
    this.#onHelped = onHelped;
  }

  take(list: SharedList): void {
    this.#lists.add(list);
    this.#before = this.#help(list, this.#before);
  }

  async #help(list: SharedList, before: Promise<void>): Promise<void> {
    await before;
    try {
      await this.#helper.help(list);
    } catch {
      // it is left
    }
    this.#lists.delete(list);
    this.#onHelped();
  }

  /** The run is over, however it ended: nobody wants more of it. */
  end(): void {
    for (const { turn } of this.#lists) close(turn);
  }
}

/** The result of a run of the whole tree, which is never declined. */
export async function wholeOf({ result }: LocalRun): Promise<LocalResult> {
  const whole = await result;
  if (whole === undefined) throw new SourceError('cannot collect the whole tree: it was taken for a part of one');
  return whole;
}

async function resultOf({ unknown, ...summary }: LocalSummary, arrivals: Arrivals): Promise<LocalResult> {
  return { ...summary, snapshot: { entries: await arrivals.table(new Pacer()), problems: unknown } };
}

/** An error loses its class on the way between threads. */
function revive({ name, message, stack }: Extract<ThreadMessage, { kind: 'failed' }>): Error {
  const error =
    name in ERRORS ? new ERRORS[name as keyof typeof ERRORS](message) : Object.assign(new Error(message), { name });
  error.stack = stack;
  return error;
}
