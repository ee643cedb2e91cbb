/**
 * splitClusters: `sync -nv` becomes `sync -n -v`. The parser splits such a word only where its first flag belongs, and a flag
 * of every command may stand behind one of the command's own.
 */

/** A flag as the parser knows it; `required` for one that takes a value. */
interface Flag {
  readonly short?: string | undefined;
  readonly long?: string | undefined;
  readonly required: boolean;
}

/** A word that has a flag in it which is none of `flags` stays as it is, and so does what stands for a value or behind `--`. */
export function splitClusters(words: readonly string[], flags: readonly Flag[]): string[] {
  const plain = namesOf(flags.filter(({ required }) => !required));
  const valued = namesOf(flags.filter(({ required }) => required));
  const split: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '--') return [...split, ...words.slice(i)];
    const parts = partsOf(word, plain, valued);
    split.push(...parts);
    const takesNext = valued.has(parts.at(-1) ?? '');
    if (takesNext) split.push(...words.slice(++i, i + 1));
  }
  return split;
}

function namesOf(flags: readonly Flag[]): Set<string | undefined> {
  return new Set(flags.flatMap(({ short, long }) => [short, long]));
}

/** The flags in `word`, the value of the last one with it; `word` itself if it is anything else. */
function partsOf(word: string, plain: ReadonlySet<unknown>, valued: ReadonlySet<unknown>): string[] {
  if (!/^-[^-]/.test(word)) return [word];
  const parts: string[] = [];
  for (let i = 1; i < word.length; i++) {
    const flag = `-${word.charAt(i)}`;
    if (valued.has(flag)) return [...parts, `-${word.slice(i)}`];
    if (!plain.has(flag)) return [word];
    parts.push(flag);
  }
  return parts;
}
