/**
 * Service: what a running daemon can be asked. The control socket and the status page speak to it, and to nothing else.
 */
import type { SyncReport } from '../cycle/report.js';
import type { CycleEvent } from '../sync.js';
import type { CycleReport, DaemonStatus } from './status.js';

export interface TriggerOptions {
  /** Names; empty for all. */
  readonly targets: readonly string[];
  /** Past the guards, this once. */
  readonly force: boolean;
  /** Read every local file again. */
  readonly checksum: boolean;
}

export type DaemonEvent =
  /** Something in the status is different now. Its whole is asked for with `status()`. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'cycle'; readonly cycle: CycleReport }
  | { readonly kind: 'progress'; readonly event: CycleEvent }
  | { readonly kind: 'warning'; readonly text: string };

export interface Service {
  status(): DaemonStatus;
  /** Calls `listener` with each event from now on. The answer ends that. */
  subscribe(listener: (event: DaemonEvent) => void): () => void;
  /**
   * A cycle now, whatever the pause, the settle time or a back-off say. Resolves when it is over, with what it did and
   * whether all that had changed before is served. Rejects with a ConfigError for a target that is not there.
   */
  trigger(options: TriggerOptions): Promise<SyncReport>;
  /** Changes are still noticed, and nothing is collected or pushed. */
  pause(): void;
  resume(): void;
  /** As `reload`, but only where the configuration is another one than that in force. */
  takeUpConfig(): Promise<void>;
  /** Takes the configuration as it lies on the disk. Rejects with a ConfigError, and the old one stays, if it is wrong. */
  reload(): Promise<void>;
  /** Begins to end the daemon in good order. */
  stop(): void;
}
