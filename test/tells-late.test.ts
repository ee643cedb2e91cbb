import { expect, it } from 'vitest';
import { isLate, tellsLate } from '../src/fs/tells-late.js';

it('the file system of processes has no such thing to tell, nor has a folder that is not there', () => {
  expect([tellsLate('/proc'), tellsLate('/proc/none')]).toEqual([false, false]);
});

it.each([
  ['NFS', 0x6969, true],
  ['SMB, as a number below zero', -0x00acb2be, true],
  ['FUSE', 0x65735546, true],
  ['tmpfs', 0x01021994, false],
  ['ext4', 0xef53, false],
  ['overlayfs', 0x794c7630, false],
])('%s', (_, type, is) => {
  expect(isLate(type)).toBe(is);
});
