/**
 * Client: the command line's end of the control socket.
 */
import type { SyncReport } from '../cycle/report.js';
import type { DaemonEvent, TriggerOptions } from '../daemon/service.js';
import type { DaemonStatus } from '../daemon/status.js';
import { ControlError } from '../errors.js';
import { ask, askLines, askStatus, listenerAt } from './ask.js';
import { revive, type TriggerLine } from './wire.js';

/** A daemon that runs. Every method throws the errors of the daemon, and a ControlError where it does not answer. */
export interface Client {
  readonly socketPath: string;
  status(): Promise<DaemonStatus>;
  /** A cycle now. Resolves when it is over; meanwhile `onEvent` hears what happens. An abort leaves the cycle running. */
  trigger(options: TriggerOptions, onEvent?: (event: DaemonEvent) => void, signal?: AbortSignal): Promise<SyncReport>;
  /** A cycle now, not waited for. */
  triggerOnly(options: TriggerOptions): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when the configuration as it lies on the disk is in force. */
  reload(): Promise<void>;
  /** Resolves when the daemon has begun to end. */
  stop(): Promise<void>;
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
  const post = async (path: string): Promise<void> => void (await ask(socketPath, { method: 'POST', path }));
  return {
    socketPath,
    status: () => askStatus(socketPath),
    trigger: (options, onEvent, signal) => trigger(socketPath, options, onEvent, signal),
    triggerOnly: async (options) => void (await ask(socketPath, { method: 'POST', path: '/trigger', body: options })),
    pause: () => post('/pause'),
    resume: () => post('/resume'),
    reload: () => post('/reload'),
    stop: () => post('/stop'),
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
