/**
 * A Service whose status is whatever a test says, and which notes what it is asked for: stands where the daemon stands.
 */
import type { SyncReport } from '../../src/cycle/report.js';
import type { DaemonEvent, Service, TriggerOptions } from '../../src/daemon/service.js';
import type { CycleReport, DaemonStatus, TargetStatus } from '../../src/daemon/status.js';

export class ScriptedService implements Service {
  readonly asked: string[] = [];
  readonly triggers: TriggerOptions[] = [];
  /** How triggers end, from now on. */
  outcome: () => Promise<SyncReport> = () => Promise.resolve(REPORT);
  /** How reloads end, from now on. */
  reloaded: () => Promise<void> = () => Promise.resolve();
  readonly #listeners = new Set<(event: DaemonEvent) => void>();
  #status: DaemonStatus;

  constructor(status: Partial<DaemonStatus> = {}) {
    this.#status = { ...STATUS, ...status };
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Changes the status, and says so. */
  set(status: Partial<DaemonStatus>): void {
    this.#status = { ...this.#status, ...status };
    this.emit({ kind: 'changed' });
  }

  emit(event: DaemonEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Adds a cycle to the status, and tells of it. */
  addCycle(cycle: CycleReport): void {
    this.#status = { ...this.#status, cycles: [cycle, ...this.#status.cycles] };
    this.emit({ kind: 'cycle', cycle });
  }

  status(): DaemonStatus {
    return this.#status;
  }

  subscribe(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Called before a target that is not known is refused. */
  onTakeUp: () => void | Promise<void> = () => undefined;

  async takeUpConfig(): Promise<void> {
    await this.onTakeUp();
  }

  trigger(options: TriggerOptions): Promise<SyncReport> {
    this.asked.push('trigger');
    this.triggers.push(options);
    return this.outcome();
  }

  pause(): void {
    this.asked.push('pause');
    this.set({ paused: true });
  }

  resume(): void {
    this.asked.push('resume');
    this.set({ paused: false });
  }

  reload(): Promise<void> {
    this.asked.push('reload');
    return this.reloaded();
  }

  stop(): void {
    this.asked.push('stop');
  }
}

/** A moment so many milliseconds from now. */
export function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

export function aTarget(changes: Partial<TargetStatus> = {}): TargetStatus {
  return {
    name: 'static1',
    url: 'sftp://deploy@static1.example.com/srv/static',
    state: 'in-sync',
    since: inMs(-90_000),
    generation: 7,
    files: 10_000,
    pending: 0,
    inSyncAt: inMs(-1000),
    error: null,
    retryAt: null,
    failures: 0,
    reconnects: 0,
    leaseWaits: 0,
    problems: [],
    progress: null,
    ...changes,
  };
}

export function aCycle(changes: Partial<CycleReport> = {}): CycleReport {
  return {
    ...REPORT,
    id: 1,
    at: inMs(-60_000),
    cause: 'change',
    changes: [{ kind: 'modified', path: 'css/site.css', size: 4120 }],
    changed: 1,
    savedToServedMs: 142,
    ...changes,
  };
}

export const REPORT: SyncReport = {
  ok: true,
  collect: { files: 10_000, copied: 1, removed: 0, hashed: 0, durationMs: 12, problems: [] },
  targets: [
    {
      name: 'static1',
      ok: true,
      generation: 7,
      uploaded: 1,
      patched: 0,
      linked: 0,
      removed: 0,
      modes: 0,
      unchanged: 9999,
      contentBytes: 4120,
      sentBytes: 4120,
      durationMs: 61,
      problems: [],
    },
  ],
};

const STATUS: DaemonStatus = {
  version: '0.1.0',
  pid: 4711,
  config: '/srv/site/pushstatic.yaml',
  site: 'site:var/static',
  startedAt: inMs(-3_600_000),
  paused: false,
  configError: null,
  watch: {
    backend: 'native',
    reason: 'one inotify watch for each folder, in a thread of its own',
    folders: ['/srv/site/assets', '/srv/site/vendor/dist'],
    losses: 0,
    sweeps: 58,
    lastSweepAt: inMs(-31_000),
    foundBySweep: 0,
  },
  local: { state: 'ready', files: 10_000, unsettled: 0, error: null, problems: [] },
  targets: [aTarget()],
  cycles: [],
};
