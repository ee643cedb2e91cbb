/**
 * Output: where results, progress and trouble go, and in which dress.
 *
 * Results go to stdout, everything else to stderr. With --json, stdout carries one document and nothing else. Whoever wrote a part of
 * a line, no character in it does anything to a terminal.
 */
import { fstatSync } from 'node:fs';
import { styleText } from 'node:util';
import type { Logger } from 'pino';
import { printableLines } from './printable.js';

/** The streams of a process. */
export interface Terminal {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
}

export interface Flags {
  readonly config?: string;
  /** How often -v was given; -1 for -q. */
  readonly verbosity: number;
  readonly json: boolean;
  readonly color: boolean;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const SAY_AGAIN_MS = 600_000; // to one who reads the log of a day
const MOST_REMEMBERED = 1000;

/** What stands below all lines of a terminal: it is taken away before each, and painted anew behind it. */
export interface LiveView {
  readonly erase: () => void;
  readonly paint: () => void;
}

export class Output {
  readonly flags: Flags;
  #view: LiveView | undefined;
  readonly #terminal: Terminal;
  #log: Logger | undefined;
  /** Each warning with the time when it was said, by `performance.now`. */
  readonly #warned = new Map<string, number>();
  #hasDocument = false;

  constructor(terminal: Terminal, flags: Flags) {
    this.#terminal = terminal;
    this.flags = flags;
  }

  /** From now on all that goes to stderr are records of this log instead of lines. */
  logTo(log: Logger): void {
    this.#log = log;
  }

  /** Whether a person is watching stderr, so that lines may be painted over. */
  get isLive(): boolean {
    const { stderr, env } = this.#terminal;
    return (
      stderr.isTTY === true && !env['CI'] && env['TERM'] !== 'dumb' && !this.flags.json && this.flags.verbosity >= 0
    );
  }

  /** Whether stderr is a terminal at all. */
  get isTerminal(): boolean {
    return this.#terminal.stderr.isTTY === true;
  }

  /** Whether stderr is the very stream to the journal that systemd made for us (JOURNAL_STREAM in systemd.exec(5)). */
  get isJournal(): boolean {
    const { stderr, env } = this.#terminal;
    const made = env['JOURNAL_STREAM'];
    if (!made || !('fd' in stderr) || typeof stderr.fd !== 'number') return false;
    const { dev, ino } = fstatSync(stderr.fd, { bigint: true });
    return made === `${dev}:${ino}`;
  }

  get columns(): number {
    return this.#terminal.stderr.columns || 80; // some terminals do not know
  }

  get rows(): number {
    return this.#terminal.stderr.rows || 24;
  }

  /** Lines of a result. Nothing with --json or -q. */
  print(...lines: readonly string[]): void {
    if (!this.flags.json && this.flags.verbosity >= 0)
      for (const line of lines) this.#write(this.#terminal.stdout, `${printableLines(line)}\n`);
  }

  /** The one document of --json. Nothing without it. */
  document(value: unknown): void {
    this.#hasDocument = true;
    if (this.flags.json) this.#terminal.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Something a person should know, on stderr whatever the flags. The same words are said once in a while at most. */
  warn(line: string): void {
    const now = performance.now();
    const saidAt = this.#warned.get(line);
    if (saidAt !== undefined && now - saidAt < SAY_AGAIN_MS) return;
    if (this.#warned.size >= MOST_REMEMBERED) this.#warned.clear();
    this.#warned.set(line, now);
    if (this.#log !== undefined) this.#log.warn(line);
    else this.#write(this.#terminal.stderr, `${this.style('yellow', 'warning:')} ${printableLines(line)}\n`);
  }

  /** Trouble, on stderr whatever the flags. */
  trouble(line: string): void {
    if (this.#log !== undefined) this.#log.error(line);
    else this.#write(this.#terminal.stderr, `${this.style('red', 'problem:')} ${printableLines(line)}\n`);
  }

  /** Trouble that the result tells of: said apart, in one line, to whoever asked with -q for that alone. */
  troubleInResult(line: string): void {
    if (this.flags.verbosity < 0) this.trouble(line);
  }

  /** Why the run ends here, on stderr whatever the flags. With --json also as the document, unless there was one. */
  failure(code: string, message: string): void {
    if (this.#log !== undefined) this.#log.fatal({ code }, message);
    else this.#write(this.#terminal.stderr, `pushstatic: ${printableLines(message)}\n`);
    if (!this.#hasDocument) this.document({ ok: false, error: { code, message } });
  }

  /** Where an error comes from. Only with -vv. */
  details(error: unknown): void {
    if (this.flags.verbosity < 2 || !(error instanceof Error)) return;
    if (this.#log !== undefined) this.#log.debug({ err: error }, 'details');
    else this.#write(this.#terminal.stderr, printableLines(stacksOf(error)));
  }

  /** Progress as a line of its own, unless -q. */
  note(line: string): void {
    if (this.#log !== undefined) this.#log.info(line);
    else if (this.flags.verbosity >= 0) this.#write(this.#terminal.stderr, `${printableLines(line)}\n`);
  }

  /** From now on it is the live view; undefined for none. */
  show(view: LiveView | undefined): void {
    this.#view = view;
  }

  /** Raw text for a live view. */
  paint(text: string): void {
    this.#terminal.stderr.write(text);
  }

  #write(stream: NodeJS.WriteStream, text: string): void {
    this.#view?.erase();
    stream.write(text);
    this.#view?.paint();
  }

  /** `text` in a style where the stream and the user allow it: NO_COLOR, FORCE_COLOR and --no-color are respected. */
  style(style: Style, text: string): string {
    if (!this.flags.color) return text;
    return styleText(style, text, { stream: this.#terminal.stderr });
  }
}

function stacksOf(error: Error): string {
  const cause = error.cause instanceof Error ? `caused by ${stacksOf(error.cause)}` : '';
  return `${error.stack}\n${cause}`;
}
