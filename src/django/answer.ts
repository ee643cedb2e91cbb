/**
 * Answer: what the probe says of a Django project, checked; and Done, what is said after its collectstatic. The project's own
 * code runs beside them, and so what comes from there is input like any other. Nothing is judged here.
 */
import * as v from 'valibot';

const Text = v.pipe(
  v.string(),
  v.check((value) => value.isWellFormed() && !value.includes('\0')),
);
const AbsolutePath = v.pipe(Text, v.startsWith('/'));
const Mode = v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o7777)));
const PermissionsShape = v.object({ file: Mode, dir: Mode });

const StorageShape = v.object({
  class: Text,
  /** null: it keeps nothing on this machine. */
  location: v.nullable(AbsolutePath),
  permissions: PermissionsShape,
});

const AnswerShape = v.object({
  django: Text,
  python: Text,
  settings: Text,
  /** The app that the command collectstatic comes from; null: there is none. */
  command: v.nullable(Text),
  /** null: django.contrib.staticfiles is not installed. */
  ignore: v.nullable(v.array(Text)),
  root: v.nullable(AbsolutePath),
  url: Text,
  permissions: PermissionsShape,
  finders: v.array(
    v.object({
      class: Text,
      dirs: v.array(v.object({ path: AbsolutePath, prefix: Text, isOptional: v.boolean(), storage: Text })),
      /** The storage that it reads, if that is not a folder of this machine. */
      storageWithoutFolder: v.nullable(Text),
    }),
  ),
  /** What was put in the place of Django's own finders, or of what they go by. */
  patched: v.array(Text),
  /** null: it cannot be made, and `trouble` says why. */
  storage: v.nullable(
    v.object({
      ...StorageShape.entries,
      /** Its class and all that it is made of, nearest first. */
      mro: v.array(Text),
      /** Members that are not Django's. A plain one is a number, a text, true, false or None. */
      own: v.array(v.object({ class: Text, name: Text, isPlain: v.boolean() })),
      /** Whether it saves files in a way of its own: it may write others beside them. */
      savesItself: v.boolean(),
      name: v.nullable(Text),
      keepIntermediateFiles: v.boolean(),
      maxPasses: v.nullable(v.number()),
      jsModules: v.boolean(),
      /** A digest of the table of patterns. */
      patterns: v.nullable(Text),
      /** Where the manifest is kept, if not in the storage itself. */
      manifestStorage: v.nullable(StorageShape),
    }),
  ),
  trouble: v.nullable(Text),
  /** The errors of Django's own checks of static files. */
  checks: v.array(Text),
  /** What the answer depends on: files, folders of installed packages, names of environment variables ('*' for all). */
  files: v.array(AbsolutePath),
  folders: v.array(AbsolutePath),
  variables: v.array(Text),
  /** What was there, or not, when it was asked for: 'file', 'folder', 'other', 'link to …' or ''. */
  looked: v.array(v.tuple([AbsolutePath, Text])),
  /** A digest of the names in each folder that was listed: see `probe.py`. */
  listed: v.array(v.tuple([AbsolutePath, Text])),
});

const FailureShape = v.object({
  failure: v.object({
    /** What it was about when it failed. */
    phase: v.picklist(['manage', 'missing', 'django', 'old', 'settings', 'apps', 'static', 'storage', 'collectstatic']),
    /** The class of the storage that cannot be used. */
    storage: v.optional(Text),
    /** The version that is too old. */
    django: v.optional(Text),
    settings: v.optional(Text),
    python: v.optional(Text),
    /** Of the traceback. */
    lines: v.array(Text),
  }),
});

export type Answer = v.InferOutput<typeof AnswerShape>;
export type Failure = v.InferOutput<typeof FailureShape>['failure'];

const DoneShape = v.object({
  done: v.object({
    /** The name of the manifest, where the storage has one; in a folder of its own? */
    manifest: v.nullable(Text),
    isElsewhere: v.boolean(),
  }),
});

/** What the project's own collectstatic was found to have made. */
export type Done = v.InferOutput<typeof DoneShape>['done'];

/** Of a script of ours; undefined: it is neither, so something else spoke. */
export type Read<T> = { readonly answer: T } | { readonly failure: Failure } | undefined;

export function readAnswer(text: string): Read<Answer> {
  return read(text, (value) => (isAnswer(value) ? value : undefined));
}

export function readDone(text: string): Read<Done> {
  return read(text, (value) => (v.is(DoneShape, value) ? value.done : undefined));
}

function read<T>(text: string, take: (value: unknown) => T | undefined): Read<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const answer = take(value);
  if (answer !== undefined) return { answer };
  return v.is(FailureShape, value) ? value : undefined;
}

export function isAnswer(value: unknown): value is Answer {
  return v.is(AnswerShape, value);
}
