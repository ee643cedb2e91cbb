/**
 * What the daemon tells of itself: the document of `status --json`, of the control socket and of the status page.
 *
 * All times are ISO 8601, all durations milliseconds. Plain data, so that it can be sent as it is.
 */

import type { TargetState } from '../core/standing.js';
import type { ChangeReport, SyncReport } from '../cycle/report.js';
import type { Failure, Problem } from '../errors.js';

export type { TargetState } from '../core/standing.js';

export interface DaemonStatus {
  readonly version: string;
  readonly pid: number;
  /** The absolute configuration file. */
  readonly config: string;
  readonly site: string;
  readonly startedAt: string;
  readonly paused: boolean;
  /** Why the configuration as it lies on the disk is not the one in force; null if it is. */
  readonly configError: string | null;
  readonly watch: WatchStatus;
  readonly local: LocalStatus;
  readonly targets: readonly TargetStatus[];
  /** The last reported cycles, newest first, at most 50. A `change` or `sweep` that did nothing is not reported. */
  readonly cycles: readonly CycleReport[];
}

export interface WatchStatus {
  readonly backend: 'native' | 'chokidar' | 'poll';
  /** Why this one, in a sentence. */
  readonly reason: string;
  /** The absolute folders that are watched. */
  readonly folders: readonly string[];
  /** How often the backend said, or it was to be feared, that events were lost. */
  readonly losses: number;
  readonly sweeps: number;
  readonly lastSweepAt: string | null;
  /** Changed files that no event had told of: only a sweep found them. */
  readonly foundBySweep: number;
}

/** The local half: the sources and STATIC_ROOT. */
export interface LocalStatus {
  readonly state: 'starting' | 'ready' | 'collecting' | 'halted';
  /** Files in STATIC_ROOT. */
  readonly files: number;
  /** Changed paths that wait for the settle time, or for their cycle. */
  readonly unsettled: number;
  /** What stopped the last collect as a whole; null when it went well. */
  readonly error: Failure | null;
  /** Files that could not be collected. */
  readonly problems: readonly Problem[];
}

export interface TargetStatus {
  readonly name: string;
  readonly url: string;
  readonly state: TargetState;
  /** When it came into this state. */
  readonly since: string;
  readonly generation: number;
  /** Files it is known to hold. */
  readonly files: number;
  /** Changed paths it has not got yet; null for all of them, until it was compared as a whole. */
  readonly pending: number | null;
  /** The last moment at which it was known to hold what STATIC_ROOT held. */
  readonly inSyncAt: string | null;
  readonly error: Failure | null;
  readonly retryAt: string | null;
  /** Failed tries since the last success. */
  readonly failures: number;
  /** Connections that were made after the first one. */
  readonly reconnects: number;
  /** How often another writer had it. */
  readonly leaseWaits: number;
  /** Files that could not be pushed. */
  readonly problems: readonly Problem[];
  /** How far the cycle under way is; null outside of one. */
  readonly progress: TargetProgress | null;
}

export interface TargetProgress {
  readonly phase: string;
  readonly files: number;
  readonly doneFiles: number;
  readonly bytes: number;
  readonly doneBytes: number;
  readonly bytesPerSecond: number;
}

/** One cycle: the document of `sync --json`, with its circumstances. */
export interface CycleReport extends SyncReport {
  /** Counts from 1 since the daemon started. */
  readonly id: number;
  readonly at: string;
  readonly cause: 'start' | 'change' | 'sweep' | 'trigger' | 'retry';
  /** What changed in STATIC_ROOT, the first 100. */
  readonly changes: readonly ChangeReport[];
  readonly changed: number;
  /** From the first change that was noticed until all of it was served everywhere; null where it was not. */
  readonly savedToServedMs: number | null;
}
