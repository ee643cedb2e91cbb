/**
 * Where relative paths begin. requireWorkingFolder: that there is such a folder, and that a thread can begin there.
 *
 * It may be gone, such as a release that was tidied away. Who names the configuration from the root of the file system gets another.
 */
import { realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { codeOf, orUndefined } from '../system-error.js';
import type { Process } from './command-input.js';

/** `named` is the configuration file that is to be found from there, if one is named. Throws a ConfigError where that cannot be. */
export function requireWorkingFolder(process: Pick<Process, 'cwd' | 'chdir'>, named: string | undefined): void {
  try {
    process.cwd();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    if (named !== undefined && isAbsolute(named)) return process.chdir('/');
    const message = 'the folder that this was started in is gone; change into one that is there';
    throw new ConfigError(message, { cause: error });
  }
}

/**
 * By the name that the shell has for it, if that is it: one that leads through a link, such as /srv/current, is the same from one
 * release to the next, and so is the configuration that is found there.
 */
export function workingFolder(process: Pick<Process, 'cwd' | 'env'>): string {
  const [folder, named = ''] = [process.cwd(), process.env['PWD']];
  const isIt = isAbsolute(named) && resolve(named) === named && orUndefined(() => realpathSync(named)) === folder;
  return isIt ? named : folder;
}
