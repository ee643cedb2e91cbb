/**
 * `pushstatic init`: looks around, asks what it cannot see, and writes a commented pushstatic.yaml, or what -c names.
 */
import { randomBytes } from 'node:crypto';
import { lstat, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Setting } from '../../config/assemble.js';
import {
  type Answers,
  defaultAnswers,
  type Facts,
  faultOfAnswer,
  lookAround,
  proposeConfig,
  questionsFor,
  readAnswers,
} from '../../config/init.js';
import { CONFIG_NAME, checkProposal, flagOf, settingOf } from '../../config/load.js';
import { ConfigError, EXIT, type ExitStatus, InterruptedError } from '../../errors.js';
import { atomicWrite } from '../../fs/atomic-write.js';
import { isSystemError, reasonOfSystem } from '../../system-error.js';
import type { CommandInput } from '../command-input.js';
import { workingFolder } from '../working-folder.js';

const CTRL_D = '\u0004';

export async function init(
  input: CommandInput,
  options: { readonly yes?: boolean; readonly force?: boolean },
): Promise<ExitStatus> {
  const { output, process } = input;
  const { config: named } = output.flags;
  const file = resolve(workingFolder(process), named ?? CONFIG_NAME);
  const flags = named === undefined ? '' : flagOf(named);
  const place = await placeOf(file);
  if (options.force !== true && place !== undefined) {
    const again = `pushstatic init --force${flags}`;
    throw new ConfigError(`${file} is there already, and was left as it is; to write it anew: ${again}`);
  }
  const setting = settingOf(file, process.env);
  const facts = await lookAround(setting.folder, process.env);
  const answers = options.yes === true ? defaultAnswers(facts) : await ask(facts, setting, input);
  const text = proposeConfig(facts, randomBytes(4).toString('hex'), answers);
  await checkProposal(text, file, { cwd: workingFolder(process), env: process.env });
  await atomicWrite(place ?? file, text).catch((error: unknown) => {
    if (!isSystemError(error)) throw error;
    throw new ConfigError(`cannot write ${file}: ${reasonOfSystem(error)}`, { cause: error });
  });
  output.document({ ok: true, file });
  const next = answers.targetUrl === undefined ? 'name a target in it, then run: ' : 'look through it, then run: ';
  output.print(`wrote ${file}`, `${next}pushstatic sync --dry-run${flags}`);
  return EXIT.done;
}

/** Throws an InterruptedError if the person breaks off. */
async function ask(facts: Facts, setting: Setting, { output, process, signal }: CommandInput): Promise<Answers> {
  const screen = output.flags.json ? process.stderr : process.stdout;
  if (process.stdin.isTTY !== true || screen.isTTY !== true)
    throw new ConfigError('cannot ask questions without a terminal; to take the defaults: pushstatic init --yes');
  if (!output.flags.color) process.env['NO_COLOR'] = '1'; // which the library looks at when it is loaded
  const { intro, isCancel, text, updateSettings } = await import('@clack/prompts');
  updateSettings({ aliases: { [CTRL_D]: 'cancel' } }); // else nobody would hear that there will be no answer
  intro(facts.hasManagePy ? 'A Django project: manage.py is here' : 'pushstatic', { output: screen });
  const typed: Partial<Record<keyof Answers, string>> = {};
  for (const { key, message, initial, placeholder } of questionsFor(facts)) {
    const validate = (value = ''): Promise<string | undefined> =>
      faultOfAnswer(key, facts, readAnswers(facts, { ...typed, [key]: value }), setting);
    const answer = await text({ message, placeholder, initialValue: initial, validate, signal, output: screen });
    if (isCancel(answer)) throw new InterruptedError();
    typed[key] = answer;
  }
  return readAnswers(facts, typed);
}

/** Where the file lies, links followed; undefined where nothing does. Throws a ConfigError where something else lies there. */
async function placeOf(file: string): Promise<string | undefined> {
  const [named, behind] = await Promise.all([lstat(file).catch(noStats), stat(file).catch(noStats)]);
  if (named === undefined) return undefined;
  if (behind === undefined) return file; // a link that leads nowhere
  if (!behind.isFile()) throw new ConfigError(`cannot write ${file}: it is no file; name another one by -c`);
  return realpath(file);
}

/** Whatever cannot be seen is told by who writes there. */
function noStats(): undefined {
  return undefined;
}
