/** badName: why a path cannot exist on a target, where the target says no more than that it cannot. */

const MOST_PATH_BYTES = 4095; // PATH_MAX of Linux, less the NUL that ends it
const MOST_NAME_BYTES = 255; // of nearly all file systems
const SHOWN = 60; // characters at each end

/** The end of a sentence, with what to do. `at` is the whole path there; `mostNameBytes` is what its file system says, if it does. */
export function whyBadName(at: string, mostNameBytes = MOST_NAME_BYTES): string {
  const bytes = Buffer.byteLength(at);
  const longest = Math.max(...at.split('/').map((name) => Buffer.byteLength(name)));
  return `${reason(bytes, longest, mostNameBytes)}; rename the file or its folders, or exclude it from this target`;
}

/** A path for a message: of one that is too long for a line, its two ends. */
export function shortened(at: string): string {
  return at.length <= 4 * SHOWN ? at : `${at.slice(0, SHOWN)}…${at.slice(-SHOWN)}`;
}

function reason(bytes: number, longest: number, most: number): string {
  if (longest > most) return `a name in it has ${longest} bytes, and ${most} are the most on that file system`;
  if (bytes > MOST_PATH_BYTES) return `the whole path has ${bytes} bytes there, and ${MOST_PATH_BYTES} are the most`;
  return `the file system there takes no such name (the path has ${bytes} bytes, the longest name in it ${longest})`;
}
