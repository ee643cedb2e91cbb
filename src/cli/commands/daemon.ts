/**
 * `pushstatic daemon`: the background service.
 */
import type { Daemon } from '../../daemon/daemon.js';
import { Notify } from '../../daemon/notify.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { statusLine } from '../cycle-lines.js';
import { CycleTeller } from '../cycle-teller.js';
import { serve } from '../serve.js';
import { openSession } from '../session.js';

export async function daemonCommand(input: CommandInput): Promise<ExitStatus> {
  const { output, process, signal } = input;
  input.endOnSignal('well');
  const session = await openSession(input, { service: true });
  const notify = new Notify({
    env: process.env,
    // That it is asked at all says that the event loop turns.
    isHealthy: () => true,
    onWarning: (text) => output.warn(text),
  });
  signal.addEventListener('abort', () => notify.stopping(session.config.daemon.shutdownTimeoutMs), { once: true });
  await serve(session, input, {
    statusPage: 'open',
    onOpen: (daemon, page) => {
      output.note(`watching ${session.config.file}${page === undefined ? '' : `; status page: ${page}`}`);
      tell(daemon, notify, input);
    },
    onReload: async (work) => {
      notify.reloading();
      await work();
      notify.ready();
    },
  });
  output.note('ended in good order');
  await notify.close();
  return EXIT.done;
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
