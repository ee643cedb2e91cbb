/**
 * supported: refuses what the configuration file may say and the program cannot do yet.
 */
import { ConfigError } from '../errors.js';
import type { Config } from './schema.js';

/** Throws a ConfigError that names every setting of `config` that is not there yet, a line each, and what to use instead. */
export function requireSupported(config: Config): void {
  const lines: string[] = [];
  const { storage } = config.static;
  if (storage === 'django') {
    lines.push(`static.storage: ${storage} is not there yet; use storage: plain, manifest or none`);
  }
  if (config.source.django !== undefined) {
    lines.push('source.django is not there yet; list the folders under source.dirs');
  }
  if (lines.length > 0) throw new ConfigError(lines.map((line) => `${config.file}: ${line}`).join('\n'));
}
