/**
 * assemble: the file's values, its place and the home folder become a Config, and what only shows when keys are seen
 * together becomes faults.
 *
 * Pure. Whether folders lie in one another is for `overlaps.ts`, which must look at the disk.
 */
import { basename, join, relative, resolve } from 'node:path';
import { CONTROL, faultOf } from '../core/relpath.js';
import { controlFault, controlPath, identityOf, parseAddress } from './address.js';
import { type Fault, formatKeyPath, type KeyPath } from './fault.js';
import type { Config, DaemonConfig, RawConfig, RawTarget, SourceDir, TargetConfig } from './schema.js';

/** Where the file lies and what `~` stands for. All absolute. */
export interface Setting {
  readonly file: string;
  readonly folder: string;
  readonly home: string;
}

/** The Config, to be used only if there are no faults. */
export interface Assembly {
  readonly config: Config;
  readonly faults: readonly Fault[];
}

export function assemble(raw: RawConfig, setting: Setting): Assembly {
  const faults: Fault[] = [];
  const report = (path: KeyPath, text: string): void => void faults.push({ path, on: 'value', text });
  const local = localPaths(setting, report);
  const root = local(raw.static.root, ['static', 'root']);
  const config: Config = {
    file: setting.file,
    folder: setting.folder,
    site: raw.site ?? `${basename(setting.folder)}:${relative(setting.folder, root) || '.'}`,
    source: sourceOf(raw, local, report),
    static: { ...raw.static, root },
    targets: targetsOf(raw, setting, local, report),
    push: raw.push,
    watch: watchOf(raw.watch, report),
    daemon: daemonOf(raw.daemon, local, report),
    hooks: hooksOf(raw.hooks, report),
    log: raw.log,
  };
  return { config, faults };
}

type Report = (path: KeyPath, text: string) => void;
type LocalPath = (written: string, path: KeyPath) => string;

/** Relative to the file's folder; `~` is the home folder. */
function localPaths({ folder, home }: Setting, report: Report): LocalPath {
  return (written, path) => {
    if (written === '~' || written.startsWith('~/')) return join(home, written.slice(1));
    if (written.startsWith('~'))
      report(path, 'only ~ and ~/ stand for a home folder; put ./ before a name that begins with ~');
    return resolve(folder, written);
  };
}

function sourceOf(raw: RawConfig, local: LocalPath, report: Report): Config['source'] {
  const { dirs, ignore, django } = raw.source;
  const needsSource = raw.static.storage === 'plain' || raw.static.storage === 'manifest';
  if (needsSource && dirs.length === 0 && django === undefined) {
    report(
      ['source', 'dirs'],
      `missing; static.storage: ${raw.static.storage} needs at least one folder to collect from`,
    );
  }
  const found = dirs.map((dir, index) => sourceDirOf(dir, ['source', 'dirs', index], local, report));
  for (const [index, dir] of found.entries()) {
    const first = found.findIndex((other) => other.path === dir.path && other.prefix === dir.prefix);
    if (first === index) continue;
    report(['source', 'dirs', index], `the same folder and prefix as source.dirs[${first}]; remove one`);
  }
  if (django === undefined) return { dirs: found, ignore };
  // A name without a slash is a command, looked up when it is run.
  const python = /[/~]/.test(django.python) ? local(django.python, ['source', 'django', 'python']) : django.python;
  return {
    dirs: found,
    ignore,
    django: { ...django, manage: local(django.manage, ['source', 'django', 'manage']), python },
  };
}

function sourceDirOf(
  dir: RawConfig['source']['dirs'][number],
  at: KeyPath,
  local: LocalPath,
  report: Report,
): SourceDir {
  if (typeof dir === 'string') return { path: local(dir, at), prefix: '' };
  const { prefix } = dir;
  if (prefix.endsWith('/')) report([...at, 'prefix'], 'a prefix does not end with a slash; Django puts one itself');
  else if (prefix !== '' && faultOf(prefix) !== undefined) {
    report([...at, 'prefix'], `expected a plain relative path like vendor/fonts: ${faultOf(prefix)}`);
  }
  return { path: local(dir.path, [...at, 'path']), prefix };
}

function watchOf(raw: RawConfig['watch'], report: Report): Config['watch'] {
  if (raw.maxWait < raw.settle)
    report(['watch', 'maxWait'], 'it is shorter than watch.settle, so nothing could ever settle');
  if (raw.sweep < 1000) report(['watch', 'sweep'], 'a sweep reads every folder; expected at least 1s between two');
  return { settleMs: raw.settle, maxWaitMs: raw.maxWait, sweepMs: raw.sweep, backend: raw.backend };
}

function hooksOf({ timeout, ...commands }: RawConfig['hooks'], report: Report): Config['hooks'] {
  if (timeout < 1000) report(['hooks', 'timeout'], 'a command needs longer than that to start; expected at least 1s');
  return { ...commands, timeoutMs: timeout };
}

function daemonOf(raw: RawConfig['daemon'], local: LocalPath, report: Report): DaemonConfig {
  const { socket, shutdownTimeout, ...rest } = raw;
  const { tokenEnv, tokenFile } = rest;
  if (tokenEnv !== undefined && tokenFile !== undefined)
    report(['daemon', 'tokenFile'], 'it cannot stand beside tokenEnv; remove one of the two');
  return {
    ...rest,
    shutdownTimeoutMs: shutdownTimeout,
    socket: socket === 'auto' ? 'auto' : local(socket, ['daemon', 'socket']),
    ...(tokenFile !== undefined && { tokenFile: local(tokenFile, ['daemon', 'tokenFile']) }),
  };
}

function targetsOf(raw: RawConfig, setting: Setting, local: LocalPath, report: Report): TargetConfig[] {
  const targets: TargetConfig[] = [];
  for (const [name, written] of Object.entries(raw.targets)) {
    const target = targetOf(name, written, setting, local, report);
    if (target !== undefined) targets.push(target);
  }
  reportTwins(targets, report);
  return targets;
}

/** No two targets publish to one place, or keep their own things in one. Local folders are for `overlaps.ts`. */
function reportTwins(targets: readonly TargetConfig[], report: Report): void {
  const taken = new Map<string, string>();
  const take = (key: KeyPath, identity: string): void => {
    const twin = taken.get(identity);
    if (twin === undefined) taken.set(identity, formatKeyPath(key));
    else report(key, `the same place as ${twin}; two targets cannot share one`);
  };
  for (const { name, address, control } of targets) {
    if (address.kind === 'file') continue;
    take(['targets', name, 'url'], identityOf(address, address.path));
    if (control !== CONTROL) take(['targets', name, 'control'], identityOf(address, controlPath(address, control)));
  }
}

/** undefined, and a fault, if the URL names no place. */
function targetOf(
  name: string,
  raw: RawTarget,
  setting: Setting,
  local: LocalPath,
  report: Report,
): TargetConfig | undefined {
  const at = (...keys: string[]): KeyPath => ['targets', name, ...keys];
  for (const [one, other] of EXCLUSIVE) {
    if (raw[one] !== undefined && raw[other] !== undefined)
      report(at(other), `it cannot stand beside ${one}; remove one of the two`);
  }
  const paths: Partial<Record<PathKey, string>> = {};
  for (const key of PATH_KEYS) {
    const written = raw[key];
    if (written !== undefined) paths[key] = local(written, at(key));
  }
  const sshConfig = typeof raw.sshConfig === 'string' ? local(raw.sshConfig, at('sshConfig')) : raw.sshConfig;
  const address = parseAddress(raw.url, setting.home);
  if (address.kind === 'refused') {
    report(at('url'), address.reason);
    return undefined;
  }
  const trouble = controlFault(address, raw.control);
  if (trouble !== undefined) report(at('control'), trouble);
  return { ...raw, ...paths, name, address, sshConfig };
}

const EXCLUSIVE = [
  ['passwordEnv', 'passwordFile'],
  ['passphraseEnv', 'passphraseFile'],
  ['knownHosts', 'hostKey'],
] as const;

const PATH_KEYS = ['identityFile', 'passwordFile', 'passphraseFile', 'knownHosts'] as const;
type PathKey = (typeof PATH_KEYS)[number];
