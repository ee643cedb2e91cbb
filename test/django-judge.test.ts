/** What follows from an answer of a Django project, as data: no Python runs here. */
import { describe, expect, test } from 'vitest';
import type { Answer } from '../src/django/answer.js';
import { askedOf } from '../src/django/asked.js';
import { judge } from '../src/django/judge.js';

type Storage = NonNullable<Answer['storage']>;

const STATIC = 'django.contrib.staticfiles.storage';
const FINDERS = 'django.contrib.staticfiles.finders';
const FOLDER = 'django.core.files.storage.filesystem.FileSystemStorage';
const MODES = { file: 0o644, dir: null };
const PLAIN: Storage = {
  class: `${STATIC}.StaticFilesStorage`,
  location: '/site/out',
  permissions: MODES,
  mro: [`${STATIC}.StaticFilesStorage`, FOLDER, 'builtins.object'],
  own: [],
  savesItself: false,
  name: null,
  keepIntermediateFiles: false,
  maxPasses: null,
  jsModules: false,
  patterns: null,
  manifestStorage: null,
};
const MANIFEST: Storage = {
  ...PLAIN,
  class: `${STATIC}.ManifestStaticFilesStorage`,
  mro: [
    `${STATIC}.ManifestStaticFilesStorage`,
    `${STATIC}.ManifestFilesMixin`,
    `${STATIC}.HashedFilesMixin`,
    ...PLAIN.mro,
  ],
  name: 'staticfiles.json',
  maxPasses: 5,
  patterns: 'a2ad64fa78aeff51',
};
const ANSWER: Answer = {
  django: '5.2.12',
  python: '3.12.4',
  settings: 'shop.settings',
  command: 'django.contrib.staticfiles',
  ignore: ['CVS', '.*', '*~'],
  root: '/site/out',
  url: '/static/',
  permissions: MODES,
  finders: [
    finder('FileSystemFinder', dir('/site/assets', { prefix: 'v' })),
    finder('AppDirectoriesFinder', dir('/site/blog/static')),
  ],
  patched: [],
  storage: PLAIN,
  trouble: null,
  checks: [],
  files: ['/site/manage.py'],
  folders: [],
  variables: [],
  looked: [],
  listed: [],
};

type Finder = Answer['finders'][number];

/** One of Django's. */
function finder(name: string, ...dirs: Finder['dirs']): Finder {
  return { class: `${FINDERS}.${name}`, dirs, storageWithoutFolder: null };
}

function dir(path: string, more: object = {}): Finder['dirs'][number] {
  return { path, prefix: '', isOptional: true, storage: FOLDER, ...more };
}

/** A storage whose class is made of `base` and sets or defines more. */
function derived(base: Storage, own: Storage['own'], more: Partial<Storage> = {}): Storage {
  return { ...base, class: 'shop.Own', mro: ['shop.Own', ...base.mro], own, ...more };
}

function member(name: string, isPlain: boolean): Storage['own'][number] {
  return { class: 'shop.Own', name, isPlain };
}

describe('what is done here', () => {
  test.each<[string, Partial<Answer>, string, string]>([
    ['the plain storage', {}, 'plain', `its storage is ${STATIC}.StaticFilesStorage`],
    ['the manifest storage', { storage: MANIFEST }, 'manifest', `its storage is ${STATIC}.ManifestStaticFilesStorage`],
    [
      'one that only sets plain values',
      { storage: derived(MANIFEST, [member('manifest_strict', true), member('manifest_name', true)]) },
      'manifest',
      'its storage is shop.Own, which only sets plain values of ManifestStaticFilesStorage',
    ],
    [
      'one that rewrites JavaScript modules',
      {
        storage: derived(MANIFEST, [member('support_js_module_import_aggregation', true)], {
          jsModules: true,
          patterns: '494dec401c9ed7ed',
        }),
      },
      'manifest',
      'its storage is shop.Own, which only sets plain values of ManifestStaticFilesStorage',
    ],
    [
      'a manifest in another folder',
      { storage: { ...MANIFEST, manifestStorage: { class: FOLDER, location: '/site', permissions: MODES } } },
      'manifest',
      `its storage is ${STATIC}.ManifestStaticFilesStorage`,
    ],
    [
      'a Django that is newer, where its patterns are known',
      { django: '7.0', storage: { ...MANIFEST, patterns: 'a0cb2afdcb920a2a' } },
      'manifest',
      `its storage is ${STATIC}.ManifestStaticFilesStorage`,
    ],
  ])('is %s', (_, change, storage, why) => {
    expect(judge({ ...ANSWER, ...change })).toEqual({ storage, why });
  });
});

describe('what is left to Django', () => {
  const foreign = { ...finder(''), class: 'pipeline.PipelineFinder' };
  test.each<[string, Partial<Answer>, string]>([
    ['a command of another app', { command: 'blog' }, 'the command collectstatic is that of blog'],
    [
      'a finder of another package',
      { finders: [foreign] },
      "the finder pipeline.PipelineFinder is not one of Django's",
    ],
    [
      'a finder of a storage that is no folder',
      { finders: [{ ...finder('DefaultStorageFinder'), storageWithoutFolder: 'storages.S3' }] },
      `the finder ${FINDERS}.DefaultStorageFinder reads storages.S3, which keeps no folder on this machine`,
    ],
    [
      'a source that is not read as a folder',
      { finders: [finder('FileSystemFinder', dir('/site/a', { storage: 'shop.Zip' }))] },
      '/site/a is read by shop.Zip',
    ],
    [
      'a method of its own',
      { storage: derived(MANIFEST, [member('post_process', false)]) },
      'its storage shop.Own has a post_process of its own, in shop.Own',
    ],
    [
      'a property in the place of a plain value',
      { storage: derived(MANIFEST, [member('manifest_name', false)]) },
      'its storage shop.Own has a manifest_name of its own, in shop.Own',
    ],
    [
      'a plain value of something unknown',
      { storage: derived(PLAIN, [member('default_template', true)]) },
      'its storage shop.Own has a default_template of its own, in shop.Own',
    ],
    [
      'other patterns',
      { storage: { ...MANIFEST, patterns: '0000' } },
      `the patterns of its storage ${STATIC}.ManifestStaticFilesStorage are not those of Django 5.2`,
    ],
    [
      'patterns of another version',
      { django: '6.0.1', storage: MANIFEST },
      `the patterns of its storage ${STATIC}.ManifestStaticFilesStorage are not those of Django 6.0`,
    ],
    [
      'hashes without a manifest',
      { storage: { ...PLAIN, class: 'shop.Own', mro: ['shop.Own', `${STATIC}.HashedFilesMixin`, ...PLAIN.mro] } },
      'its storage shop.Own hashes names without a manifest',
    ],
    [
      'a storage of another kind',
      { storage: { ...PLAIN, class: 'shop.S3', mro: ['shop.S3'] } },
      'its storage shop.S3 is not made of StaticFilesStorage',
    ],
    [
      'a manifest in a folder below',
      { storage: derived(MANIFEST, [member('manifest_name', true)], { name: 'meta/names.json' }) },
      'its manifest is named meta/names.json',
    ],
    [
      'a manifest that is no file',
      { storage: { ...MANIFEST, manifestStorage: { class: 'shop.S3', location: null, permissions: MODES } } },
      'its manifest is kept by shop.S3',
    ],
    [
      'a manifest with other permissions',
      {
        storage: {
          ...MANIFEST,
          manifestStorage: { class: FOLDER, location: '/site', permissions: { file: 0o600, dir: null } },
        },
      },
      'its manifest has permissions of its own',
    ],
  ])('is %s', (_, change, doubt) => {
    expect(judge({ ...ANSWER, ...change })).toEqual({
      storage: 'django',
      why: `${doubt}, so Django's own collectstatic is run`,
    });
  });
});

describe('what a project says of itself', () => {
  test('is, in the words of the configuration, all of it', () => {
    expect(
      askedOf(
        { ...ANSWER, storage: { ...MANIFEST, jsModules: true, permissions: { file: 0o600, dir: 0o2755 } } },
        'python3',
      ),
    ).toEqual({
      looked: [],
      listed: [],
      django: '5.2.12',
      python: '3.12.4',
      interpreter: 'python3',
      settings: 'shop.settings',
      dirs: [
        { path: '/site/assets', prefix: 'v', isOptional: true },
        { path: '/site/blog/static', prefix: '', isOptional: true },
      ],
      knowsSources: true,
      savesCopies: true,
      ignore: ['CVS', '.*', '*~'],
      root: '/site/out',
      url: '/static/',
      storage: 'django',
      why: expect.stringContaining('patterns'),
      rules: '5.2',
      permissions: { file: 0o600, dir: 0o2755 },
      manifest: { name: 'staticfiles.json', jsModules: true, keepIntermediateFiles: false, maxPasses: 5 },
      faults: { storage: [], sources: [], djangoOnly: [] },
      warnings: [],
      files: ['/site/manage.py'],
    });
  });

  test('names a folder once, however often it is listed', () => {
    const finders = [finder('FileSystemFinder', dir('/a'), dir('/b'), dir('/a'))];
    expect(askedOf({ ...ANSWER, finders }, 'python3').dirs.map(({ path }) => path)).toEqual(['/a', '/b']);
  });

  test('puts files where the storage puts them, whatever STATIC_ROOT is', () => {
    expect(askedOf({ ...ANSWER, storage: { ...PLAIN, location: '/elsewhere' } }, 'python3').root).toBe('/elsewhere');
    expect(askedOf({ ...ANSWER, storage: { ...PLAIN, location: null }, root: null }, 'python3').root).toBeUndefined();
  });

  test('names the folder of the manifest only where it is another one', () => {
    const rootOf = (location: string) =>
      askedOf(
        { ...ANSWER, storage: { ...MANIFEST, manifestStorage: { class: FOLDER, location, permissions: MODES } } },
        'python3',
      ).manifest.root;
    expect([rootOf('/site'), rootOf('/site/out')]).toEqual(['/site', undefined]);
  });

  test.each([
    ['4.2.28', '4.2', 0],
    ['6.1rc1', '6.1', 0],
    ['6.10', '6.1', 1],
    ['7.0.dev20260101', '6.1', 1],
  ])('follows, for Django %s, the rules of %s', (django, rules, warnings) => {
    const asked = askedOf({ ...ANSWER, django }, 'python3');
    expect([asked.rules, asked.warnings.length]).toEqual([rules, warnings]);
  });

  test('says which version is not known yet', () => {
    expect(askedOf({ ...ANSWER, django: '7.0' }, 'python3').warnings).toEqual([
      'Django 7.0 of the project is newer than what is known here; the rules of 6.1 are followed',
    ]);
  });

  test('has the modes of the settings where the storage keeps nothing here', () => {
    const storage = { ...PLAIN, class: 'shop.S3', mro: ['shop.S3'], permissions: { file: null, dir: null } };
    const permissions = { file: 0o640, dir: 0o2755 };
    expect(askedOf({ ...ANSWER, storage, permissions }, 'python3').permissions).toEqual(permissions);
  });

  test('does not take for a source what a foreign finder makes in STATIC_ROOT', () => {
    const finders = [
      { ...finder('', dir('/site/out/CACHE'), dir('/site/scss')), class: 'compressor.CompressorFinder' },
    ];
    expect(askedOf({ ...ANSWER, finders }, 'python3').dirs.map(({ path }) => path)).toEqual(['/site/scss']);
  });

  test.each<[string, Partial<Answer>, { storage?: string; sources?: string; djangoOnly?: string }]>([
    [
      'a storage elsewhere',
      { storage: { ...PLAIN, class: 'shop.S3', mro: ['shop.S3'] } },
      {
        storage:
          "its storage shop.S3 keeps nothing on this machine that could be published; write static.storage: plain or manifest to collect by Django's rules all the same",
      },
    ],
    [
      'a storage that cannot be made',
      { storage: null, trouble: 'ImproperlyConfigured: no.' },
      { storage: 'Django cannot make the storage of the project: ImproperlyConfigured: no.' },
    ],
    ['a check that fails', { checks: ['?: (staticfiles.E002) no'] }, { sources: '?: (staticfiles.E002) no' }],
    [
      'no staticfiles',
      { command: null },
      { sources: 'django.contrib.staticfiles is not among INSTALLED_APPS of the project; add it, or list source.dirs' },
    ],
    [
      'a finder of a storage that is no folder',
      { finders: [{ ...finder('DefaultStorageFinder'), storageWithoutFolder: 'storages.S3' }] },
      {
        djangoOnly:
          `its finder ${FINDERS}.DefaultStorageFinder reads storages.S3, which keeps no folder on this machine, so only ` +
          'Django itself can collect it; remove static.storage, or list source.dirs',
      },
    ],
    [
      'a prefix that leads out',
      { finders: [finder('FileSystemFinder', dir('/a', { prefix: '../x' }))] },
      { sources: 'the prefix "../x" in STATICFILES_DIRS is no plain relative path; correct it' },
    ],
  ])('has %s for a fault', (_, change, { storage, sources, djangoOnly }) => {
    expect(askedOf({ ...ANSWER, ...change }, 'python3').faults).toEqual({
      storage: storage === undefined ? [] : [storage],
      sources: sources === undefined ? [] : [sources],
      djangoOnly: djangoOnly === undefined ? [] : [djangoOnly],
    });
  });
});
