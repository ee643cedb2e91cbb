/**
 * `pushstatic init`: looks around, asks what it cannot see, and writes a commented pushstatic.yaml.
 */
import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Answers,
  defaultAnswers,
  type Facts,
  lookAround,
  proposeConfig,
  questionsFor,
  readAnswers,
} from '../../config/init.js';
import { CONFIG_NAME } from '../../config/load.js';
import { ConfigError, EXIT, type ExitStatus } from '../../errors.js';
import { atomicWrite } from '../../fs/atomic-write.js';
import type { CommandInput } from '../command-input.js';

export async function init(
  { output, process }: CommandInput,
  options: { readonly yes?: boolean; readonly force?: boolean },
): Promise<ExitStatus> {
  const file = join(process.cwd(), CONFIG_NAME);
  if (options.force !== true && (await exists(file))) {
    throw new ConfigError(`${file} is there already, and was left as it is; to write it anew: pushstatic init --force`);
  }
  const facts = await lookAround(process.cwd(), process.env);
  const answers = options.yes === true ? defaultAnswers(facts) : await ask(facts, process.stdout.isTTY === true);
  if (answers === undefined) return EXIT.interrupted;
  await atomicWrite(file, proposeConfig(facts, randomBytes(4).toString('hex'), answers));
  output.document({ ok: true, file });
  const next = answers.targetUrl === undefined ? 'name a target in it, then run: ' : 'look through it, then run: ';
  output.print(`wrote ${file}`, `${next}pushstatic sync --dry-run`);
  return EXIT.done;
}

/** Undefined if the person broke off. */
async function ask(facts: Facts, isTerminal: boolean): Promise<Answers | undefined> {
  if (!isTerminal)
    throw new ConfigError('cannot ask questions without a terminal; to take the defaults: pushstatic init --yes');
  const { intro, isCancel, text } = await import('@clack/prompts');
  intro(facts.hasManagePy ? 'A Django project: manage.py is here' : 'pushstatic');
  const typed: Partial<Record<keyof Answers, string>> = {};
  for (const { key, message, initial, placeholder } of questionsFor(facts)) {
    const answer = await text({ message, placeholder, initialValue: initial });
    if (isCancel(answer)) return undefined;
    typed[key] = answer;
  }
  return readAnswers(facts, typed);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
