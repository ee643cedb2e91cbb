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
import { mergeSources, mergeStatic, urlOf } from './merge.js';
import type {
  Asked,
  Config,
  DaemonConfig,
  DjangoSource,
  RawConfig,
  RawTarget,
  SourceDir,
  TargetConfig,
} from './schema.js';

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

/** `asked` is undefined as long as the project was not asked: then what only it knows is empty, and that is no fault. */
export function assemble(raw: RawConfig, setting: Setting, asked?: Asked): Assembly {
  const faults: Fault[] = [];
  const report: Report = (path, text) => void faults.push({ path, on: 'value', text });
  const local = localPaths(setting, report);
  const statics = staticOf(raw, asked, local);
  const source = sourceOf(raw, asked, statics.storage, local, report);
  const config: Config = {
    file: setting.file,
    folder: setting.folder,
    site: raw.site ?? `${basename(setting.folder)}:${relative(setting.folder, statics.root) || '.'}`,
    source,
    static: statics,
    ...(asked !== undefined && { asked }),
    targets: targetsOf(raw, setting, local, report),
    push: raw.push,
    watch: watchOf(raw.watch, report),
    daemon: daemonOf(raw.daemon, local, report),
    hooks: hooksOf(raw.hooks, report),
    log: raw.log,
  };
  if (asked !== undefined) faults.push(...faultsOfAsked(raw, config, asked));
  return { config, faults };
}

/** The absolute path that `written` is: relative to the file's folder; `~` is the home folder. */
export function localPath(written: string, { folder, home }: Pick<Setting, 'folder' | 'home'>): string {
  return written === '~' || written.startsWith('~/') ? join(home, written.slice(1)) : resolve(folder, written);
}

type Report = (path: KeyPath, text: string) => void;
type LocalPath = (written: string, path: KeyPath) => string;

function localPaths(setting: Setting, report: Report): LocalPath {
  return (written, path) => {
    if (/^~[^/]/.test(written))
      report(path, 'only ~ and ~/ stand for a home folder; put ./ before a name that begins with ~');
    if (/^\$[A-Za-z_{]/.test(written))
      report(
        path,
        'variables are not replaced here; write the path itself, or put ./ before a name that begins with $',
      );
    return localPath(written, setting);
  };
}

function staticOf(raw: RawConfig, asked: Asked | undefined, local: LocalPath): Config['static'] {
  const { root, manifest } = raw.static;
  const at = root === undefined ? (asked?.root ?? '') : local(root, ['static', 'root']);
  const merged = mergeStatic(raw.static, asked);
  const elsewhere =
    manifest?.root === undefined ? asked?.manifest.root : local(manifest.root, ['static', 'manifest', 'root']);
  if (elsewhere === undefined || elsewhere === at) return { ...merged, root: at };
  return { ...merged, root: at, manifest: { ...merged.manifest, root: elsewhere } };
}

/** What Django itself says against it, as far as the file does not say otherwise by hand. */
function faultsOfAsked(raw: RawConfig, { static: statics }: Config, asked: Asked): Fault[] {
  const { storage, root } = statics;
  const faults: Fault[] = [];
  const report = (text: string): void => void faults.push({ path: ['source', 'django'], on: 'key', text });
  if (root === '') report('STATIC_ROOT of the project is not set; set it in its settings, or static.root in this file');
  if (storage === 'none') return faults;
  if (storage === 'django') faults.push(...unheeded(raw.static, statics, asked));
  if (raw.static.storage === undefined) for (const text of asked.faults.storage) report(text);
  if (raw.source.dirs === undefined) {
    const { sources, djangoOnly } = asked.faults;
    for (const text of [...sources, ...(storage === 'django' ? [] : djangoOnly)]) report(text);
  }
  return faults;
}

/** What the file says of how files are made, where the project's own collectstatic makes them by its settings. */
function unheeded({ url, django }: RawConfig['static'], merged: Config['static'], asked: Asked): Fault[] {
  const { manifest } = merged;
  const differing: KeyPath[] = [
    ...(url === undefined || merged.url === urlOf(asked) ? [] : [['url']]),
    ...(django === undefined || django === asked.rules ? [] : [['django']]),
    ...MADE_BY_SETTINGS.filter((key) => manifest[key] !== asked.manifest[key]).map((key) => ['manifest', key]),
    ...(manifest.missing.every(({ then }) => then === 'fail') ? [] : [['manifest', 'missing']]),
  ];
  const text = "it does not apply to storage: django, where the project's settings say how files are made; remove it";
  return differing.map((path) => ({ path: ['static', ...path], on: 'key', text }));
}

const MADE_BY_SETTINGS = ['name', 'jsModules', 'keepIntermediateFiles', 'maxPasses'] as const;

function sourceOf(
  raw: RawConfig,
  asked: Asked | undefined,
  storage: Config['static']['storage'],
  local: LocalPath,
  report: Report,
): Config['source'] {
  const { dirs, django } = raw.source;
  if (storage === 'django' && django === undefined) {
    report(['static', 'storage'], "it runs the project's own collectstatic, and needs source.django to know how");
  }
  const hasNone = dirs === undefined ? django === undefined : dirs.length === 0;
  if (hasNone && storage !== 'none') {
    report(['source', 'dirs'], `missing; static.storage: ${storage} needs at least one folder to collect from`);
  }
  const found = dirs?.map((dir, index) => sourceDirOf(dir, ['source', 'dirs', index], local, report));
  for (const [index, dir] of found?.entries() ?? []) {
    const first = found?.findIndex((other) => other.path === dir.path && other.prefix === dir.prefix) ?? index;
    if (first === index) continue;
    report(['source', 'dirs', index], `the same folder and prefix as source.dirs[${first}]; remove one`);
  }
  const merged = mergeSources(raw.source, found, asked);
  return django === undefined ? merged : { ...merged, django: djangoSourceOf(django, local) };
}

function djangoSourceOf(
  { python, ...written }: NonNullable<RawConfig['source']['django']>,
  local: LocalPath,
): DjangoSource {
  const manage = local(written.manage, ['source', 'django', 'manage']);
  if (python === undefined) return { ...written, manage };
  // A name without a slash is a command, looked up when it is run.
  const isPath = /[/~]/.test(python);
  return { ...written, manage, python: isPath ? local(python, ['source', 'django', 'python']) : python };
}

function sourceDirOf(
  dir: NonNullable<RawConfig['source']['dirs']>[number],
  at: KeyPath,
  local: LocalPath,
  report: Report,
): SourceDir {
  if (typeof dir === 'string') return { path: local(dir, at), prefix: '' };
  const { prefix, optional } = dir;
  if (prefix.endsWith('/')) report([...at, 'prefix'], 'a prefix does not end with a slash; Django puts one itself');
  else if (prefix !== '' && faultOf(prefix) !== undefined) {
    report([...at, 'prefix'], `expected a plain relative path like vendor/fonts: ${faultOf(prefix)}`);
  }
  return { path: local(dir.path, [...at, 'path']), prefix, ...(optional && { isOptional: true }) };
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
    if (target !== undefined) targets.push({ ...target, compress: raw.push.compress });
  }
  reportTwins(targets, report);
  return targets;
}

/** No two targets publish to one place, or keep their own things in one. Local folders are for `overlaps.ts`. */
function reportTwins(targets: readonly TargetConfig[], report: Report): void {
  const taken = new Map<string, string>();
  /** Whether nobody else has it. */
  const claim = (key: KeyPath, identity: string): boolean => {
    const twin = taken.get(identity);
    if (twin === undefined) taken.set(identity, formatKeyPath(key));
    else report(key, `the same place as ${twin}; two targets cannot share one`);
    return twin === undefined;
  };
  for (const { name, address, control } of targets) {
    if (address.kind === 'file') continue;
    if (!claim(['targets', name, 'url'], identityOf(address, address.path))) continue;
    const key = control === CONTROL ? 'url' : 'control';
    claim(['targets', name, key], identityOf(address, controlPath(address, control)));
  }
}

/** undefined, and a fault, if the URL names no place. */
function targetOf(
  name: string,
  raw: RawTarget,
  setting: Setting,
  local: LocalPath,
  report: Report,
): Omit<TargetConfig, 'compress'> | undefined {
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
  const trouble = controlFault(address, raw.control, setting.home);
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
