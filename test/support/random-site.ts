/**
 * Random sites of static files, and random stories of how they change: to compare an incremental collect with a fresh
 * one, and either with what Django makes of the same files. All is plain data that a seed decides, so that a failure can
 * be repeated; the numbers of files and edits are arguments, so that it can be made smaller.
 */
import { createHash } from 'node:crypto';
import { join, posix } from 'node:path';
import { type Chance, chanceOf } from './chance.js';
import type { Site } from './django.js';
import { applyEdit, type Content, type Edit } from './edit.js';
import { randomCss, randomFiller, randomJs, type Text } from './random-text.js';

/** What makes collectstatic fail with the manifest storage, on purpose. */
export type Flaw = 'missing' | 'cyclic' | 'deep' | 'encoding';

export interface RandomSource {
  /** Below the folder that the site is planted in. */
  readonly folder: string;
  readonly prefix: string;
}

export interface RandomSite {
  readonly seed: number;
  /** In order: of two files with one name, that of the earlier source counts. */
  readonly sources: readonly RandomSource[];
  readonly staticUrl: string;
  readonly flaw: Flaw | undefined;
  /** By path below the folder: 'one/css/a.css' is the file 'css/a.css' of the source 'one'. */
  readonly files: Readonly<Record<string, Planted>>;
}

interface Planted {
  readonly content: Content;
  /** In seconds before now, negative: never in the second of the first collect. */
  readonly mtime: number;
  /** The names that its text refers to, prefixes included. */
  readonly references: readonly string[];
}

export const EDIT_KINDS = [
  'edit',
  /** With an mtime before that of the copy, as a restored backup has it. */
  'edit older',
  /** The same size and mtime as before. */
  'edit in disguise',
  'touch',
  'new',
  'delete',
  'rename',
  /** A file in an earlier source takes the place of one in a later source, and is older. */
  'override',
  /** A file goes that hid one of a later source. */
  'uncover',
  /** A file becomes a folder, or a folder a file. */
  'swap',
] as const;

/** And a file comes that has the name of a hashed copy. It is told apart, so that stories without it stay what they were. */
export const POSING_KINDS = [...EDIT_KINDS, 'pose'] as const;

export type EditKind = (typeof POSING_KINDS)[number];

export interface SiteEdit {
  readonly kind: EditKind;
  /** Paths as in `files` of the site. */
  readonly edit: Edit;
}

export interface RandomSiteOptions {
  /** At most; some have a source map besides. Default: 24. */
  readonly files?: number;
  /** How likely the site has a flaw. Default: 0.15. */
  readonly flawed?: number;
}

const SOURCES: readonly RandomSource[] = [
  { folder: 'one', prefix: '' },
  { folder: 'two', prefix: '' },
  { folder: 'three', prefix: 'vendor' },
  { folder: 'four', prefix: 'css/lib' },
];
const STATIC_URLS = ['/static/', '/static/', '/static/', '/s/t/', '/', 'https://cdn.example.com/s/', '/static'];
const FOLDERS = ['css', 'js', 'img', 'vendor', 'lib', 'a b', 'é', 'Up', 'x.y', 'deep'];
const STEMS = ['a', 'b', 'main', 'app', 'x.min', 'logo', 'icon-2x', 'font', 'Upper', 'v1.2.3'];
const ODD_STEMS = [
  'a b',
  'ü',
  '漢字',
  '😀',
  'pct%20x',
  'hash#x',
  'query?x',
  "it's",
  'at@2x',
  'par(1)',
  'p+q',
  '.dot',
  'tail ',
  '&amp',
  '[b]',
];
const EXTENSIONS = ['.css', '.css', '.css', '.css', '.js', '.js', '.js', '.png', '.png', '.svg', '.woff2', '.txt', ''];
const ODD_EXTENSIONS = ['.CSS', '.mjs', '.css.map', '.js.map', '.tar.gz', '.', '~', '.json', '.c ss'];
const LEVELS = 4; // a text refers to texts of lower levels alone, so that five passes are enough
const DEEP = 9; // and more than enough is this many, each deeper than the one it refers to
const OLDEST_S = 100_000;
const YOUNGEST_S = 100;
const SOON_S = 10; // after every copy that was made until then

/** A site, and what is known of its names while it is made and changed. */
interface Draft {
  readonly chance: Chance;
  readonly sources: readonly RandomSource[];
  readonly staticUrl: string;
  readonly files: Map<string, Planted>;
}

export function randomSite(seed: number, { files: count = 24, flawed = 0.15 }: RandomSiteOptions = {}): RandomSite {
  const chance = chanceOf(seed);
  const sources = SOURCES.slice(0, 1 + chance.below(SOURCES.length));
  const draft: Draft = { chance, sources, staticUrl: chance.pick(STATIC_URLS), files: new Map() };
  for (let left = count; left > 0; left--) {
    const path = reserve(draft);
    if (path !== undefined && isAdjustable(path) && chance.happens(0.2)) claim(draft, `${path}.map`);
  }
  for (const path of draft.files.keys()) draft.files.set(path, fileOf(draft, path));
  const flaw = chance.happens(flawed) ? chance.pick(['missing', 'cyclic', 'deep', 'encoding'] as const) : undefined;
  if (flaw !== undefined) spoil(draft, flaw);
  return { seed, sources, staticUrl: draft.staticUrl, flaw, files: Object.fromEntries(draft.files) };
}

/** Edits that can be done one after the other, of these kinds: those that the site does not allow are left out. */
export function randomEdits(
  site: RandomSite,
  seed: number,
  count: number,
  kinds: readonly EditKind[] = EDIT_KINDS,
): SiteEdit[] {
  const { sources, staticUrl } = site;
  const draft: Draft = { chance: chanceOf(seed), sources, staticUrl, files: new Map(Object.entries(site.files)) };
  const edits: SiteEdit[] = [];
  for (let left = count; left > 0; left--) {
    const kind = draft.chance.pick(kinds);
    const edit = EDITS[kind](draft);
    if (edit !== undefined) edits.push({ kind, edit });
  }
  return edits;
}

/** Puts the files of the site, and a folder for each source, into `folder`. */
export function plantSite(site: RandomSite, folder: string): void {
  const files = Object.entries(site.files);
  editSite(folder, {
    mkdir: site.sources.map((each) => each.folder),
    write: Object.fromEntries(files.map(([path, { content }]) => [path, content])),
    mtime: Object.fromEntries(files.map(([path, { mtime }]) => [path, mtime])),
  });
}

export function editSite(folder: string, edit: Edit): void {
  applyEdit(edit, (path) => join(folder, path));
}

/** The site in `folder`, for `collectstatic` of django.ts; STATIC_ROOT is the folder `root` beside the sources. */
export function siteIn(site: RandomSite, folder: string, root = 'static_root'): Site {
  const sources = site.sources.map(({ folder: name, prefix }) => {
    const path = join(folder, name);
    return prefix === '' ? path : { path, prefix };
  });
  return { sources, root: join(folder, root), staticUrl: site.staticUrl };
}

/** The edits, by kind. Each gives nothing if there is no file to do it to. */
const EDITS: Readonly<Record<EditKind, (draft: Draft) => Edit | undefined>> = {
  edit: (draft) => rewrite(draft, SOON_S + draft.chance.below(SOON_S)),
  'edit older': (draft) => rewrite(draft, -2 * OLDEST_S - draft.chance.below(OLDEST_S)),
  'edit in disguise': (draft) => {
    const texts = pathsOf(draft).filter((each) => !isAdjustable(each) && sizeOf(draft, each) > 0);
    if (texts.length === 0) return undefined;
    const path = draft.chance.pick(texts);
    const { mtime } = known(draft, path);
    const content = randomFiller(draft.chance).padEnd(sizeOf(draft, path), '.').slice(0, sizeOf(draft, path));
    return put(draft, path, { content, mtime, references: [] });
  },
  touch: (draft) => {
    const path = somePath(draft);
    return path === undefined ? undefined : { mtime: { [path]: draft.chance.pick([SOON_S, -SOON_S, -3 * OLDEST_S]) } };
  },
  new: (draft) => {
    const path = reserve(draft);
    return path === undefined ? undefined : put(draft, path, fileOf(draft, path));
  },
  delete: (draft) => {
    const path = someUnneeded(draft);
    return path === undefined ? undefined : remove(draft, path);
  },
  rename: (draft) => {
    // What a text refers to is found from where the text lies.
    const from = someUnneeded(draft, ({ references }) => references.length === 0);
    const to = from === undefined ? undefined : reserve(draft);
    if (from === undefined || to === undefined) return undefined;
    draft.files.set(to, known(draft, from));
    draft.files.delete(from);
    return { rename: { [from]: to } };
  },
  override: (draft) => {
    const path = reserveOverride(draft);
    if (path === undefined) return undefined;
    return put(draft, path, { ...fileOf(draft, path), mtime: -2 * OLDEST_S });
  },
  uncover: (draft) => {
    const hiding = pathsOf(draft).filter((path) => pathsOf(draft).some((other) => hides(draft, path, other)));
    return hiding.length === 0 ? undefined : remove(draft, draft.chance.pick(hiding));
  },
  swap: (draft) => {
    const path = someUnneeded(draft);
    if (path === undefined) return undefined;
    const folder = posix.dirname(path);
    const isAlone = pathsOf(draft).every((other) => other === path || !other.startsWith(`${folder}/`));
    return isAlone && folder.includes('/')
      ? replace(draft, folder, folder)
      : replace(draft, path, `${path}/${draft.chance.pick(['inner.txt', 'inner.css', 'd/inner.png'])}`);
  },
  pose: (draft) => {
    const whole = pathsOf(draft).filter((path) => typeof known(draft, path).content === 'string');
    const unchanged = whole.filter((path) => known(draft, path).references.length === 0);
    if (unchanged.length === 0) return undefined;
    const copied = draft.chance.pick(unchanged);
    const { content } = known(draft, copied);
    const hash = createHash('md5')
      .update(content as string)
      .digest('hex')
      .slice(0, 12);
    const { dir, name, ext } = posix.parse(copied);
    const path = claim(draft, posix.join(dir, `${name}.${hash}${ext}`));
    const posed = draft.chance.happens(0.6) ? content : randomFiller(draft.chance);
    return path === undefined ? undefined : put(draft, path, { content: posed, mtime: -YOUNGEST_S, references: [] });
  },
};

function rewrite(draft: Draft, mtime: number): Edit | undefined {
  const path = somePath(draft);
  return path === undefined ? undefined : put(draft, path, { ...fileOf(draft, path), mtime });
}

/** Everything at `old` and below goes, and a file comes at `fresh`. */
function replace(draft: Draft, old: string, fresh: string): Edit {
  for (const path of pathsOf(draft)) if (path === old || path.startsWith(`${old}/`)) draft.files.delete(path);
  return { delete: [old], ...put(draft, fresh, fileOf(draft, fresh)) };
}

function put(draft: Draft, path: string, planted: Planted): Edit {
  draft.files.set(path, planted);
  return { write: { [path]: planted.content }, mtime: { [path]: planted.mtime } };
}

function remove(draft: Draft, path: string): Edit {
  draft.files.delete(path);
  return { delete: [path] };
}

/** A path that is free, for a file to come: one time in five of a name that another source has. */
function reserve(draft: Draft): string | undefined {
  const path = (draft.chance.happens(0.2) ? reserveOverride(draft) : undefined) ?? newPath(draft);
  return claim(draft, path);
}

function claim(draft: Draft, path: string): string | undefined {
  if (!isFree(draft, path)) return undefined;
  draft.files.set(path, { content: '', mtime: -YOUNGEST_S, references: [] });
  return path;
}

function newPath({ chance, sources }: Draft): string {
  const folders = Array.from({ length: chance.below(4) }, () => chance.pick(FOLDERS));
  const stem = chance.pick(chance.happens(0.15) ? ODD_STEMS : STEMS);
  const extension = chance.pick(chance.happens(0.1) ? ODD_EXTENSIONS : EXTENSIONS);
  return [chance.pick(sources).folder, ...folders, stem + extension].join('/');
}

/** A place in an earlier source for the name of a file. */
function reserveOverride(draft: Draft): string | undefined {
  const places = pathsOf(draft).flatMap((path) => {
    const [name, from] = [nameOf(draft, path), sourceAt(draft, path)];
    return draft.sources
      .slice(0, draft.sources.indexOf(from))
      .filter(({ prefix }) => prefix === '' || name.startsWith(`${prefix}/`))
      .map(({ folder, prefix }) => `${folder}/${prefix === '' ? name : name.slice(prefix.length + 1)}`);
  });
  const free = places.filter((path) => isFree(draft, path));
  return free.length === 0 ? undefined : draft.chance.pick(free);
}

/** No file there, nor a file where a folder is in another source, or the other way round. */
function isFree(draft: Draft, path: string): boolean {
  const name = nameOf(draft, path);
  return pathsOf(draft).every((other) => {
    const otherName = nameOf(draft, other);
    return other !== path && !otherName.startsWith(`${name}/`) && !name.startsWith(`${otherName}/`);
  });
}

/** A file with new content, and with references only to what is there. */
function fileOf(draft: Draft, path: string): Planted {
  const { chance } = draft;
  const { content, references } = textOf(draft, path);
  return { content, references, mtime: -YOUNGEST_S - chance.below(OLDEST_S - YOUNGEST_S) };
}

function textOf(draft: Draft, path: string): Text {
  const { chance, staticUrl } = draft;
  const name = nameOf(draft, path);
  const writer = { chance, name, staticUrl, targets: targetsOf(draft, path) };
  if (chance.happens(0.04)) return { content: '', references: [] };
  if (path.endsWith('.css')) return randomCss(writer);
  if (path.endsWith('.js')) return randomJs(writer);
  return { content: chance.happens(0.1) ? 'the same' : randomFiller(chance), references: [] };
}

function targetsOf(draft: Draft, path: string): string[] {
  const name = nameOf(draft, path);
  const isScript = path.endsWith('.js');
  const isBelow = (other: string): boolean => !isAdjustable(other) || levelOf(other) < levelOf(name);
  const names = pathsOf(draft).map((each) => nameOf(draft, each));
  return [...new Set(names)].filter(
    (other) =>
      isCollected(other) && !/[#?%]|\s$/.test(other) && isBelow(other) && (!isScript || !other.endsWith('.css')),
  );
}

/** By name, and always the same, so that it holds for a file that takes the place of another. */
function levelOf(name: string): number {
  const sum = Array.from(name).reduce((total, each) => (total * 31 + (each.codePointAt(0) ?? 0)) >>> 0, 7);
  return (sum >>> 3) % LEVELS;
}

function spoil(draft: Draft, flaw: Flaw): void {
  const [first = ''] = draft.sources.map(({ folder }) => folder);
  const write = (path: string, content: Content): void => {
    draft.files.set(path, { content, mtime: -YOUNGEST_S, references: [] });
  };
  switch (flaw) {
    case 'missing':
      return write(`${first}/flawed.css`, 'a{x:url(nowhere.png)}');
    case 'encoding':
      return write(`${first}/flawed.css`, { base64: Buffer.from('a{x:url(\xe9.png)}', 'latin1').toString('base64') });
    case 'cyclic':
      write(`${first}/flawed.css`, '@import "flawed-too.css";');
      return write(`${first}/flawed-too.css`, '@import "flawed.css";');
    case 'deep':
      for (let depth = 0; depth < DEEP; depth++) {
        const up = depth === 0 ? '' : '@import "../flawed.css";';
        write(`${first}/${'down/'.repeat(depth)}flawed.css`, `${up}a{b:${depth}}`);
      }
  }
}

function somePath({ chance, files }: Draft): string | undefined {
  return files.size === 0 ? undefined : chance.pick([...files.keys()]);
}

/** Mostly one that no text refers to, because a missing file ends everything. */
function someUnneeded(draft: Draft, isFit: (planted: Planted) => boolean = () => true): string | undefined {
  const needed = new Set([...draft.files.values()].flatMap(({ references }) => references));
  const fit = pathsOf(draft).filter((path) => isFit(known(draft, path)));
  const unneeded = fit.filter((path) => !needed.has(nameOf(draft, path)));
  const from = draft.chance.happens(0.95) ? unneeded : fit;
  return from.length === 0 ? undefined : draft.chance.pick(from);
}

function hides(draft: Draft, path: string, other: string): boolean {
  const [earlier, later] = [path, other].map((each) => draft.sources.indexOf(sourceAt(draft, each)));
  return (earlier ?? 0) < (later ?? 0) && nameOf(draft, path) === nameOf(draft, other);
}

function nameOf(draft: Draft, path: string): string {
  const { folder, prefix } = sourceAt(draft, path);
  return posix.join(prefix, path.slice(folder.length + 1));
}

function sourceAt({ sources }: Draft, path: string): RandomSource {
  const found = sources.find(({ folder }) => path.startsWith(`${folder}/`));
  if (found === undefined) throw new RangeError(`no source has ${path}`);
  return found;
}

function known({ files }: Draft, path: string): Planted {
  const planted = files.get(path);
  if (planted === undefined) throw new RangeError(`no file ${path}`);
  return planted;
}

function sizeOf(draft: Draft, path: string): number {
  const { content } = known(draft, path);
  return typeof content === 'string' ? Buffer.byteLength(content) : 0;
}

function pathsOf({ files }: Draft): string[] {
  return [...files.keys()];
}

function isAdjustable(name: string): boolean {
  return name.endsWith('.css') || name.endsWith('.js');
}

/** Not what Django ignores. */
function isCollected(name: string): boolean {
  return name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('~') && part !== 'CVS');
}
