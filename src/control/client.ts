/**
 * Client: the command line's end of the control socket.
 */
import type { SyncReport } from '../cycle/report.js';
import type { DaemonEvent, TriggerOptions } from '../daemon/service.js';
import type { DaemonStatus } from '../daemon/status.js';
import { ControlError } from '../errors.js';
import { ask, askLines, askStatus, listenerAt } from './ask.js';
import { revive, type TriggerLine } from './wire.js';

/**
 * A daemon that runs. Every method throws the errors of the daemon, a ControlError where it does not answer, and the reason of the
 * signal once that is aborted.
 */
export interface Client {
  readonly socketPath: string;
  status(signal?: AbortSignal): Promise<DaemonStatus>;
  /** A cycle now. Resolves when it is over; meanwhile `onEvent` hears what happens. An abort leaves the cycle running. */
  trigger(options: TriggerOptions, onEvent?: (event: DaemonEvent) => void, signal?: AbortSignal): Promise<SyncReport>;
  /** A cycle now, not waited for. */
  triggerOnly(options: TriggerOptions, signal?: AbortSignal): Promise<void>;
  pause(signal?: AbortSignal): Promise<void>;
  resume(signal?: AbortSignal): Promise<void>;
  /** Resolves when the configuration as it lies on the disk is in force. */
  reload(signal?: AbortSignal): Promise<void>;
  /** Resolves when the daemon has begun to end. */
  stop(signal?: AbortSignal): Promise<void>;
  /** What happens, until the daemon ends or the caller leaves the loop. */
  events(signal?: AbortSignal): AsyncGenerator<DaemonEvent, void>;
}

/**
 * The daemon that listens at the first of these places, such as `socketPathsFor` names; undefined where none does.
 * Throws a ControlError for one that belongs to somebody else.
 */
export async function connectDaemon(...socketPaths: readonly string[]): Promise<Client | undefined> {
  for (const socketPath of socketPaths) {
    const listener = await listenerAt(socketPath);
    if (listener === 'daemon') return clientOf(socketPath);
    if (listener === 'stranger') {
      throw new ControlError(
        'FORBIDDEN',
        `cannot ask the daemon at ${socketPath}: it belongs to another user; run this as that user, such as by sudo -u`,
      );
    }
  }
  return undefined;
}

function clientOf(socketPath: string): Client {
  const post = async (path: string, signal?: AbortSignal, body?: TriggerOptions): Promise<void> => {
    await ask(socketPath, { method: 'POST', path, body, signal });
  };
  return {
    socketPath,
    status: (signal) => askStatus(socketPath, signal),
    trigger: (options, onEvent, signal) => trigger(socketPath, options, onEvent, signal),
    triggerOnly: (options, signal) => post('/trigger', signal, options),
    pause: (signal) => post('/pause', signal),
    resume: (signal) => post('/resume', signal),
    reload: (signal) => post('/reload', signal),
    stop: (signal) => post('/stop', signal),
    events: (signal) => events(socketPath, signal),
  };
}

async function trigger(
  socketPath: string,
  options: TriggerOptions,
  onEvent: (event: DaemonEvent) => void = () => {},
  signal?: AbortSignal,
): Promise<SyncReport> {
  const question = { method: 'POST', path: '/trigger', body: { ...options, wait: true }, signal } as const;
  for await (const each of askLines(socketPath, question)) {
    const line = each as TriggerLine;
    if (line.kind === 'result') return line.document;
    if (line.kind === 'error') throw revive(line.error);
    if (line.kind !== 'heartbeat') onEvent(line);
  }
  throw new ControlError('LOST', 'cannot say how the cycle went: the daemon ended before it was over');
}

async function* events(socketPath: string, signal?: AbortSignal): AsyncGenerator<DaemonEvent, void> {
  for await (const each of askLines(socketPath, { method: 'GET', path: '/events', signal })) {
    const line = each as DaemonEvent | { readonly kind: 'heartbeat' };
    if (line.kind !== 'heartbeat') yield line;
  }
}
