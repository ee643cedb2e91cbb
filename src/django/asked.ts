/**
 * askedOf: an answer of the project, judged and in the words of the configuration. Pure.
 */
import type { Asked, SourceDir } from '../config/schema.js';
import { faultOf, isWithin } from '../core/relpath.js';
import type { Answer } from './answer.js';
import {
  doubtOfProject,
  isDjangos,
  isKnown,
  isPlainName,
  judge,
  keepsFolder,
  readsNoFolder,
  rulesFor,
} from './judge.js';

const DEFAULT_NAME = 'staticfiles.json';
const DEFAULT_PASSES = 5;

/** `interpreter` is the Python that was run. */
export function askedOf(answer: Answer, interpreter: string): Asked {
  const { storage } = answer;
  const rules = rulesFor(answer.django);
  const root = rootOf(answer);
  return {
    django: answer.django,
    python: answer.python,
    interpreter,
    settings: answer.settings,
    dirs: sourcesOf(answer, root),
    knowsSources: doubtOfProject(answer) === undefined,
    savesCopies: storage?.savesItself !== true,
    ignore: answer.ignore ?? undefined,
    root,
    url: answer.url,
    ...judge(answer),
    rules,
    permissions: storage !== null && keepsFolder(storage) ? storage.permissions : answer.permissions,
    manifest: {
      name: nameOf(answer),
      ...elsewhere(answer, root),
      jsModules: storage?.jsModules ?? false,
      keepIntermediateFiles: storage?.keepIntermediateFiles ?? false,
      maxPasses: storage?.maxPasses ?? DEFAULT_PASSES,
    },
    faults: { storage: faultsOfStorage(answer), sources: faultsOfSources(answer), djangoOnly: faultsOfFinders(answer) },
    warnings: isKnown(answer.django)
      ? []
      : [`Django ${answer.django} of the project is newer than what is known here; the rules of ${rules} are followed`],
    files: answer.files,
    looked: answer.looked.map(([path]) => path),
    listed: answer.listed.map(([path]) => path),
  };
}

/** A storage may have a location of its own. */
function rootOf({ storage, root }: Answer): string | undefined {
  const location = storage !== null && keepsFolder(storage) ? storage.location : null;
  return location ?? root ?? undefined;
}

/** What is left to Django because of its name needs none here. */
function nameOf({ storage }: Answer): string {
  const name = storage?.name ?? DEFAULT_NAME;
  return isPlainName(name) ? name : DEFAULT_NAME;
}

function elsewhere({ storage }: Answer, root: string | undefined): { readonly root?: string } {
  const location = storage?.manifestStorage?.location;
  return location === undefined || location === null || location === root ? {} : { root: location };
}

/**
 * A finder of somebody else may serve what it makes in STATIC_ROOT from there: that is no source. Its prefixes need be none that can
 * be written in the settings.
 */
function sourcesOf({ finders }: Answer, root: string | undefined): SourceDir[] {
  const dirs = new Map<string, SourceDir>();
  for (const finder of finders) {
    for (const { path, prefix: written, isOptional } of finder.dirs) {
      const prefix = isDjangos(finder.class) ? written : written.replace(/\/+$/, '');
      if (!isDjangos(finder.class) && (isOdd(prefix) || (root !== undefined && isWithin(path, root)))) continue;
      const key = JSON.stringify([path, prefix]);
      if (!dirs.has(key)) dirs.set(key, { path, prefix, ...(isOptional && { isOptional }) });
    }
  }
  return [...dirs.values()];
}

function faultsOfStorage({ storage, trouble }: Answer): string[] {
  if (storage !== null && !keepsFolder(storage)) {
    return [
      `its storage ${storage.class} keeps nothing on this machine that could be published; ` +
        "write static.storage: plain or manifest to collect by Django's rules all the same",
    ];
  }
  return trouble === null ? [] : [`Django cannot make the storage of the project: ${trouble}`];
}

function faultsOfSources({ command, checks, finders }: Answer): string[] {
  const djangos = finders.filter((finder) => isDjangos(finder.class));
  const odd = djangos.flatMap(({ dirs }) => dirs).find(({ prefix }) => isOdd(prefix));
  return [
    ...checks,
    ...(command === null
      ? ['django.contrib.staticfiles is not among INSTALLED_APPS of the project; add it, or list source.dirs']
      : []),
    ...(odd === undefined
      ? []
      : [`the prefix "${odd.prefix}" in STATICFILES_DIRS is no plain relative path; correct it`]),
  ];
}

function faultsOfFinders({ finders }: Answer): string[] {
  const without = readsNoFolder(finders.filter((finder) => isDjangos(finder.class)));
  return without === undefined
    ? []
    : [`its ${without}, so only Django itself can collect it; remove static.storage, or list source.dirs`];
}

function isOdd(prefix: string): boolean {
  return prefix !== '' && faultOf(prefix) !== undefined;
}
