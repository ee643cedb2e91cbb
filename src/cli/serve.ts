/**
 * serve: a daemon from its first breath to its last: claimed, spoken to, told of signals.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/schema.js';
import { daemonToken } from '../config/secrets.js';
import { openControl } from '../control/control.js';
import { ownSocketPath } from '../control/socket-path.js';
import { Daemon } from '../daemon/daemon.js';
import type { CommandInput } from './command-input.js';
import { daemonPlaces, SOCKET_NOTE } from './daemon-places.js';
import { connectFormer } from './find-daemon.js';
import { storageLine } from './render.js';
import { reloadConfig, type Session } from './session.js';
import { version } from './version.js';

const FIXED =
  'daemon.socket, daemon.http, the token of the status page and log are taken from the configuration at the next start only';

export interface ServeOptions {
  readonly statusPage: 'open' | 'none';
  /** Called when the daemon can be spoken to, before it begins. */
  readonly onOpen: (daemon: Daemon, statusPage: string | undefined) => void;
  /** Called with what a SIGHUP asks for; without it, that ends the daemon. */
  readonly onReload?: (work: () => Promise<void>) => Promise<void>;
}

/** Resolves when the daemon has ended in good order. Throws a LockedError if there is one for this configuration. */
export async function serve(
  { config, state }: Session,
  { process, signal, output }: CommandInput,
  { statusPage, onOpen, onReload }: ServeOptions,
): Promise<void> {
  // What it was started in may be removed while it runs, and a thread cannot begin where there is none.
  process.chdir('/');
  let lastReason: string | undefined;
  const sayStorage = (now: Config): void => {
    const reason = storageLine(now);
    if (reason !== undefined && reason !== lastReason) output.note(reason);
    lastReason = reason;
  };
  sayStorage(config);
  const tokenOf = async (of: Config): Promise<string | undefined> =>
    statusPage === 'open' ? daemonToken(of.daemon, process.env) : undefined;
  const token = await tokenOf(config);
  const daemon = await Daemon.make({
    config,
    state,
    look: (stopping) => reloadConfig(config, process, { signal: stopping, from: 'cache' }),
    load: async (stopping) => {
      const fresh = await reloadConfig(config, process, { signal: stopping, from: 'project' });
      const tokenNow = await tokenOf(fresh).catch(() => undefined); // the next start says why
      if (tokenNow !== token || !isDeepStrictEqual(fixedIn(fresh), fixedIn(config))) output.warn(FIXED);
      const said = config.asked?.warnings ?? [];
      for (const text of fresh.asked?.warnings ?? []) if (!said.includes(text)) output.warn(text);
      sayStorage(fresh);
      return fresh;
    },
    env: process.env,
    version: version(),
    pid: process.pid,
  });
  const own = ownSocketPath(config, process.env);
  const { configured, former } = daemonPlaces(config, process.env);
  const other = await connectFormer(former, config, signal);
  const control = await openControl(daemon, {
    socketPaths: [
      own,
      ...configured.filter((path) => path !== own),
      ...(other === undefined ? [] : [other.socketPath]),
    ],
    http: statusPage === 'open' ? config.daemon.http : false,
    token,
    onWarning: (text) => output.warn(text),
  });
  await state.write(SOCKET_NOTE, control.socketPath).catch(() => undefined); // it is found by the configuration as well
  const stop = (): void => daemon.stop();
  const reload = (): Promise<void> => daemon.reload().catch(() => undefined); // it says itself why the old one stays
  // To a service it means the configuration; to what runs in a terminal, that the terminal is gone.
  const hangUp = onReload === undefined ? stop : (): void => void onReload(reload);
  signal.addEventListener('abort', stop, { once: true });
  process.on('SIGHUP', hangUp);
  try {
    if (signal.aborted) return;
    onOpen(daemon, control.url);
    await daemon.run();
  } finally {
    process.off('SIGHUP', hangUp);
    await control.close();
  }
}

/** What stays as it was at the start. */
function fixedIn({ daemon: { socket, http }, log }: Config): object {
  return { socket, http, log };
}
