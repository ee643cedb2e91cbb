/**
 * version: that of the package.
 */
import { readFileSync } from 'node:fs';
import { packageFile } from './package-files.js';

export function version(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
