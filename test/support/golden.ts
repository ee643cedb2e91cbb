/**
 * The golden trees: small sites, and what the real collectstatic of several versions of Django made of them, with the
 * plain and the manifest storage. test/fixtures/django/golden has one document for each; test/django-oracle.test.ts
 * proves them with the Django that is installed.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DjangoVersion, Json, Site, Storage } from './django.js';
import { storageAt } from './django.js';
import { applyEdit, type Content, contentOf, type Edit } from './edit.js';
import { type Listed, type Listing, mapListing } from './listing.js';

const FOLDER = fileURLToPath(new URL('../fixtures/django/golden', import.meta.url));
const SOURCE = 'src';
const ROOT = 'static_root';
// A long chain of references in one folder.
const ORDER_DECIDES = ['12-chain-long'];
// How a document names places that differ from run to run.
const [WORK, TREE, BELOW_ROOT] = ['@WORK@', '@TREE@', '@ROOT@/'];

/** How the tree becomes a site. Paths are relative to the tree. */
interface Mount {
  /** STATICFILES_DIRS, in order; those of pairs have a prefix. Default: the tree itself. */
  readonly dirs?: readonly (string | readonly [prefix: string, path: string])[];
  /** After them, in order: folders that have a `static`. */
  readonly apps?: readonly string[];
  /** STATICFILES_FINDERS, if they are not Django's. */
  readonly finders?: readonly string[];
  /** MEDIA_ROOT. */
  readonly media?: string;
  readonly staticUrl?: string;
  readonly settings?: Readonly<Record<string, Json>>;
  readonly options?: Readonly<Record<string, Json>>;
  /** Of the class of the manifest storage. */
  readonly attributes?: Readonly<Record<string, Json>>;
  /** Where the manifest lies, if not in STATIC_ROOT. */
  readonly manifestLocation?: string;
  /** What STATIC_ROOT is a copy of at first. */
  readonly initial?: string;
  /** In octal digits. */
  readonly umask?: string;
}

interface Row {
  readonly path: string;
}

interface RecordedStep {
  readonly exit: number;
  /** The last line of stdout. */
  readonly summary: string;
  readonly stderrFirst: string;
  readonly stderrLast: string;
  readonly conflicts: readonly string[];
  /** The names in the order in which the finders found them: that of the disk. */
  readonly order: readonly string[] | null;
  readonly listing: readonly (Row & Listed)[];
  /** What the run made beside STATIC_ROOT, by the name of the folder. */
  readonly elsewhere?: Readonly<Record<string, readonly (Row & Listed)[]>>;
}

interface Document {
  readonly mount: Mount;
  readonly source: Readonly<Record<string, Content | { readonly link: string }>>;
  /** In octal digits, where it is not 0644. */
  readonly modes?: Readonly<Record<string, string>>;
  readonly steps: readonly (Edit & { readonly args?: readonly string[] })[];
  readonly results: Readonly<
    Partial<
      Record<
        Storage,
        readonly { readonly versions: readonly DjangoVersion[]; readonly steps: readonly RecordedStep[] }[]
      >
    >
  >;
  /** By SHA-256: the contents that are in a result and not in the source. */
  readonly contents: Readonly<Record<string, Content>>;
}

/** What collectstatic did in one step. Places in it begin with `@WORK@`. */
export interface GoldenStep extends Omit<RecordedStep, 'listing' | 'elsewhere'> {
  readonly listing: Listing;
  readonly elsewhere: Readonly<Record<string, Listing>>;
}

export interface Golden {
  readonly name: string;
  /** Whether it can be collected hangs on the order in which the disk lists it. */
  readonly orderDecides: boolean;
  readonly mount: Mount;
  /** The storages that there are results for. */
  readonly storages: readonly Storage[];
  /** How many times it is collected, with edits in between. */
  readonly steps: number;
  /** A result for each step; undefined if this was not run. */
  readonly expected: (storage: Storage, version: DjangoVersion) => readonly GoldenStep[] | undefined;
  /** A content of a listing, by its SHA-256, if it is not one of the sources. */
  readonly content: (sha256: string) => Buffer | undefined;
  /** Puts the tree into the empty `folder`, ready for the first step. */
  readonly lay: (folder: string) => LaidGolden;
}

export interface LaidGolden {
  /** The folder that it was laid into: `@WORK@`. The tree lies in `src`. */
  readonly folder: string;
  /** STATIC_ROOT, which the first collectstatic makes. */
  readonly root: string;
  /** Does the edits that come before the run of this step, and gives the arguments of the run. */
  readonly apply: (step: number) => readonly string[];
  /** For `collectstatic` of django.ts. */
  readonly site: (storage: Storage, args?: readonly string[]) => Site;
  /** Text or a listing with `@WORK@` for the folder, to compare with what is recorded. */
  readonly scrub: (text: string) => string;
  readonly scrubListing: (listing: Listing) => Listing;
}

/** All of them. What a run that fails leaves behind hangs on the order of the disk, too. */
export const GOLDEN_NAMES: readonly string[] = readdirSync(FOLDER)
  .map((file) => file.replace(/\.json$/, ''))
  .toSorted();

export function golden(name: string): Golden {
  const document = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Document;
  return {
    name,
    orderDecides: ORDER_DECIDES.includes(name),
    mount: document.mount,
    storages: Object.keys(document.results) as Storage[],
    steps: document.steps.length,
    expected: (storage, version) =>
      document.results[storage]?.find(({ versions }) => versions.includes(version))?.steps.map(stepOf),
    content: (sha256) => {
      const content = document.contents[sha256];
      return content === undefined ? undefined : contentOf(content);
    },
    lay: (folder) => lay(document, folder),
  };
}

function lay(document: Document, folder: string): LaidGolden {
  const [tree, root] = [join(folder, SOURCE), join(folder, ROOT)];
  mkdirSync(tree, { recursive: true });
  for (const [path, planted] of Object.entries(document.source)) {
    const isLink = typeof planted === 'object' && 'link' in planted;
    const edit = isLink
      ? { symlink: { [path]: planted.link } }
      : { write: { [path]: planted }, chmod: { [path]: document.modes?.[path] ?? '0644' } };
    applyEdit(edit, (each) => join(tree, each));
  }
  const { initial } = document.mount;
  if (initial !== undefined) cpSync(join(tree, initial), root, { recursive: true, preserveTimestamps: true });
  const scrub = (text: string): string => text.replaceAll(folder, WORK);
  return {
    folder,
    root,
    apply: (step) => {
      const { args = [], symlink = {}, ...edit } = document.steps[step] ?? {};
      const targets = Object.entries(symlink).map(([path, to]) => [
        path,
        to.replace(TREE, tree).replace('@ROOT@', root),
      ]);
      applyEdit({ ...edit, symlink: Object.fromEntries(targets) }, (path) =>
        path.startsWith(BELOW_ROOT) ? join(root, path.slice(BELOW_ROOT.length)) : join(tree, path),
      );
      return args;
    },
    site: (storage, args = []) => siteOf(document.mount, folder, storage, args),
    scrub,
    scrubListing: (listing) =>
      mapListing(listing, (each) => (each.type === 'link' ? { ...each, target: scrub(each.target) } : each)),
  };
}

function siteOf(mount: Mount, folder: string, storage: Storage, args: readonly string[]): Site {
  const { apps = [], finders, media, staticUrl, options = {}, attributes = {}, manifestLocation, umask } = mount;
  const inTree = (path: string): string => join(folder, SOURCE, path).replace(/\/$/, '');
  const dirs = mount.dirs ?? (apps.length > 0 ? [] : ['.']);
  const isPlain = storage === 'plain';
  const located = Object.entries(options).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.replace('@TMP@', folder) : value,
  ]);
  return {
    sources: dirs.map((each) => (typeof each === 'string' ? inTree(each) : { prefix: each[0], path: inTree(each[1]) })),
    apps: apps.map(inTree),
    root: join(folder, ROOT),
    storage,
    ...(staticUrl !== undefined && { staticUrl }),
    settings: {
      ...(finders !== undefined && { STATICFILES_FINDERS: finders }),
      ...(media !== undefined && { MEDIA_ROOT: inTree(media) }),
      ...mount.settings,
    },
    options: {
      ...Object.fromEntries(located),
      ...(manifestLocation !== undefined &&
        !isPlain && { manifest_storage: storageAt(manifestLocation.replace('@TMP@', folder)) }),
    },
    attributes: isPlain ? {} : attributes,
    args,
    umask: Number.parseInt(umask ?? '022', 8),
  };
}

function stepOf({ listing, elsewhere = {}, ...rest }: RecordedStep): GoldenStep {
  const folders = Object.entries(elsewhere).map(([name, rows]) => [name, listingOf(rows)]);
  return { ...rest, listing: listingOf(listing), elsewhere: Object.fromEntries(folders) as Record<string, Listing> };
}

function listingOf(rows: readonly (Row & Listed)[]): Listing {
  return Object.fromEntries(rows.map(({ path, ...listed }) => [path, listed as Listed]));
}
