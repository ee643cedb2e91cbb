/**
 * overlaps: finds folders of this machine that must not be one another or lie in one another.
 *
 * STATIC_ROOT in a source would be collected into itself; a source in STATIC_ROOT would be swept away as something that
 * nobody collects; a published folder in either would do both. Compared by where the folders really are: links are
 * followed as far as the paths exist.
 */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { type IgnoreRules, ignoreRules } from '../core/fnmatch.js';
import { CONTROL } from '../core/relpath.js';
import { ConfigError } from '../errors.js';
import { codeOf, reasonOf } from '../system-error.js';
import { controlPath } from './address.js';
import { type Fault, formatKeyPath, type KeyPath } from './fault.js';
import type { Config, RawConfig } from './schema.js';

// Not there, not to be entered, a file on the way, a loop of links, too long: whoever uses the folder will report it.
const UNSEEN = new Set(['ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/** A local folder that the configuration names, or the project that was asked. */
interface Region {
  /** undefined: it stands nowhere in the file. */
  readonly key: KeyPath | undefined;
  readonly name: string;
  /** Where it really is. */
  readonly path: string;
}

/** `raw` tells what of `config` stands in the file. */
export async function findOverlaps(config: Config, raw: RawConfig): Promise<Fault[]> {
  const root = await (raw.static.root === undefined
    ? asked('STATIC_ROOT of the project', config.static.root)
    : region(['static', 'root'], config.static.root));
  if (root.path === '/')
    return [fault(root, 'the root of the file system cannot be STATIC_ROOT; name a folder of its own')];
  const sources = await Promise.all(
    config.source.dirs.map(({ path }, index) =>
      raw.source.dirs === undefined ? asked('a source of the project', path) : region(['source', 'dirs', index], path),
    ),
  );
  const published = await publishedRegions(config);
  return [
    ...(await configurationInside(config, [root, ...sources])),
    ...overlapsOf(
      [root],
      sources.filter(({ path }) => !leavesOut(path, root.path, config)),
    ),
    ...insideOf(await manifestFolder(config, raw), root, sources),
    ...overlapsOf(published, [root, ...sources]),
    ...twinsOf(published),
  ];
}

/** The folders of `file://` targets, and their control areas where these lie elsewhere. */
async function publishedRegions({ targets }: Config): Promise<Region[]> {
  const regions: Promise<Region>[] = [];
  for (const { name, address, control } of targets) {
    if (address.kind !== 'file') continue;
    regions.push(region(['targets', name, 'url'], address.path));
    const place = controlPath(address, control);
    if (place !== join(address.path, CONTROL)) regions.push(region(['targets', name, 'control'], place));
  }
  return Promise.all(regions);
}

/** What tools other than pushstatic put into STATIC_ROOT is theirs to answer for; collecting into it is not. */
async function configurationInside(config: Config, [root, ...sources]: readonly Region[]): Promise<Fault[]> {
  if (config.static.storage === 'none' || root === undefined) return [];
  const file = await realPlace(config.file);
  if (contains(root.path, file))
    return [fault(root, 'it holds this configuration file, which would be published; give it a folder of its own')];
  const rules = ignoreRules(config.source.ignore);
  return sources
    .filter(({ path }) => contains(path, file) && isTaken(relative(path, file), rules))
    .map((source) =>
      fault(
        source,
        'it holds this configuration file, which would be published; move the file, or name it under source.ignore',
      ),
    );
}

function isTaken(path: string, rules: IgnoreRules): boolean {
  const names = path.split('/');
  return !rules.ignoresFile(path, basename(path)) && !names.slice(0, -1).some((name) => rules.ignoresFolder(name));
}

/** Whether nothing is collected from `folder`, which lies in the source. */
function leavesOut(source: string, folder: string, { source: { ignore } }: Config): boolean {
  const rules = ignoreRules(ignore);
  const below = folder !== source && contains(source, folder) ? relative(source, folder).split('/') : [];
  return below.some((name) => rules.ignoresFolder(name));
}

function overlapsOf(culprits: readonly Region[], others: readonly Region[]): Fault[] {
  return culprits.flatMap((culprit) =>
    others.flatMap((other) => {
      const how = relation(culprit.path, other.path);
      return how === undefined ? [] : [fault(culprit, `it ${how} ${nameOf(other)}; the two must lie apart`)];
    }),
  );
}

/** Where the manifest lies apart from STATIC_ROOT. */
async function manifestFolder({ static: { manifest } }: Config, raw: RawConfig): Promise<Region | undefined> {
  if (manifest.root === undefined) return undefined;
  return raw.static.manifest?.root === undefined
    ? asked('the folder of the manifest of the project', manifest.root)
    : region(['static', 'manifest', 'root'], manifest.root);
}

/** What is collected from there would be another manifest each time, and what lies in STATIC_ROOT is published with the next run. */
function insideOf(folder: Region | undefined, root: Region, sources: readonly Region[]): Fault[] {
  if (folder === undefined) return [];
  const source = sources.find(({ path }) => contains(path, folder.path));
  if (source !== undefined)
    return [
      fault(
        folder,
        `it lies in ${nameOf(source)}, and the manifest would be collected from there; name another folder`,
      ),
    ];
  if (!contains(root.path, folder.path)) return [];
  return [
    fault(
      folder,
      `it lies in ${nameOf(root)}, and the manifest would be published from there a run late; name a folder outside of it`,
    ),
  ];
}

/** Two names for one published folder, told apart by no spelling of the URLs. */
function twinsOf(regions: readonly Region[]): Fault[] {
  return regions.flatMap((later, index) => {
    const first = regions.slice(0, index).find((earlier) => earlier.path === later.path);
    return first === undefined
      ? []
      : [fault(later, `it is the same folder as ${nameOf(first)}; two targets cannot share one`)];
  });
}

function relation(path: string, other: string): string | undefined {
  if (path === other) return 'is the same folder as';
  if (contains(other, path)) return 'lies inside';
  return contains(path, other) ? 'holds' : undefined;
}

function contains(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function nameOf({ name, path }: Region): string {
  return `${name} (${path})`;
}

/** A folder without a key is named in the sentence. */
function fault({ key, name, path }: Region, text: string): Fault {
  return key === undefined
    ? { path: [], on: 'project', text: `${name} (${path}): ${text}` }
    : { path: key, on: 'value', text };
}

async function region(key: KeyPath, path: string): Promise<Region> {
  return { key, name: formatKeyPath(key), path: await realPlace(path) };
}

async function asked(name: string, path: string): Promise<Region> {
  return { key: undefined, name, path: await realPlace(path) };
}

/** `path` with links followed in the part of it that can be seen; the rest as it is written. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!UNSEEN.has(codeOf(error))) {
      throw new ConfigError(`cannot look at ${path}: ${reasonOf(error)}`, { cause: error });
    }
    const parent = dirname(path);
    return parent === path ? path : join(await realPlace(parent), basename(path));
  }
}
