/**
 * TouchedSet: what was touched, in bounded memory, whatever comes.
 *
 * A place stands for all that lies below it. So one below another takes no room, many in one folder become that folder,
 * and many folders become the ones that hold them; none is ever dropped. Nothing folds above the given folders.
 */

const MOST_IN_FOLDER = 64;
const MOST_IN_ALL = 8192; // about a megabyte

/** One component of a path. It is noted if it has a time, and then nothing below it is. */
interface Node {
  readonly parent: Node | undefined;
  readonly name: string;
  below: Map<string, Node> | undefined;
  /** When it was last heard of. */
  time: number | undefined;
  /** How many noted places lie directly in it. */
  noted: number;
  /** One of the given folders. */
  isTop: boolean;
}

export class TouchedSet {
  readonly #root = makeNode(undefined, '');
  #size = 0;

  /** `folders` are absolute. Places outside of them are kept one by one: there should be few. */
  constructor(folders: readonly string[]) {
    for (const folder of folders) this.#nodeOf(folder).isTop = true;
  }

  get size(): number {
    return this.#size;
  }

  /** Notes that `place`, an absolute path with `/`, was heard of at `time`. */
  add(place: string, time: number): void {
    const { node, isCovered } = this.#reach(place);
    if (isCovered) node.time = Math.max(node.time ?? time, time);
    else this.#note(node, time);
    if (this.#size > MOST_IN_ALL) this.#foldAll();
  }

  clear(): void {
    for (const node of notedBelow(this.#root)) this.#forget(node);
  }

  /** Each place with the time at which it, or something it stands for, was last heard of. */
  *[Symbol.iterator](): Generator<readonly [place: string, time: number]> {
    for (const node of notedBelow(this.#root)) yield [pathOf(node), node.time ?? 0];
  }

  /** As far down as the first noted place on the way, which stands for all below it. */
  #reach(place: string): { readonly node: Node; readonly isCovered: boolean } {
    let node = this.#root;
    for (const name of componentsOf(place)) {
      if (node.time !== undefined) break;
      node = childOf(node, name);
    }
    return { node, isCovered: node.time !== undefined };
  }

  #nodeOf(place: string): Node {
    return componentsOf(place).reduce(childOf, this.#root);
  }

  #note(node: Node, time: number): void {
    const inner = [...notedBelow(node)];
    node.time = time; // first, so that the way to it stays
    this.#size++;
    for (const each of inner) this.#forget(each);
    const { parent } = node;
    if (parent === undefined) return;
    parent.noted++;
    if (parent.noted > MOST_IN_FOLDER && mayFold(parent)) this.#fold(parent);
  }

  /** Makes `folder` stand for what is noted below it. */
  #fold(folder: Node): void {
    this.#note(folder, Math.max(...[...notedBelow(folder)].map(({ time = 0 }) => time)));
  }

  /** Goes up level by level, until half of the room is free or only the given folders are left. */
  #foldAll(): void {
    for (let folds = true; folds && this.#size > MOST_IN_ALL / 2; ) folds = this.#foldLevel();
  }

  /** Folds every folder that directly holds noted places. False if there is none. */
  #foldLevel(): boolean {
    const folders = new Set<Node>();
    for (const { parent } of notedBelow(this.#root)) if (parent !== undefined && mayFold(parent)) folders.add(parent);
    for (const folder of folders) if (folder.noted > 0) this.#fold(folder);
    return folders.size > 0;
  }

  /** Takes `node` out, and what of the way to it leads nowhere else. */
  #forget(node: Node): void {
    node.time = undefined;
    this.#size--;
    if (node.parent !== undefined) node.parent.noted--;
    for (let at: Node | undefined = node; at?.parent !== undefined && isIdle(at); at = at.parent) {
      at.parent.below?.delete(at.name);
    }
  }
}

function makeNode(parent: Node | undefined, name: string): Node {
  return { parent, name, below: undefined, time: undefined, noted: 0, isTop: false };
}

function componentsOf(place: string): string[] {
  return place.split('/').slice(1);
}

function childOf(node: Node, name: string): Node {
  const below = (node.below ??= new Map<string, Node>());
  const known = below.get(name);
  if (known !== undefined) return known;
  const made = makeNode(node, name);
  below.set(name, made);
  return made;
}

function isIdle({ time, below, isTop }: Node): boolean {
  return time === undefined && !isTop && (below === undefined || below.size === 0);
}

function mayFold(folder: Node): boolean {
  for (let at: Node | undefined = folder; at !== undefined; at = at.parent) if (at.isTop) return true;
  return false;
}

function* notedBelow(node: Node): Generator<Node> {
  if (node.time !== undefined) yield node;
  else for (const inner of node.below?.values() ?? []) yield* notedBelow(inner);
}

function pathOf(node: Node): string {
  const names: string[] = [];
  for (let at: Node | undefined = node; at !== undefined; at = at.parent) names.push(at.name);
  return names.reverse().join('/');
}
