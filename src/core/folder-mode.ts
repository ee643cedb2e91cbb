/**
 * folderMode: the mode of a folder that hands on its group (setgid). That is not for us to say: whoever made the folder above
 * said so, and a new folder in it has the bit from the system.
 */
const SETGID = 0o2000;

export function handsOnGroup(mode: number): boolean {
  return (mode & SETGID) !== 0;
}

/** What a folder is to get that is to have `mode`, and has `found`. */
export function folderMode(mode: number, found: number): number {
  return mode | (found & SETGID);
}
