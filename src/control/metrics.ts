/**
 * Metrics: what a daemon did and how it is, in the text format of Prometheus.
 *
 * Fed by the events and the status of the Service alone. Names follow the conventions of Prometheus: seconds, bytes, and
 * `_total` for what only grows.
 */

import { readdir } from 'node:fs/promises';
import type { Counter, Gauge } from 'prom-client';
import type { DaemonEvent, Service } from '../daemon/service.js';
import type { CycleReport, DaemonStatus, TargetState, TargetStatus } from '../daemon/status.js';

const STATES: readonly TargetState[] = ['starting', 'in-sync', 'pushing', 'behind', 'unreachable', 'halted'];
const SERVED_BUCKETS = [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300]; // seconds; most saves take 0.1 to 0.5

export interface Metrics {
  readonly contentType: string;
  readonly text: () => Promise<string>;
  /** Listens no more. */
  readonly close: () => void;
}

/** Counts from now on. The library is loaded here, for only a daemon has any use for it. */
export async function collectMetrics(service: Service): Promise<Metrics> {
  const { default: prometheus } = await import('prom-client'); // CommonJS: bundled, it has no names
  const registry = new prometheus.Registry();
  const make: Maker = {
    counter: (name, help, labels = []) =>
      new prometheus.Counter({ name, help, labelNames: [...labels], registers: [registry] }),
    gauge: (name, help, labels = []) =>
      new prometheus.Gauge({ name, help, labelNames: [...labels], registers: [registry] }),
  };
  const served = new prometheus.Histogram({
    name: 'pushstatic_save_to_served_seconds',
    help: 'From the first change that was noticed until all of it was served everywhere.',
    buckets: SERVED_BUCKETS,
    registers: [registry],
  });
  const countCycle = cycleCounters(make);
  const unsubscribe = service.subscribe((event: DaemonEvent) => {
    if (event.kind !== 'cycle') return;
    countCycle(event.cycle);
    if (event.cycle.savedToServedMs !== null) served.observe(event.cycle.savedToServedMs / 1000);
  });
  const showStatus = statusGauges(make);
  const showProcess = processGauges(make);
  return {
    contentType: registry.contentType,
    text: async () => {
      showStatus(service.status(), Date.now());
      await showProcess();
      return registry.metrics();
    },
    close: unsubscribe,
  };
}

interface Maker {
  counter<const T extends string = never>(name: string, help: string, labels?: readonly T[]): Counter<T>;
  gauge<const T extends string = never>(name: string, help: string, labels?: readonly T[]): Gauge<T>;
}

function cycleCounters(make: Maker): (cycle: CycleReport) => void {
  const cycles = make.counter(
    'pushstatic_cycles_total',
    'Cycles that are reported: all but those of a change or a sweep that did nothing.',
    ['cause', 'result'],
  );
  const pushed = make.counter('pushstatic_files_pushed_total', 'Files that were sent or made on the target.', [
    'target',
  ]);
  const removed = make.counter('pushstatic_files_removed_total', 'Files that were removed from the target.', [
    'target',
  ]);
  const sent = make.counter('pushstatic_sent_bytes_total', 'Bytes of files that were sent.', ['target']);
  const errors = make.counter(
    'pushstatic_errors_total',
    'Cycles that failed and files that could not be brought over.',
    ['code'],
  );
  return ({ cause, ok, collect, targets, error: failure }) => {
    cycles.inc({ cause, result: ok ? 'ok' : 'failed' });
    if (failure !== undefined) errors.inc({ code: failure.code });
    for (const { code } of collect.problems) errors.inc({ code });
    for (const { name, uploaded, patched, linked, removed: gone, sentBytes, problems, error } of targets) {
      pushed.inc({ target: name }, uploaded + patched + linked);
      removed.inc({ target: name }, gone);
      sent.inc({ target: name }, sentBytes);
      for (const { code } of error === undefined ? problems : [...problems, error]) errors.inc({ code });
    }
  };
}

function statusGauges(make: Maker): (status: DaemonStatus, now: number) => void {
  const showTargets = targetGauges(make);
  const paused = make.gauge('pushstatic_paused', 'Whether the daemon is paused.');
  const configValid = make.gauge(
    'pushstatic_config_valid',
    'Whether the configuration on the disk is the one in force.',
  );
  const files = make.gauge('pushstatic_static_files', 'Files in STATIC_ROOT.');
  const unsettled = make.gauge('pushstatic_unsettled_files', 'Changed files that wait for their cycle.');
  const halted = make.gauge('pushstatic_local_halted', 'Whether the sources could not be collected.');
  const info = make.gauge('pushstatic_info', 'The daemon itself.', ['version', 'backend']);
  const lost = make.counter(
    'pushstatic_watch_losses_total',
    'Times that events of the watcher were lost, or may have been.',
  );
  const sweeps = make.counter('pushstatic_watch_sweeps_total', 'Times that everything was looked at again.');
  const found = make.counter('pushstatic_watch_sweep_finds_total', 'Changed files that only a sweep found.');
  return (status, now) => {
    paused.set(Number(status.paused));
    configValid.set(Number(status.configError === null));
    files.set(status.local.files);
    unsettled.set(status.local.unsettled);
    halted.set(Number(status.local.state === 'halted'));
    info.reset();
    info.set({ version: status.version, backend: status.watch.backend }, 1);
    setTotal(lost, status.watch.losses);
    setTotal(sweeps, status.watch.sweeps);
    setTotal(found, status.watch.foundBySweep);
    showTargets(status, now);
  };
}

function targetGauges(make: Maker): (status: DaemonStatus, now: number) => void {
  const state = make.gauge('pushstatic_target_state', '1 for the state that the target is in.', ['target', 'state']);
  const lag = make.gauge('pushstatic_target_lag_seconds', 'How long it has been out of sync.', ['target']);
  const pending = make.gauge('pushstatic_target_pending_files', 'Changed files it has not got yet.', ['target']);
  const files = make.gauge('pushstatic_target_files', 'Files it is known to hold.', ['target']);
  const generation = make.gauge('pushstatic_target_generation', 'Generation of its index.', ['target']);
  const failures = make.gauge('pushstatic_target_failures', 'Failed tries since the last success.', ['target']);
  const problems = make.gauge('pushstatic_target_problems', 'Files that could not be pushed.', ['target']);
  const reconnects = make.counter('pushstatic_reconnects_total', 'Connections that were made after the first one.', [
    'target',
  ]);
  const leaseWaits = make.counter('pushstatic_lease_waits_total', 'Times that another writer held it.', ['target']);
  return (status, now) => {
    // A target that was taken out of the configuration is shown no more.
    for (const each of [state, lag, pending, files, generation, failures, problems, reconnects, leaseWaits])
      each.reset();
    for (const target of status.targets) {
      const labels = { target: target.name };
      for (const each of STATES) state.set({ ...labels, state: each }, Number(each === target.state));
      lag.set(labels, lagSeconds(target, status, now));
      pending.set(labels, target.pending ?? status.local.files);
      files.set(labels, target.files);
      generation.set(labels, target.generation);
      failures.set(labels, target.failures);
      problems.set(labels, target.problems.length);
      reconnects.inc(labels, target.reconnects);
      leaseWaits.inc(labels, target.leaseWaits);
    }
  };
}

/** What was never in sync is behind since the start. */
function lagSeconds({ state, inSyncAt }: TargetStatus, { startedAt }: DaemonStatus, now: number): number {
  return state === 'in-sync' ? 0 : Math.max(0, (now - Date.parse(inSyncAt ?? startedAt)) / 1000);
}

/** The counter of something that is counted elsewhere. */
function setTotal(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}

/**
 * What Prometheus' own libraries tell of a process. prom-client's set of them measures the event loop too, with a timer
 * that fires a hundred times a second for as long as the process lives.
 */
function processGauges(make: Maker): () => Promise<void> {
  const cpu = make.counter('process_cpu_seconds_total', 'User and system time in seconds.');
  const resident = make.gauge('process_resident_memory_bytes', 'Resident memory in bytes.');
  const heap = make.gauge('nodejs_heap_size_used_bytes', 'Used heap in bytes.');
  const descriptors = make.gauge('process_open_fds', 'Open file descriptors.');
  make
    .gauge('process_start_time_seconds', 'Start of the process since the epoch in seconds.')
    .set(Date.now() / 1000 - process.uptime());
  return async () => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    setTotal(cpu, (user + system) / 1e6);
    resident.set(rss);
    heap.set(heapUsed);
    const open = await readdir('/proc/self/fd').catch(() => undefined);
    if (open !== undefined) descriptors.set(open.length);
  };
}
