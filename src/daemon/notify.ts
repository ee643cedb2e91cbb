/**
 * Notify: tells the service manager how the daemon is, by the protocol of sd_notify(3): ready, reloading, stopping, a
 * status line, and the signs of life that its watchdog waits for.
 *
 * Node has no Unix datagrams, so each message is one run of systemd-notify, which costs about 15 ms of CPU. It ends only
 * when the manager has read the message (BARRIER=1): one from a process that is gone could not be told to be ours. So
 * messages keep their order, and none is lost. Where nobody listens ($NOTIFY_SOCKET is not set) nothing is run at all.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { codeOf } from '../system-error.js';

const run = promisify(execFile);
const HELPER = 'systemd-notify';
const HELPER_MS = 10_000; // it gives up by itself after 5 s
const STATUS_MS = 1000; // a status line is for a person: more often than that is only cost
const MARGIN_MS = 10_000; // for what is done after the last cycle, on a busy machine
const MOST_STATUS = 500; // characters; a message may have 4,096 bytes in all

export interface NotifyOptions {
  /** $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID as the manager has set them. */
  readonly env: NodeJS.ProcessEnv;
  /** Called once if messages cannot be sent. The daemon goes on without. */
  readonly onWarning: (text: string) => void;
}

export class Notify {
  readonly #options: NotifyOptions;
  #status = (): string => '';
  #sentStatus = '';
  #statusTimer: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  /** Resolves when the last message has been sent. Never rejects. */
  #sent = Promise.resolve();
  #hasWarned = false;

  constructor(options: NotifyOptions) {
    this.#options = options;
  }

  /** The daemon does its work, for the first time or after `reloading`. From here on the watchdog gets its signs of life. */
  ready(status?: string): void {
    this.#tell(['READY=1'], status);
    const usec = watchdogUsec(this.#options.env);
    // That it is called at all says that the event loop turns.
    if (usec !== undefined) this.#watchdog ??= setInterval(() => this.#tell(['WATCHDOG=1']), usec / 2 / 1000).unref();
  }

  /** The configuration is read again; `ready` says that this is over, however it went. */
  reloading(): void {
    // The manager tells by its clock whether this is about the reload that it asked for.
    this.#tell(['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]);
  }

  /** The daemon ends, within `withinMs`: the manager grants it so long. No sign of life is owed any more. */
  stopping(withinMs: number): void {
    this.#endWatchdog();
    this.#tell(['STOPPING=1', `EXTEND_TIMEOUT_USEC=${(withinMs + MARGIN_MS) * 1000}`]);
  }

  /** What `systemctl status` shows, in one line. It is asked for a little later, and only the newest goes out. */
  status(text: () => string): void {
    if (!this.#isHeard) return;
    this.#status = text;
    this.#statusTimer ??= setTimeout(() => this.#tell([]), STATUS_MS).unref();
  }

  /** Resolves when all that was said has been read. */
  async close(): Promise<void> {
    this.#endWatchdog();
    this.#tell([]);
    await this.#sent;
  }

  get #isHeard(): boolean {
    return Boolean(this.#options.env['NOTIFY_SOCKET']);
  }

  #endWatchdog(): void {
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
  }

  #tell(lines: readonly string[], status?: string): void {
    if (!this.#isHeard) return;
    if (status !== undefined) this.#status = () => status;
    clearTimeout(this.#statusTimer);
    this.#statusTimer = undefined;
    this.#sent = this.#sent.then(() => this.#send([...lines, ...this.#freshStatus()]));
  }

  /** The status line, unless the manager has it already. */
  #freshStatus(): string[] {
    const status = oneLine(this.#status());
    if (status === this.#sentStatus) return [];
    this.#sentStatus = status;
    return [`STATUS=${status}`];
  }

  async #send(message: readonly string[]): Promise<void> {
    if (message.length === 0) return;
    const { NOTIFY_SOCKET, PATH } = this.#options.env;
    try {
      await run(HELPER, message, { env: { NOTIFY_SOCKET, PATH }, timeout: HELPER_MS, killSignal: 'SIGKILL' });
    } catch (error) {
      this.#warn(error);
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const what = 'cannot tell the service manager how the daemon is';
    this.#options.onWarning(`${what}: ${troubleOf(error)}`);
  }
}

/** Undefined where no watchdog waits for this process. */
function watchdogUsec({ NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const isMeant = !WATCHDOG_PID || Number(WATCHDOG_PID) === process.pid;
  const usec = Number(WATCHDOG_USEC);
  return NOTIFY_SOCKET && isMeant && usec > 0 ? usec : undefined;
}

/** A line break would begin another variable of the protocol. */
function oneLine(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, MOST_STATUS)
    .toWellFormed();
}

function troubleOf(error: unknown): string {
  if (codeOf(error) === 'ENOENT') return `there is no ${HELPER} on the PATH; it comes with systemd`;
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  if (said !== '') return `${HELPER}: ${said}`;
  return error instanceof Error && 'killed' in error && error.killed === true
    ? `${HELPER} did not end within ${HELPER_MS / 1000} s`
    : `${HELPER} failed`;
}
