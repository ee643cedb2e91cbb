/**
 * followTrigger: waits for a cycle of the running daemon. Who asked for it may leave: once begun, it goes on.
 */
import type { Client } from '../control/client.js';
import type { SyncReport } from '../cycle/report.js';
import { InterruptedError } from '../errors.js';

/** Rejects as `Client.trigger` does, and on an abort with an InterruptedError that says what becomes of it. */
export async function followTrigger(
  daemon: Client,
  ...[options, onEvent, signal]: Parameters<Client['trigger']>
): Promise<SyncReport> {
  try {
    return await daemon.trigger(options, onEvent, signal);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw new InterruptedError(
      'interrupted; what the daemon has begun goes on there, and "pushstatic status" shows how far it is',
    );
  }
}
