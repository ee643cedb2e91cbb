/**
 * holdsFile: whether there is any file in a folder, as far as its names tell.
 */
import { readdirSync } from 'node:fs';
import type { IgnoreRules } from '../core/fnmatch.js';
import { isSystemError } from '../system-error.js';

/** One that is missing, or cannot be read, holds none. What is ignored does not count. */
export function holdsFile(folder: string, rules: IgnoreRules): boolean {
  const waiting = [''];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const entry of entriesOf(`${folder}/${path}`)) {
      const at = `${path}${entry.name}`;
      if (!entry.isDirectory() && !rules.ignoresFile(at, entry.name)) return true;
      if (entry.isDirectory() && !rules.ignoresFolder(entry.name)) waiting.push(`${at}/`);
    }
  }
  return false;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isSystemError(error)) return [];
    throw error;
  }
}
