/**
 * `pushstatic daemon`: the background service.
 */
import type { Daemon } from '../../daemon/daemon.js';
import { Notify } from '../../daemon/notify.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput, Process } from '../command-input.js';
import { statusLine } from '../cycle-lines.js';
import { CycleTeller } from '../cycle-teller.js';
import { serve } from '../serve.js';
import { openSession } from '../session.js';

export async function daemonCommand(input: CommandInput): Promise<ExitStatus> {
  input.endOnSignal('well');
  const early = hearHangUp(input.process);
  try {
    return await runDaemon(input, early);
  } finally {
    early.end();
  }
}

async function runDaemon(input: CommandInput, early: HangUp): Promise<ExitStatus> {
  const { output, process, signal } = input;
  const session = await openSession(input, { service: true });
  const notify = new Notify({
    env: process.env,
    onWarning: (text) => output.warn(text),
  });
  let running: Daemon | undefined;
  const stopping = (): void => notify.stopping(running?.shutdownTimeoutMs ?? session.config.daemon.shutdownTimeoutMs);
  signal.addEventListener('abort', stopping, { once: true });
  await serve(session, input, {
    statusPage: 'open',
    onOpen: (daemon, page) => {
      running = daemon;
      if (early.end() === 'heard') void daemon.reload().catch(() => undefined); // it says itself what is wrong
      output.note(`watching ${session.config.file}${page === undefined ? '' : `; status page: ${page}`}`);
      tell(daemon, notify, input);
    },
    onReload: async (work) => {
      notify.reloading();
      await work();
      if (!signal.aborted) notify.ready();
    },
  });
  output.note('ended in good order');
  await notify.close();
  return EXIT.done;
}

/** Hears of a SIGHUP before there is a daemon that could reload. */
interface HangUp {
  readonly end: () => 'heard' | 'nothing';
}

function hearHangUp(process: Process): HangUp {
  let heard: 'heard' | 'nothing' = 'nothing';
  const listen = (): void => void (heard = 'heard');
  process.on('SIGHUP', listen);
  return {
    end: () => {
      process.off('SIGHUP', listen);
      return heard;
    },
  };
}

function tell(daemon: Daemon, notify: Notify, { output }: CommandInput): void {
  const teller = new CycleTeller();
  notify.ready();
  daemon.subscribe((event) => {
    if (event.kind === 'warning') output.warn(event.text);
    if (event.kind === 'changed') {
      notify.status(() => statusLine(daemon.status()));
      for (const line of teller.relieved(daemon)) output.note(line);
    }
    if (event.kind !== 'cycle') return;
    const { news, troubles } = teller.tell(event.cycle);
    output.document(event.cycle);
    for (const line of news) output.note(line);
    for (const line of troubles) output.trouble(line);
  });
}
