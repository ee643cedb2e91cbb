/**
 * judge: whether what collectstatic would do in a project is known well enough to do it here, or Django has to do it itself.
 * Pure. What is in doubt is left to Django: that costs time, and nothing else.
 */
import { DJANGO_RELEASES, type DjangoRelease, NEWEST_DJANGO } from '../core/manifest/rules.js';
import type { Answer } from './answer.js';

export interface Verdict {
  readonly storage: 'plain' | 'manifest' | 'django';
  /** In a sentence, without a full stop. */
  readonly why: string;
}

type Storage = NonNullable<Answer['storage']>;

const STATICFILES = 'django.contrib.staticfiles';
const PLAIN = `${STATICFILES}.storage.StaticFilesStorage`;
const MANIFEST = `${STATICFILES}.storage.ManifestStaticFilesStorage`;
const MANIFEST_MIXIN = `${STATICFILES}.storage.ManifestFilesMixin`;
const HASHED_MIXIN = `${STATICFILES}.storage.HashedFilesMixin`;
const FOLDER_STORAGE = 'django.core.files.storage.filesystem.FileSystemStorage';
const FINDERS = ['FileSystemFinder', 'AppDirectoriesFinder', 'DefaultStorageFinder'].map(
  (name) => `${STATICFILES}.finders.${name}`,
);

/** A class of the project's own may set these to plain values: what they come to is in the answer. */
const KNOWN_ATTRIBUTES = new Set([
  'manifest_name',
  'manifest_strict',
  'keep_intermediate_files',
  'max_post_process_passes',
  'support_js_module_import_aggregation',
  'file_permissions_mode',
  'directory_permissions_mode',
]);

/** The digests of the tables that are known, as the probe makes them: without and with the patterns for JavaScript modules. */
const PATTERNS: Readonly<Record<DjangoRelease, { readonly plain: string; readonly jsModules: string }>> = {
  '4.2': { plain: '34e8c9ce3671c634', jsModules: 'e53e343fd9f23a89' },
  '5.0': { plain: 'a2ad64fa78aeff51', jsModules: 'ca3cb9ceac794296' },
  '5.1': { plain: 'a2ad64fa78aeff51', jsModules: 'ca3cb9ceac794296' },
  '5.2': { plain: 'a2ad64fa78aeff51', jsModules: '494dec401c9ed7ed' },
  '6.0': { plain: '0562f2a85975509a', jsModules: 'f07d8e39bae766cd' },
  '6.1': { plain: 'a0cb2afdcb920a2a', jsModules: 'd5be8258db414847' },
};

export function judge(answer: Answer): Verdict {
  const { storage } = answer;
  const doubt =
    doubtOfProject(answer) ?? (storage === null ? undefined : doubtOfStorage(storage, rulesFor(answer.django)));
  if (doubt !== undefined) return { storage: 'django', why: `${doubt}, so Django's own collectstatic is run` };
  if (storage?.mro.includes(MANIFEST_MIXIN)) return { storage: 'manifest', why: `its storage is ${named(storage)}` };
  return {
    storage: 'plain',
    why: storage === null ? 'its storage cannot be made' : `its storage is ${named(storage)}`,
  };
}

/** The rules that hold in a version like 5.2.12: those of the newest known one, where it is newer. */
export function rulesFor(version: string): DjangoRelease {
  return known(version) ?? NEWEST_DJANGO;
}

export function isKnown(version: string): boolean {
  return known(version) !== undefined;
}

function known(version: string): DjangoRelease | undefined {
  const minor = /^\d+\.\d+/.exec(version)?.[0];
  return DJANGO_RELEASES.find((each) => each === minor);
}

/** Any other storage leaves nothing on this machine that could be published. */
export function keepsFolder(storage: Storage): boolean {
  return storage.mro.includes(FOLDER_STORAGE);
}

/** Of a manifest: one that needs no folder of its own, and no care. */
export function isPlainName(name: string): boolean {
  return /^\w[\w .-]*$/.test(name);
}

export function isDjangos(finder: string): boolean {
  return FINDERS.includes(finder);
}

/** Undefined where all `finders` read folders of this machine. */
export function readsNoFolder(finders: Answer['finders']): string | undefined {
  const finder = finders.find(({ storageWithoutFolder }) => storageWithoutFolder !== null);
  return finder && `finder ${finder.class} reads ${finder.storageWithoutFolder}, which keeps no folder on this machine`;
}

/** What stands against knowing all that is collected. */
export function doubtOfProject({ command, finders, patched }: Answer): string | undefined {
  if (command !== null && command !== STATICFILES) return `the command collectstatic is that of ${command}`;
  const foreign = finders.find((finder) => !isDjangos(finder.class));
  if (foreign !== undefined) return `the finder ${foreign.class} is not one of Django's`;
  const [other] = patched;
  if (other !== undefined) return `${other} is not Django's own`;
  const without = readsNoFolder(finders);
  if (without !== undefined) return `the ${without}`;
  const source = finders.flatMap(({ dirs }) => dirs).find(({ storage }) => storage !== FOLDER_STORAGE);
  return source === undefined ? undefined : `${source.path} is read by ${source.storage}`;
}

function doubtOfStorage(storage: Storage, rules: DjangoRelease): string | undefined {
  const { mro, own, jsModules, manifestStorage } = storage;
  if (!mro.includes(PLAIN)) return `its storage ${storage.class} is not made of StaticFilesStorage`;
  if (mro.includes(HASHED_MIXIN) && !mro.includes(MANIFEST_MIXIN))
    return `its storage ${storage.class} hashes names without a manifest`;
  const other = own.find(({ name, isPlain }) => !isPlain || !KNOWN_ATTRIBUTES.has(name));
  if (other !== undefined) return `its storage ${storage.class} has a ${other.name} of its own, in ${other.class}`;
  if (mro.includes(MANIFEST_MIXIN) && storage.patterns !== PATTERNS[rules][jsModules ? 'jsModules' : 'plain'])
    return `the patterns of its storage ${storage.class} are not those of Django ${rules}`;
  if (storage.name !== null && !isPlainName(storage.name)) return `its manifest is named ${storage.name}`;
  return manifestStorage === null ? undefined : doubtOfManifest(manifestStorage, storage);
}

function doubtOfManifest(
  manifest: NonNullable<Storage['manifestStorage']>,
  { permissions }: Storage,
): string | undefined {
  if (manifest.location === null || ![FOLDER_STORAGE, PLAIN].includes(manifest.class))
    return `its manifest is kept by ${manifest.class}`;
  const { file, dir } = manifest.permissions;
  const isAlike = file === permissions.file && dir === permissions.dir;
  return isAlike ? undefined : 'its manifest has permissions of its own';
}

function named({ class: kind, mro }: Storage): string {
  const base = [MANIFEST, PLAIN].find((each) => mro.includes(each)) ?? kind;
  return kind === base ? kind : `${kind}, which only sets plain values of ${base.slice(base.lastIndexOf('.') + 1)}`;
}
