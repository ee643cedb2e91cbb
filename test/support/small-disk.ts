/** A disk of this machine that can be filled to the last byte. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { codeOf } from '../../src/system-error.js';

/** Puts a file system of 2 MB in the place of `folder` until the test is over: true if this user may do that. */
export function mountSmallDisk(folder: string): boolean {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
  if (status === 0) onTestFinished(() => void spawnSync('umount', ['--lazy', folder]));
  return status === 0;
}

/** Writes the file `filler` until not one byte more fits. */
export function fillUp(folder: string): void {
  const file = openSync(join(folder, 'filler'), 'w');
  try {
    for (const page = Buffer.alloc(4096); ; ) writeSync(file, page);
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}
