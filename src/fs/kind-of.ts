/**
 * kindOf: what lies at a path, in one word: 'file', 'folder', 'other', or '' for nothing that can be looked at; of a link, where it
 * leads. As `kind_of` of `probe.py`.
 */
import { lstatSync, readlinkSync, statSync } from 'node:fs';

export function kindOf(path: string): string {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) return `link to ${readlinkSync(path)}`;
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return '';
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
  } catch {
    return '';
  }
}
