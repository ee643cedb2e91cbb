/**
 * STATIC_ROOT with hashed names, against Django: what its versions were recorded to make of the golden trees, and what
 * the installed ones make of them here.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect } from '../src/collect/collect.js';
import type { CollectProject } from '../src/collect/project.js';
import type { Source } from '../src/collect/sources.js';
import type { RelPath } from '../src/core/relpath.js';
import { StateFolder } from '../src/fs/state.js';
import {
  ALL_DJANGO_VERSIONS,
  DJANGO_VERSIONS,
  type Django,
  type DjangoVersion,
  type Json,
  startDjango,
} from './support/django.js';
import { GOLDEN_NAMES, type Golden, golden, type LaidGolden } from './support/golden.js';
import { type Listing, listFolder, mapListing, withoutOrder } from './support/listing.js';
import { temporaryFolder } from './support/tree.js';

type Storage = Golden['storages'][number];

const PYTHON = 12; // the golden trees were recorded with it

/** Names that are no UTF-8 are refused, and so is what would be two things at once: see "Differences" in README.md. */
const REFUSED = new Set(['35-names-nonutf8', '69-source-link-broken']);
/** Links instead of copies: pushstatic makes none. */
const LINKING = new Set(['67-link']);

const TREES = GOLDEN_NAMES.filter((name) => !REFUSED.has(name) && !LINKING.has(name)).map(golden);

describe.each(ALL_DJANGO_VERSIONS)('the golden trees by the rules of Django %s', (version) => {
  const single = TREES.filter(({ steps }) => steps === 1);

  test.each(single.map((each) => [each.name, each] as const))('%s comes out as it is recorded', async (_, each) => {
    for (const storage of each.storages) {
      const [recorded] = each.expected(storage, version) ?? [];
      const laid = each.lay(await temporaryFolder());
      const args = laid.apply(0);
      const ours = await collectAs(projectOf(each, laid, storage, version, args), each.mount.umask);
      // In which order a folder is listed decides whether this one settles in time: see what the installed Django does.
      if (each.name === '12-chain-long') continue;
      expect([storage, ours.isWhole], ours.trouble).toEqual([storage, recorded?.exit === 0]);
      if (recorded?.exit !== 0) continue;
      const listing = laid.scrubListing(listFolder(rootOf(each, laid)));
      const expected =
        each.mount.options?.['location'] === undefined ? recorded.listing : recorded.elsewhere['elsewhere'];
      expect(comparable(listing, version)).toEqual(comparable(expected ?? {}, version));
      const { manifestLocation } = each.mount;
      if (manifestLocation === undefined) continue;
      const beside = listFolder(manifestLocation.replace('@TMP@', laid.folder));
      expect(comparable(beside, version)).toEqual(comparable(recorded.elsewhere['mani'] ?? {}, version));
    }
  });
});

describe.each(DJANGO_VERSIONS)('the golden trees beside Django %s', (version) => {
  let django: Django;
  beforeAll(() => {
    django = startDjango(version);
  });
  afterAll(() => django.close());

  // Each begins in a STATIC_ROOT of its own, Django in an empty one each time.
  const aboutRoot = ['58-err-same-root-as-static', '61-err-bad-manifest'];
  const trees = TREES.filter(({ name }) => !aboutRoot.includes(name));

  test.each(trees.map((each) => [each.name, each] as const))(
    '%s comes out the same to the byte, after every edit',
    async (_, each) => {
      for (const storage of each.storages) {
        const laid = each.lay(await temporaryFolder());
        const root = join(laid.folder, 'ours');
        const state = new StateFolder(await temporaryFolder());
        for (let step = 0; step < each.steps; step++) {
          const args = laid.apply(step);
          if (args.includes('--dry-run')) continue;
          const project = { ...projectOf(each, laid, storage, version, args), root };
          const ours = await collectAs(project, each.mount.umask, state);
          const made = listFolder(root);
          const theirs = await freshlyByDjango(django, each, laid, storage, args);
          expect([storage, step, ours.isWhole], ours.trouble).toEqual([storage, step, theirs !== undefined]);
          if (theirs !== undefined) expect(made).toEqual(theirs);
        }
      }
    },
  );
});

/** What Django makes in an empty STATIC_ROOT. */
async function freshlyByDjango(
  django: Django,
  each: Golden,
  laid: LaidGolden,
  storage: Storage,
  args: readonly string[],
): Promise<Listing | undefined> {
  const site = laid.site(
    storage,
    args.filter((word) => word !== '--clear'),
  );
  const root = rootOf(each, laid);
  await rm(root, { recursive: true, force: true });
  const { status } = await django.collectstatic(site);
  return status === 0 ? listFolder(root) : undefined;
}

interface Ran {
  /** Everything was collected. */
  readonly isWhole: boolean;
  readonly trouble: string;
}

async function collectAs(project: CollectProject, umask = '022', kept?: StateFolder): Promise<Ran> {
  const before = process.umask(Number.parseInt(umask, 8));
  const state = kept ?? new StateFolder(await temporaryFolder());
  try {
    const { problems } = await collect(project, { mode: 'write', state, force: 'past-guards' });
    return {
      isWhole: problems.length === 0,
      trouble: problems.map(({ path, message }) => `${path}: ${message}`).join('\n'),
    };
  } catch (error) {
    return { isWhole: false, trouble: (error as Error).message };
  } finally {
    process.umask(before);
  }
}

function projectOf(
  { mount }: Golden,
  laid: LaidGolden,
  storage: Storage,
  version: DjangoVersion,
  args: readonly string[],
): CollectProject {
  const { settings = {}, options = {}, attributes = {} } = mount;
  const modeOf = (option: string, setting: string, otherwise: number | null): number | null => {
    const value = options[option] ?? (setting in settings ? settings[setting] : otherwise);
    return value as number | null;
  };
  const isPlain = storage === 'plain' || args.includes('--no-post-process');
  return {
    sources: sourcesOf(mount, laid),
    ignore: ['CVS', '.*', '*~', ...args.filter((_, at) => args[at - 1] === '-i')],
    root: rootIn(mount.options, laid),
    permissions: {
      file: modeOf('file_permissions_mode', 'FILE_UPLOAD_PERMISSIONS', 0o644),
      dir: modeOf('directory_permissions_mode', 'FILE_UPLOAD_DIRECTORY_PERMISSIONS', null),
    },
    manifest: isPlain
      ? undefined
      : {
          rules: {
            django: version,
            python: PYTHON,
            staticUrl: mount.staticUrl ?? '/static/',
            jsModules: storage === 'manifest-js',
            keepIntermediateFiles: attributes['keep_intermediate_files'] === true,
            maxPasses: (attributes['max_post_process_passes'] as number | undefined) ?? 5,
            missing: [],
          },
          name: ((attributes['manifest_name'] as string | undefined) ?? 'staticfiles.json') as RelPath,
          folder: mount.manifestLocation?.replace('@TMP@', laid.folder),
          stale: 'remove',
        },
  };
}

function sourcesOf({ dirs, apps = [], media, finders = USUAL_FINDERS }: Golden['mount'], laid: LaidGolden): Source[] {
  const tree = join(laid.folder, 'src');
  const given = dirs ?? (apps.length === 0 ? ['.'] : []);
  const byFinder: Readonly<Record<string, Source[]>> = {
    FileSystemFinder: given.map((each) => {
      const [prefix, path] = typeof each === 'string' ? ['', each] : each;
      return { path: join(tree, path), prefix, isOptional: true };
    }),
    AppDirectoriesFinder: apps.map((app) => ({ path: join(tree, app, 'static'), prefix: '', isOptional: true })),
    DefaultStorageFinder: media === undefined ? [] : [{ path: join(tree, media), prefix: '' }],
  };
  return finders.flatMap((finder) => byFinder[finder.split('.').at(-1) ?? ''] ?? []);
}

const USUAL_FINDERS = ['FileSystemFinder', 'AppDirectoriesFinder'];

function rootIn(options: Readonly<Record<string, Json>> = {}, laid: LaidGolden): string {
  return (options['location'] as string | undefined)?.replace('@TMP@', laid.folder) ?? laid.root;
}

function rootOf({ mount }: Golden, laid: LaidGolden): string {
  return rootIn(mount.options, laid);
}

/** Before Django 6.0 a manifest is in the order of the disk. */
function comparable(listing: Listing, version: DjangoVersion): Listing {
  const files = mapListing(listing, (each) => each);
  return version >= '6.0' ? files : withoutOrder(files);
}
