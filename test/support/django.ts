/**
 * Real Django, in all versions that pushstatic takes after, to compare with. `config/ensure.mjs` puts them into
 * node_modules; `collectstatic` runs the command over a site that is described by data, without a project on disk.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import packages from '../../config/django-versions.json' with { type: 'json' };

const FOLDER = fileURLToPath(new URL(`../../${packages.folder}`, import.meta.url));
const DRIVER = fileURLToPath(new URL('collectstatic.py', import.meta.url));
const NEW_DJANGO_ON_OLD_PYTHON = fileURLToPath(new URL('new-django-on-old-python', import.meta.url));
const STORAGES = {
  plain: 'django.contrib.staticfiles.storage.StaticFilesStorage',
  manifest: 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage',
  'manifest-js': 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage',
};

/** A release series, '5.2'. */
export type DjangoVersion = keyof typeof packages.django;

export type Storage = keyof typeof STORAGES;

/** What JSON can say; in settings and options `storageAt` makes one thing more. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One of STATICFILES_DIRS: an absolute path, or one with a prefix. */
export type Source = string | { readonly path: string; readonly prefix: string };

export interface Site {
  readonly sources?: readonly Source[];
  /** Folders that are installed as apps, in order: the sources are the `static` in them. */
  readonly apps?: readonly string[];
  /** STATIC_ROOT. */
  readonly root: string;
  /** Default: manifest. 'manifest-js' is 'manifest' that also rewrites imports of modules. */
  readonly storage?: Storage;
  /** STATIC_URL. Default: '/static/'. */
  readonly staticUrl?: string;
  /** More settings, and what is to be otherwise than here. */
  readonly settings?: Readonly<Record<string, Json>>;
  /** OPTIONS of the storage. */
  readonly options?: Readonly<Record<string, Json>>;
  /** Attributes of a class of its own, which is made of that of `storage`. */
  readonly attributes?: Readonly<Record<string, Json>>;
  /** More words for the command, which has `--noinput` and `-v 2`. */
  readonly args?: readonly string[];
  /** Default: 0o022. */
  readonly umask?: number;
}

/** What the command said. Text that is no UTF-8 has a lone surrogate for each such byte, '\udcff' for 0xff. */
export interface Ran {
  /** What a shell would say: 128 and the signal's number for a process that a signal ended. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that has Django loaded. Runs what it is asked one after the other. */
export interface Django {
  readonly collectstatic: (site: Site) => Promise<Ran>;
  readonly close: () => Promise<void>;
}

/** All series, the oldest first. */
export const ALL_DJANGO_VERSIONS = Object.keys(packages.django) as DjangoVersion[];

/** Those that are installed: at least the ones that `config/ensure.mjs` insists on. */
export const DJANGO_VERSIONS = ALL_DJANGO_VERSIONS.filter((version) =>
  existsSync(folderOf('django', release(version))),
);

/** '5.2.12' for '5.2'. */
export function release(version: DjangoVersion): string {
  return packages.django[version];
}

/** A value for PYTHONPATH. */
export function djangoPath(version: DjangoVersion): string {
  const libraries = Object.entries(packages.libraries).map(([name, of]) => folderOf(name, of));
  return [folderOf('django', release(version)), ...libraries, NEW_DJANGO_ON_OLD_PYTHON].join(delimiter);
}

/** For a `python3` that has this Django, UTF-8 everywhere, and nothing of ours but PATH and the like. It leaves no bytecode. */
export function djangoEnvironment(version: DjangoVersion): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(?:DJANGO_|PYTHON|LC_|LANG)/.test(name));
  return {
    ...Object.fromEntries(ours),
    LC_ALL: 'C.UTF-8',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONNOUSERSITE: '1',
    PYTHONPATH: djangoPath(version),
    PYTHONUTF8: '1',
  };
}

/** Runs it once. Takes longer than with `startDjango`, by the time that Python and Django need to start. */
export async function collectstatic(version: DjangoVersion, site: Site): Promise<Ran> {
  const django = startDjango(version);
  try {
    return await django.collectstatic(site);
  } finally {
    await django.close();
  }
}

export function startDjango(version: DjangoVersion): Django {
  const child = spawn('python3', [DRIVER], {
    cwd: tmpdir(),
    env: djangoEnvironment(version),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const answers = answersOf(child);
  return {
    collectstatic: async (site) => {
      const answer = answers();
      child.stdin.write(`${JSON.stringify(jobOf(site))}\n`);
      return JSON.parse(await answer) as Ran;
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** A FileSystemStorage in a folder, as the value of an option like `manifest_storage`. */
export function storageAt(folder: string): Json {
  return { '@storage': folder };
}

/** Each call promises the next line. They come in the order of the questions. */
function answersOf(child: ChildProcessByStdio<Writable, Readable, null>): () => Promise<string> {
  const waiting: { readonly answer: (line: string) => void; readonly fail: (error: Error) => void }[] = [];
  let broken: Error | undefined;
  const breakOff = (error: Error): void => {
    broken ??= error;
    for (const each of waiting.splice(0)) each.fail(broken);
  };
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.answer(line));
  child.once('error', breakOff);
  child.stdin.once('error', breakOff);
  child.once('close', (code) => breakOff(new Error(`collectstatic.py ended with ${code}`)));
  return () =>
    broken
      ? Promise.reject(broken)
      : new Promise((answer, fail) => {
          waiting.push({ answer, fail });
        });
}

function jobOf(site: Site): Json {
  const { storage = 'manifest', args = [], umask = 0o022 } = site;
  const attributes = {
    ...(storage === 'manifest-js' && { support_js_module_import_aggregation: true }),
    ...site.attributes,
  };
  const hasClass = Object.keys(attributes).length > 0;
  const appClasses = (site.apps ?? []).map((path, at) => [`site_app_${at}`, appAt(path, `site_app_${at}`)] as const);
  return {
    modules: {
      ...Object.fromEntries(appClasses),
      ...(hasClass && { site_storage: { Storage: { base: STORAGES[storage], attributes } } }),
    },
    settings: {
      ...settingsOf(
        site,
        appClasses.map(([module]) => `${module}.App`),
      ),
      STORAGES: {
        default: { BACKEND: 'django.core.files.storage.FileSystemStorage' },
        staticfiles: { BACKEND: hasClass ? 'site_storage.Storage' : STORAGES[storage], OPTIONS: site.options ?? {} },
      },
      ...site.settings,
    },
    args: ['--noinput', '-v', '2', ...args],
    umask,
  };
}

function folderOf(name: string, version: string): string {
  return join(FOLDER, `${name}-${version}`);
}

function appAt(path: string, name: string): Json {
  return { App: { base: 'django.apps.AppConfig', attributes: { name, path } } };
}

function settingsOf(
  { sources = [], root, staticUrl = '/static/' }: Site,
  apps: readonly string[],
): Record<string, Json> {
  return {
    SECRET_KEY: 'x',
    USE_TZ: true,
    INSTALLED_APPS: ['django.contrib.staticfiles', ...apps],
    STATICFILES_DIRS: sources.map((each) => (typeof each === 'string' ? each : [each.prefix, each.path])),
    STATIC_ROOT: root,
    STATIC_URL: staticUrl,
    // Django refuses one that is equal to STATIC_URL, and '' reads as '/'.
    MEDIA_URL: '/media/',
  };
}
