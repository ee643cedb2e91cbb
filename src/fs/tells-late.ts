/**
 * tellsLate: whether a file system may say only when a file is flushed that there is no room for it, as those of other machines do.
 */
import { statfsSync } from 'node:fs';
import { orUndefined } from '../system-error.js';

/** By what statfs(2) calls them: NFS, SMB 1 and later, FUSE, 9P, Ceph, AFS. */
const LATE: ReadonlySet<number> = new Set([
  0x6969, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400, 0x5346414f,
]);

/** Of the one that `folder` lies on; no where that cannot be told. */
export function tellsLate(folder: string): boolean {
  const kind = orUndefined(() => statfsSync(folder).type);
  return kind !== undefined && isLate(kind);
}

/** The type may be given as a number below zero. */
export function isLate(type: number): boolean {
  return LATE.has(type >>> 0);
}
