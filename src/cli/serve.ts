/**
 * serve: a daemon from its first breath to its last: claimed, spoken to, told of signals.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/schema.js';
import { daemonToken } from '../config/secrets.js';
import { openControl } from '../control/control.js';
import { socketPathsFor } from '../control/socket-path.js';
import { Daemon } from '../daemon/daemon.js';
import type { CommandInput } from './command-input.js';
import { reloadConfig, type Session } from './session.js';
import { version } from './version.js';

export interface ServeOptions {
  /**
   * A service has a status page, and takes SIGHUP for the wish that it read its configuration again. In the foreground the
   * terminal is gone then, and so is the reason to go on.
   */
  readonly as: 'service' | 'foreground';
  /** Called when the daemon can be spoken to, before it begins. */
  readonly onOpen: (daemon: Daemon, statusPage: string | undefined) => void;
  /** Called with what a SIGHUP asks of a service. */
  readonly onReload?: (work: () => Promise<void>) => Promise<void>;
}

/** Resolves when the daemon has ended in good order. Throws a LockedError if there is one for this configuration. */
export async function serve(
  { config, state }: Session,
  { process, signal, output }: CommandInput,
  { as, onOpen, onReload = (work) => work() }: ServeOptions,
): Promise<void> {
  const daemon = await Daemon.make({
    config,
    state,
    load: async () => {
      const fresh = await reloadConfig(config, process);
      if (as === 'service' && !isDeepStrictEqual(fixedIn(fresh), fixedIn(config))) {
        output.warn('daemon.socket, daemon.http and log are taken from the configuration at the next start only');
      }
      return fresh;
    },
    env: process.env,
    version: version(),
    pid: process.pid,
  });
  const control = await openControl(daemon, {
    socketPath: socketPathsFor(config, process.env)[0],
    http: as === 'service' ? config.daemon.http : false,
    token: await daemonToken(config.daemon, process.env),
  });
  const stop = (): void => daemon.stop();
  const reload = (): void => void onReload(() => daemon.reload().catch(() => undefined)); // it says itself why the old one stays
  const hangUp = as === 'service' ? reload : stop;
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
