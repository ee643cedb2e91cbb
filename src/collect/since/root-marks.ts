/**
 * RootMarks: of the folders that trees begin with, which nothing else has a mark of. Another folder in the place of one is another
 * tree, though it may hold what was there before.
 */
import type { ByteReader, ByteWriter } from '../../core/bytes.js';
import { markOf, seenAt } from '../marks.js';

export type RootMarks = readonly { readonly place: string; readonly mark: number }[];

/** What lies at these absolute places, if anything does. */
export function markRoots(places: readonly string[]): RootMarks {
  return places.map((place) => {
    const { stats, behind } = seenAt(place);
    return { place, mark: markOf('', stats, behind) };
  });
}

/** `roots`, but if nothing lay at `root`, which has been made since, its mark is the one of now. */
export function onceMade(roots: RootMarks, root: string): RootMarks {
  const nothing = markOf('', undefined);
  return roots.flatMap((each) => (each.place === root && each.mark === nothing ? markRoots([root]) : [each]));
}

/** Whether the same folders lie there now. */
export function areSameRoots(before: RootMarks): boolean {
  const now = markRoots(before.map(({ place }) => place));
  return now.every(({ mark }, at) => mark === before[at]?.mark);
}

export function writeRoots(writer: ByteWriter, roots: RootMarks): void {
  writer.number(roots.length);
  for (const { place, mark } of roots) writer.text(place).number(mark);
}

/** Throws an IndexError 'damaged'. */
export function readRoots(reader: ByteReader): RootMarks {
  return Array.from({ length: reader.count(2) }, () => ({ place: reader.text(), mark: reader.number() }));
}
