/**
 * packageFile: where a file of this package lies, from the source as from the built program.
 */

/** `path` is relative to the folder of package.json. */
export function packageFile(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}
