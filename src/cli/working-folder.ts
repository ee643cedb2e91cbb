/**
 * requireWorkingFolder: that there is a folder where relative paths begin, and in which a thread can.
 *
 * It may be gone, such as a release that was tidied away. Who names the configuration from the root of the file system gets another.
 */
import { isAbsolute } from 'node:path';
import { ConfigError } from '../errors.js';
import { codeOf } from '../system-error.js';
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
