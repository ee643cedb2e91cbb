/**
 * What `pushstatic init` knows and writes: facts from a look around, the questions they leave open, and the commented
 * text of a first `pushstatic.yaml`. Asking the questions and writing the file is for the command.
 *
 * Only `lookAround` and `faultOfAnswer` look at the disk, and they change nothing.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { ConfigError } from '../errors.js';
import { isSystemError, reasonOfSystem } from '../system-error.js';
import { localPath, type Setting } from './assemble.js';
import { checkConfig } from './check.js';

/** What can be seen from a folder. */
export interface Facts {
  /** The name of the folder. */
  readonly folderName: string;
  readonly hasManagePy: boolean;
  /** Folders that are likely to hold sources, relative to the folder. */
  readonly sourceDirs: readonly string[];
  /** Hosts that the user's ssh_config names. */
  readonly hosts: readonly string[];
}

/** What a person decides. Where there is a manage.py, all but the target is asked of the project. */
export interface Answers {
  /** Relative to the folder of the file. */
  readonly sourceDirs: readonly string[];
  readonly staticRoot: string;
  /** STATIC_URL; ends with a slash. */
  readonly staticUrl: string;
  /** undefined: no target yet. */
  readonly targetUrl: string | undefined;
}

/** One question, in the form that any prompt can ask. The answer to `sourceDirs` is a list with commas. */
export interface Question {
  readonly key: keyof Answers;
  readonly message: string;
  /** What stands there to be accepted or changed. */
  readonly initial: string;
  /** Shown while nothing is typed. */
  readonly placeholder: string;
}

const USUAL_SOURCES = ['static', 'assets', 'frontend/dist'];
const USUAL_ROOT = 'var/static';
const NOT_APPS = new Set(['node_modules', 'venv', 'env', 'var', 'dist', 'build', 'docs', 'test', 'tests']);
const TARGET_NAME = 'production';
const KEYS: Readonly<Record<keyof Answers, string>> = {
  sourceDirs: 'source.dirs',
  staticRoot: 'static.root',
  staticUrl: 'static.url',
  targetUrl: `targets.${TARGET_NAME}.url`,
};
const ASK_PROJECT = [
  "# The project's own settings say what is collected, from where and to where. What is written here as well, under source",
  '# or static, comes before that.',
  'source:',
  '  django: {}',
];

/** Throws a ConfigError if `folder` (absolute) cannot be listed. */
export async function lookAround(folder: string, env: NodeJS.ProcessEnv): Promise<Facts> {
  const names = await namesIn(folder);
  const apps = names.filter((name) => !name.startsWith('.') && !NOT_APPS.has(name));
  const candidates = [...USUAL_SOURCES, ...apps.map((app) => `${app}/static`)];
  const there = await Promise.all(candidates.map((candidate) => isFolder(join(folder, candidate))));
  return {
    folderName: basename(folder) || 'site',
    hasManagePy: names.includes('manage.py'),
    sourceDirs: candidates.filter((_, index) => there[index]),
    hosts: await sshHosts(join(env['HOME'] || homedir(), '.ssh', 'config')),
  };
}

/** What `--yes` takes. No target: which server to publish to is never guessed. */
export function defaultAnswers({ sourceDirs }: Facts): Answers {
  return {
    sourceDirs: sourceDirs.length > 0 ? sourceDirs : ['static'],
    staticRoot: USUAL_ROOT,
    staticUrl: '/static/',
    targetUrl: undefined,
  };
}

/** What the facts leave open, in the order to ask it. */
export function questionsFor(facts: Facts): readonly Question[] {
  const answers = defaultAnswers(facts);
  const host = facts.hosts[0] ?? 'deploy@static.example.com';
  const target: Question = {
    key: 'targetUrl',
    message: 'Where are they published? Leave it empty to decide later',
    initial: '',
    placeholder: `sftp://${host}/srv/static`,
  };
  if (facts.hasManagePy) return [{ ...target, message: target.message.replace('they', 'the static files') }];
  return [
    {
      key: 'sourceDirs',
      message: 'Which folders hold your static files? The first one wins',
      initial: answers.sourceDirs.join(', '),
      placeholder: 'static, assets',
    },
    {
      key: 'staticRoot',
      message: 'Where are they collected (STATIC_ROOT)?',
      initial: answers.staticRoot,
      placeholder: USUAL_ROOT,
    },
    {
      key: 'staticUrl',
      message: 'Under which URL are they served (STATIC_URL)?',
      initial: answers.staticUrl,
      placeholder: '/static/',
    },
    target,
  ];
}

/** The answers that `typed` amounts to; what is left empty stays as the facts propose it. */
export function readAnswers(facts: Facts, typed: Readonly<Partial<Record<keyof Answers, string>>>): Answers {
  const proposed = defaultAnswers(facts);
  const dirs = (typed.sourceDirs ?? '').split(',').map((dir) => dir.trim());
  const named = dirs.filter((dir) => dir !== '');
  const url = typed.staticUrl?.trim() || proposed.staticUrl;
  return {
    sourceDirs: named.length > 0 ? named : proposed.sourceDirs,
    staticRoot: typed.staticRoot?.trim() || proposed.staticRoot,
    staticUrl: url.endsWith('/') ? url : `${url}/`,
    targetUrl: typed.targetUrl?.trim() || undefined,
  };
}

/**
 * What stands against the answer to `key`, in the words in which the file would be refused; undefined for a sound one.
 * `answers` are sound up to it; what is not asked yet is as proposed, and may come into conflict with it only for now.
 */
export async function faultOfAnswer(
  key: keyof Answers,
  facts: Facts,
  answers: Answers,
  setting: Setting,
): Promise<string | undefined> {
  const checked = await checkConfig(proposeConfig(facts, '', answers), setting);
  const complaints = checked.kind === 'wrong' ? checked.complaints : [];
  const text = complaints.find((complaint) => complaint.text.startsWith(KEYS[key]))?.text;
  return text ?? (key === 'sourceDirs' ? missingSource(answers.sourceDirs, setting) : undefined);
}

/** The file may name a source that is not there yet, but nothing can be collected then. */
async function missingSource(dirs: readonly string[], setting: Setting): Promise<string | undefined> {
  for (const path of dirs.map((dir) => localPath(dir, setting)))
    if (!(await isFolder(path))) return `cannot collect from ${path}: no such folder; make it, or name another one`;
  return undefined;
}

/**
 * The text of a `pushstatic.yaml`. `id` is fresh randomness, 8 hexadecimal digits: it makes `site` unlike that of every
 * other project, for two of them may well lie in folders of one name.
 */
export function proposeConfig(facts: Facts, id: string, answers: Answers = defaultAnswers(facts)): string {
  return [
    '# How pushstatic collects and publishes the static files of this project.',
    '# Unknown keys are errors. "pushstatic config" shows what is in effect, with all defaults.',
    '',
    '# Who this project is on its servers. Keep it: a target of another site is refused.',
    `site: ${yamlText(`${facts.folderName}-${id}`)}`,
    '',
    ...(facts.hasManagePy ? ASK_PROJECT : byHand(answers)),
    '',
    ...targetLines(facts, answers.targetUrl),
    '',
  ].join('\n');
}

function byHand({ sourceDirs, staticRoot, staticUrl }: Answers): string[] {
  return [
    'source:',
    '  # The first folder that has a file wins.',
    '  dirs:',
    ...sourceDirs.map((dir) => `    - ${yamlText(dir)}`),
    "  ignore: [CVS, '.*', '*~'] # what collectstatic ignores",
    '',
    'static:',
    `  root: ${yamlText(staticRoot)} # STATIC_ROOT`,
    `  url: ${yamlText(staticUrl)} # STATIC_URL`,
    '  storage: plain # manifest for hashed names as well; none, if another tool fills root',
  ];
}

function targetLines({ hosts }: Facts, url: string | undefined): string[] {
  if (url !== undefined) {
    return [
      'targets:',
      `  ${TARGET_NAME}:`,
      `    url: ${yamlText(url)}`,
      '    # passwordEnv: STATIC_PASSWORD # the name of a variable; without it: agent, ssh_config, the usual key files',
      '    delete: { enabled: true, max: 50% } # a run that would remove more is refused',
    ];
  }
  const known = hosts.length > 0 ? [`# Hosts in your ssh_config: ${hosts.map(oneLine).join(', ')}`] : [];
  return [
    '# Where the files are published. Until a target is named here, "pushstatic collect" works, and "sync" says that there is none.',
    ...known,
    '# targets:',
    `#   ${TARGET_NAME}:`,
    `#     url: sftp://${oneLine(hosts[0] ?? 'deploy@static.example.com')}/srv/static # or file:///srv/static`,
  ];
}

/** A YAML scalar that reads back as `text`: plain where no letter of it can mean anything else, else quoted as JSON. */
function yamlText(text: string): string {
  const isPlain = /^[A-Za-z][\w./-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s/g, ' ');
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ConfigError(`cannot look into ${folder}: ${reasonOfSystem(error)}`, { cause: error });
  }
}

/** Whether a folder is there as far as can be seen: what cannot be seen is not proposed. */
async function isFolder(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status?.isDirectory() ?? false;
}

/** The names behind `Host` that are no pattern. It is a hint: a file that cannot be read or understood gives none. */
async function sshHosts(file: string): Promise<string[]> {
  const { default: SSHConfig } = await import('ssh-config');
  const hosts: string[] = [];
  try {
    for (const line of SSHConfig.parse(await readFile(file, 'utf8'))) {
      if (!('param' in line) || line.param.toLowerCase() !== 'host') continue;
      const names = typeof line.value === 'string' ? [line.value] : line.value.map(({ val }) => val);
      hosts.push(...names.filter((name) => !/[*?!]/.test(name)));
    }
  } catch {
    return [];
  }
  return [...new Set(hosts)];
}
