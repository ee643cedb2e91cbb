/**
 * Face: shows the progress of a run on stderr. A live view where a person watches, plain lines elsewhere.
 *
 * It only ever tells; nothing waits for it.
 */
import type { Logger } from 'pino';
import { rateOf } from '../cycle/rate.js';
import type { CycleEvent, Phase } from '../sync.js';
import type { Output } from './output.js';
import { bytes, count, duration, files } from './units.js';

const REPAINT_MS = 100;
const PLAIN_MS = 5000; // a line every so often tells a log that something happens

export interface Face {
  collecting(progress: { readonly files: number; readonly bytes: number }): void;
  event(event: CycleEvent): void;
  end(): void;
}

/** How far one target is. Times are milliseconds of a clock that only goes forward. */
interface Progress {
  phase: Phase | 'done';
  since: number;
  /** Files may be sent before the phase that is named for it. */
  sendingSince: number | undefined;
  files: number;
  bytes: number;
  doneFiles: number;
  doneBytes: number;
  published: number;
}

const WORDS: Readonly<Record<Progress['phase'], string>> = {
  connect: 'connecting',
  survey: 'looking at what is there',
  stage: 'sending',
  publish: 'publishing',
  commit: 'recording',
  done: 'done',
};

/** `log` takes everything if there is one. `clock` gives milliseconds and only goes forward. */
export function makeFace(output: Output, clock: () => number, log: Logger | undefined): Face {
  if (log !== undefined) return logFace(log);
  if (output.flags.json || output.flags.verbosity < 0) return quietFace(output);
  return output.isLive ? new LiveFace(output, clock) : new PlainFace(output, clock);
}

function logFace(log: Logger): Face {
  return {
    collecting: ({ files: hashed, bytes: size }) => log.trace({ files: hashed, bytes: size }, 'hashing'),
    event: ({ kind, ...event }) => {
      if (kind === 'warning') log.warn(event);
      else if (kind === 'file' || kind === 'step') log.trace(event, kind);
      else log.debug(event, kind);
    },
    end: () => {},
  };
}

/** Warnings are for whoever reads stderr, also when nobody asked for progress. */
function quietFace(output: Output): Face {
  return {
    collecting: () => {},
    event: (event) => {
      if (event.kind === 'warning') output.warn(`${event.target}: ${event.text}`);
    },
    end: () => {},
  };
}

/** One line of progress: what, how far, how fast, how long still. Pure. */
function progressLine(name: string, progress: Progress, now: number): string {
  const what = `${name}: ${WORDS[progress.phase]}`;
  if (progress.phase === 'publish') return `${what} ${count(progress.published)}/${files(progress.files)}`;
  const ms = now - (progress.sendingSince ?? progress.since);
  const rate = rateOf(progress.doneBytes, ms);
  const pace = rate === undefined ? '' : `, ${bytes(rate)}/s`;
  // What is sure to be missing there is sent before it is known how much there will be.
  if (progress.files === 0 && progress.doneFiles > 0)
    return `${name}: ${WORDS.stage} ${files(progress.doneFiles)}, ${bytes(progress.doneBytes)} so far${pace}`;
  if (progress.phase !== 'stage' || progress.files === 0) return what;
  const amount = `${count(progress.doneFiles)}/${files(progress.files)}, ${bytes(progress.doneBytes)} of ${bytes(progress.bytes)}`;
  if (rate === undefined) return `${what} ${amount}`;
  const left = rate > 0 ? duration(((progress.bytes - progress.doneBytes) / rate) * 1000) : '?';
  return `${what} ${amount}${pace}, ${left} left`;
}

abstract class Tally {
  protected readonly targets = new Map<string, Progress>();
  protected hashed: { files: number; bytes: number } | undefined;
  protected readonly clock: () => number;

  constructor(clock: () => number) {
    this.clock = clock;
  }

  /** Takes in an event; true if it began a new phase. */
  protected take(event: CycleEvent): boolean {
    // Every attempt begins with a connection, and counts for itself.
    const isAttempt = event.kind === 'phase' && event.phase === 'connect';
    const progress = (isAttempt ? undefined : this.targets.get(event.target)) ?? this.#begin(event.target);
    switch (event.kind) {
      case 'phase':
        progress.phase = event.phase;
        progress.since = this.clock();
        return true;
      case 'plan':
        progress.files = event.files;
        progress.bytes = event.bytes;
        return event.files > 0;
      case 'file':
        progress.sendingSince ??= this.clock();
        progress.doneFiles++;
        progress.doneBytes += event.bytes;
        return false;
      case 'step':
        progress.published++;
        return false;
      case 'warning':
        return false;
    }
  }

  #begin(target: string): Progress {
    const fresh: Progress = {
      phase: 'connect',
      since: this.clock(),
      sendingSince: undefined,
      files: 0,
      bytes: 0,
      doneFiles: 0,
      doneBytes: 0,
      published: 0,
    };
    this.targets.set(target, fresh);
    return fresh;
  }
}

class PlainFace extends Tally implements Face {
  readonly #output: Output;
  #saidAt: number;

  constructor(output: Output, clock: () => number) {
    super(clock);
    this.#output = output;
    this.#saidAt = clock();
  }

  collecting(progress: { files: number; bytes: number }): void {
    if (this.#isDue()) this.#output.note(`hashing: ${files(progress.files)}, ${bytes(progress.bytes)}`);
  }

  event(event: CycleEvent): void {
    const isNews = this.take(event);
    if (event.kind === 'warning') this.#output.warn(`${event.target}: ${event.text}`);
    else if (event.kind === 'plan' && event.files > 0) {
      this.#output.note(`${event.target}: ${files(event.files)} to change, ${bytes(event.bytes)} in all`);
    } else if ((isNews && this.#output.flags.verbosity > 0) || this.#isDue()) this.#say(event.target);
  }

  end(): void {}

  #say(target: string): void {
    const progress = this.targets.get(target);
    if (progress !== undefined) this.#output.note(progressLine(target, progress, this.clock()));
  }

  #isDue(): boolean {
    const now = this.clock();
    if (now - this.#saidAt < PLAIN_MS) return false;
    this.#saidAt = now;
    return true;
  }
}

class LiveFace extends Tally implements Face {
  readonly #output: Output;
  readonly #view = { erase: () => this.#erase(), paint: () => this.#paint() };
  #paintedLines = 0;
  #paintedAt = 0;

  constructor(output: Output, clock: () => number) {
    super(clock);
    this.#output = output;
  }

  collecting(progress: { files: number; bytes: number }): void {
    this.hashed = progress;
    this.#repaint(false);
  }

  event(event: CycleEvent): void {
    const isNews = this.take(event);
    if (event.kind === 'warning') this.#output.warn(`${event.target}: ${event.text}`);
    if (event.kind === 'plan') this.hashed = undefined;
    this.#repaint(isNews);
  }

  end(): void {
    this.#erase();
    this.#output.show(undefined);
  }

  #repaint(atOnce: boolean): void {
    const now = this.clock();
    if (!atOnce && now - this.#paintedAt < REPAINT_MS) return;
    this.#paintedAt = now;
    this.#output.show(this.#view);
    this.#erase();
    this.#paint();
  }

  #paint(): void {
    const now = this.clock();
    const lines = [...this.targets].map(([name, progress]) => progressLine(name, progress, now));
    if (this.hashed !== undefined) lines.unshift(`hashing ${files(this.hashed.files)}, ${bytes(this.hashed.bytes)}`);
    const most = Math.max(1, this.#output.rows - 2); // what left the screen cannot be taken away any more
    if (lines.length > most)
      lines.splice(most - 1, Number.POSITIVE_INFINITY, `and ${count(lines.length - most + 1)} more`);
    const width = this.#output.columns - 1;
    this.#output.paint(lines.map((line) => `${this.#output.style('dim', line.slice(0, width))}\n`).join(''));
    this.#paintedLines = lines.length;
  }

  #erase(): void {
    // Up over our own lines, and clear from there to the end of the screen.
    if (this.#paintedLines > 0) this.#output.paint(`\u001b[${this.#paintedLines}A\u001b[0J`);
    this.#paintedLines = 0;
  }
}
