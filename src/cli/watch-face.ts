/**
 * WatchFace: what `watch` shows. A line a cycle, trouble in full; where a person watches, below them how it stands, and keys.
 */
import type { Service } from '../daemon/service.js';
import type { CycleReport } from '../daemon/status.js';
import { EXIT } from '../errors.js';
import { reasonOf } from '../system-error.js';
import type { CommandInput } from './command-input.js';
import { cut, liveLine } from './cycle-lines.js';
import { CycleTeller, type Said } from './cycle-teller.js';
import type { Output } from './output.js';
import { changeLines } from './render.js';

const REPAINT_MS = 100;
const ENDING = 'ending: what is under way is finished first; Ctrl-C ends at once';
const [CTRL_C, CTRL_Z] = ['\u0003', '\u001a'];

export interface WatchFace {
  show(daemon: Service): void;
  end(): void;
}

/** `voice`: whether what is said goes to a person or to a log. */
export function watchFace(input: CommandInput, voice: 'lines' | 'log'): WatchFace {
  const { output, process } = input;
  // Lines that take another way to the screen would come in between.
  const isLive = output.isLive && process.stdout.isTTY && voice === 'lines';
  return isLive ? new LiveWatchFace(input) : new PlainWatchFace(output);
}

class PlainWatchFace implements WatchFace {
  readonly #output: Output;
  readonly #teller = new CycleTeller();

  constructor(output: Output) {
    this.#output = output;
  }

  show(daemon: Service): void {
    this.#output.note(`watching ${daemon.status().config}`);
    daemon.subscribe((event) => {
      if (event.kind === 'warning') this.#output.warn(event.text);
      if (event.kind === 'cycle') showCycle(event.cycle, this.#teller.tell(event.cycle), this.#output);
      if (event.kind === 'changed') printTimed(this.#teller.relieved(daemon), this.#output);
    });
  }

  end(): void {}
}

class LiveWatchFace implements WatchFace {
  readonly #output: Output;
  readonly #process: CommandInput['process'];
  readonly #signal: AbortSignal;
  readonly #teller = new CycleTeller();
  #daemon: Service | undefined;
  #unsubscribe: () => void = () => undefined;
  #isEnding = false;
  /** Several lines come one behind the other. */
  #isSaying = false;
  /** The terminal is the shell's. */
  #isAway = false;
  /** The line on the screen; '' for none. */
  #painted = '';
  #timer: NodeJS.Timeout | undefined;
  readonly #onKey = (key: string): void => this.#press(key);
  readonly #onResize = (): void => this.#paint();
  readonly #onAbort = (): void => this.#beginEnd();
  readonly #onContinue = (): void => {
    this.#isAway = false;
    this.#listen(true);
    this.#paint();
  };

  constructor({ output, process, signal }: CommandInput) {
    this.#output = output;
    this.#process = process;
    this.#signal = signal;
  }

  show(daemon: Service): void {
    this.#daemon = daemon;
    this.#unsubscribe = daemon.subscribe((event) => {
      if (event.kind === 'warning') this.#say(() => this.#output.warn(event.text));
      if (event.kind === 'cycle') this.#showCycle(event.cycle);
      if (event.kind === 'changed') this.#timer ??= setTimeout(() => this.#look(daemon), REPAINT_MS);
    });
    const { stdin, stderr } = this.#process;
    stderr.on('resize', this.#onResize);
    this.#process.on('SIGCONT', this.#onContinue);
    this.#signal.addEventListener('abort', this.#onAbort);
    if (stdin.isTTY) stdin.setEncoding('utf8').on('data', this.#onKey);
    this.#listen(true);
    this.#output.show({ erase: () => this.#output.paint(this.#erasure()), paint: () => this.#paint() });
    this.#paint();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#output.show(undefined);
    this.#unsubscribe();
    if (this.#daemon === undefined) return;
    this.#daemon = undefined;
    const { stdin, stderr } = this.#process;
    stderr.off('resize', this.#onResize);
    this.#process.off('SIGCONT', this.#onContinue);
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#output.paint(this.#erasure());
    this.#listen(false);
    if (stdin.isTTY) stdin.off('data', this.#onKey).pause();
  }

  /** Whether keys are ours; else they are the terminal's. */
  #listen(isOurs: boolean): void {
    const { stdin } = this.#process;
    if (stdin.isTTY) stdin.setRawMode(isOurs);
  }

  #press(key: string): void {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    // Asked to end by a key, no signal has come yet that a second one could follow.
    if (key.includes(CTRL_C) && this.#isEnding && !this.#signal.aborted) this.#process.exit(EXIT.interrupted);
    if (key.includes(CTRL_C)) return void this.#process.kill(this.#process.pid, 'SIGINT');
    if (key === CTRL_Z) return this.#suspend();
    if (this.#isEnding) return;
    if (key === 'q') {
      this.#beginEnd();
      daemon.stop();
    } else if (key === 'p' && daemon.status().paused) daemon.resume();
    else if (key === 'p') daemon.pause();
    else if (key === 's') {
      // How a cycle went is told with it; this is why there is none.
      void daemon.trigger({ targets: [], force: false, checksum: false }).catch((error: unknown) => {
        if (!this.#isEnding) this.#say(() => this.#output.trouble(reasonOf(error)));
      });
    }
  }

  #suspend(): void {
    this.#output.paint(this.#erasure());
    this.#listen(false);
    this.#isAway = true;
    this.#process.kill(this.#process.pid, 'SIGTSTP');
    setImmediate(this.#onContinue); // where no shell could take over, the system lets it run on
  }

  #beginEnd(): void {
    this.#isEnding = true;
    this.#paint();
  }

  #showCycle(cycle: CycleReport): void {
    const said = this.#teller.tell(cycle);
    if (said.news.length + said.troubles.length > 0) this.#say(() => showCycle(cycle, said, this.#output));
  }

  #look(daemon: Service): void {
    this.#timer = undefined;
    const lines = this.#teller.relieved(daemon);
    if (lines.length === 0) this.#paint();
    else this.#say(() => printTimed(lines, this.#output));
  }

  #say(lines: () => void): void {
    this.#output.paint(this.#erasure());
    this.#isSaying = true;
    lines();
    this.#isSaying = false;
    this.#paint();
  }

  #paint(): void {
    if (this.#daemon === undefined || this.#isAway || this.#isSaying) return;
    const line = this.#line(this.#daemon, this.#output.columns - 1);
    if (line === this.#painted) return;
    this.#output.paint(`${this.#erasure()}${this.#output.style('dim', line)}\n`);
    this.#painted = line;
  }

  #line(daemon: Service, width: number): string {
    if (this.#isEnding) return cut(ENDING, width);
    const status = daemon.status();
    return liveLine(status, `s sync · p ${status.paused ? 'resume' : 'pause'} · q quit`, width);
  }

  /** Takes the line away: a terminal that became narrower shows it in several rows. */
  #erasure(): string {
    const rows = Math.ceil(this.#painted.length / this.#output.columns);
    this.#painted = '';
    return rows === 0 ? '' : `\u001b[${rows}A\u001b[0J`;
  }
}

function showCycle(cycle: CycleReport, { news, troubles }: Said, output: Output): void {
  output.document(cycle);
  printTimed(news, output, new Date(cycle.at));
  if (output.flags.verbosity > 0) output.print(...changeLines(cycle.changes));
  for (const line of troubles) output.trouble(line);
}

function printTimed(lines: readonly string[], output: Output, time = new Date()): void {
  output.print(...lines.map((line) => `${time.toTimeString().slice(0, 8)}  ${line}`));
}
