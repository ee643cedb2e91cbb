/**
 * Answer: what the probe says of a Django project, checked. The project's own code runs beside the probe, and so what comes
 * from there is input like any other. `probe.py` says how it is found; nothing is judged here.
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
    }),
  ),
  /** null: it cannot be made, and `trouble` says why. */
  storage: v.nullable(
    v.object({
      ...StorageShape.entries,
      /** Its class and all that it is made of, nearest first. */
      mro: v.array(Text),
      /** Members that are not Django's. A plain one is a number, a text, true, false or None. */
      own: v.array(v.object({ class: Text, name: Text, isPlain: v.boolean() })),
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
});

const FailureShape = v.object({
  failure: v.object({
    /** What it was about when it failed. */
    phase: v.picklist(['manage', 'missing', 'django', 'old', 'settings', 'apps', 'static']),
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

/** undefined: it is neither, so something else than the probe spoke. */
export function readAnswer(text: string): { readonly answer: Answer } | { readonly failure: Failure } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (isAnswer(value)) return { answer: value };
  return v.is(FailureShape, value) ? value : undefined;
}

export function isAnswer(value: unknown): value is Answer {
  return v.is(AnswerShape, value);
}
