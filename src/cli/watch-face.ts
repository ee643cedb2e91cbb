/**
 * WatchFace: what `watch` shows. A line a cycle, trouble in full; where a person watches, also how it stands, and keys.
 */
import type { Service } from '../daemon/service.js';
import type { CycleReport } from '../daemon/status.js';
import type { CommandInput } from './command-input.js';
import { cycleLines, statusLine } from './cycle-lines.js';
import type { Output } from './output.js';

const REPAINT_MS = 100;
const KEYS = 's sync now · p pause · q quit';
const CTRL_C = '\u0003';

export interface WatchFace {
  show(daemon: Service): void;
  end(): void;
}

export function watchFace(input: CommandInput): WatchFace {
  return input.output.isLive ? new LiveWatchFace(input) : new PlainWatchFace(input.output);
}

class PlainWatchFace implements WatchFace {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  show(daemon: Service): void {
    daemon.subscribe((event) => {
      if (event.kind === 'warning') this.#output.warn(event.text);
      if (event.kind === 'cycle') showCycle(event.cycle, this.#output);
    });
  }

  end(): void {}
}

class LiveWatchFace implements WatchFace {
  readonly #output: Output;
  readonly #process: CommandInput['process'];
  #daemon: Service | undefined;
  #isPainted = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onKey = (key: string): void => this.#press(key);

  constructor({ output, process }: CommandInput) {
    this.#output = output;
    this.#process = process;
  }

  show(daemon: Service): void {
    this.#daemon = daemon;
    daemon.subscribe((event) => {
      if (event.kind === 'warning') this.#say(() => this.#output.warn(event.text));
      else if (event.kind === 'cycle') this.#say(() => showCycle(event.cycle, this.#output));
      else this.#timer ??= setTimeout(() => this.#paint(), REPAINT_MS);
    });
    const { stdin } = this.#process;
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      stdin.setEncoding('utf8').on('data', this.#onKey);
    }
    this.#paint();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#erase();
    const { stdin } = this.#process;
    if (!stdin.isTTY || this.#daemon === undefined) return;
    stdin.off('data', this.#onKey).pause();
    stdin.setRawMode(false);
  }

  #press(key: string): void {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    if (key === 'q') daemon.stop();
    else if (key === CTRL_C) this.#process.kill(this.#process.pid, 'SIGINT');
    else if (key === 'p' && daemon.status().paused) daemon.resume();
    else if (key === 'p') daemon.pause();
    else if (key === 's') {
      // What went wrong is told with the cycle.
      void daemon.trigger({ targets: [], force: false, checksum: false }).catch(() => undefined);
    }
  }

  #say(line: () => void): void {
    this.#erase();
    line();
    this.#paint();
  }

  #paint(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#daemon === undefined) return;
    this.#erase();
    const text = `${statusLine(this.#daemon.status())}  [${KEYS}]`;
    this.#output.paint(`${this.#output.style('dim', text.slice(0, this.#output.columns - 1))}\n`);
    this.#isPainted = true;
  }

  #erase(): void {
    if (this.#isPainted) this.#output.paint('\u001b[1A\u001b[0J');
    this.#isPainted = false;
  }
}

function showCycle(cycle: CycleReport, output: Output): void {
  const { news, troubles } = cycleLines(cycle);
  output.document(cycle);
  const time = new Date(cycle.at).toTimeString().slice(0, 8);
  output.print(...news.map((line) => `${time}  ${line}`));
  for (const line of troubles) output.trouble(line);
}
