/**
 * describe: the effective configuration as `pushstatic config` shows it.
 */
import { formatLimit } from '../core/guard.js';
import type { MissingRule } from '../core/manifest/rules.js';
import type { Config, SourceDir, TargetConfig } from './schema.js';
import { formatDuration, formatMode, formatSize } from './units.js';

// Known from the target's key in the file and from its URL.
const DERIVED = new Set(['name', 'address', 'compress']);

/**
 * `config` as plain data in the notations and under the keys of the file: written down as YAML anywhere, it loads as the
 * same configuration. Holds no secret, only the names of the variables and files that do.
 */
export function describeConfig(config: Config): object {
  const { source, push, watch } = config;
  const { shutdownTimeoutMs, ...daemon } = config.daemon;
  const { timeoutMs, ...commands } = config.hooks;
  const { python: _, permissions, manifest, ...statics } = config.static;
  return {
    site: config.site,
    source: { ...source, dirs: source.dirs.map(describeDir) },
    static: {
      ...statics,
      permissions: { file: modeOrNull(permissions.file), dir: modeOrNull(permissions.dir) },
      manifest: { ...manifest, missing: describeMissing(manifest.missing) },
    },
    targets: Object.fromEntries(config.targets.map((target) => [target.name, describeTarget(target)])),
    push: {
      concurrency: push.concurrency,
      bandwidth: push.bandwidth === undefined ? 'unlimited' : formatSize(push.bandwidth),
      compress: push.compress,
    },
    watch: {
      settle: formatDuration(watch.settleMs),
      maxWait: formatDuration(watch.maxWaitMs),
      sweep: formatDuration(watch.sweepMs),
      backend: watch.backend,
    },
    daemon: { ...daemon, shutdownTimeout: formatDuration(shutdownTimeoutMs) },
    hooks: { ...commands, timeout: formatDuration(timeoutMs) },
    log: config.log,
  };
}

function describeDir({ path, prefix, isOptional }: SourceDir): object | string {
  if (prefix === '' && isOptional === undefined) return path;
  return { path, ...(prefix !== '' && { prefix }), ...(isOptional && { optional: true }) };
}

function describeMissing(rules: readonly MissingRule[]): object | string {
  const [first] = rules;
  if (first === undefined) return 'fail';
  if (rules.length === 1 && first.pattern === '*' && first.then === 'warn') return 'warn';
  return Object.fromEntries(rules.map(({ pattern, then }) => [pattern, then]));
}

function describeTarget(target: TargetConfig): object {
  const written = Object.entries(target).filter(([key, value]) => !DERIVED.has(key) && value !== undefined);
  return {
    ...Object.fromEntries(written),
    delete: { enabled: target.delete.enabled, max: formatLimit(target.delete.max) },
    mode: { file: formatMode(target.mode.file), dir: formatMode(target.mode.dir) },
  };
}

function modeOrNull(mode: number | null): string | null {
  return mode === null ? null : formatMode(mode);
}
