/** A target in memory whose file system takes `A` and `a` for one name, as well as an accent composed or decomposed. */
import { foldedPath, isWithin, join, nameOf, parentOf, type RelPath } from '../../src/core/relpath.js';
import { MemoryTarget } from '../../src/targets/memory.js';
import type { Basis, Body, FileMeta, Recipe, RemoteFile } from '../../src/targets/target.js';

/** What becomes of `A` that is renamed to `a`: macOS and Windows give it the new spelling, casefold of ext4 lets it be. */
export type Respelling = 'new spelling' | 'old spelling';

export class FoldingTarget extends MemoryTarget {
  readonly #respelling: Respelling;
  /** What lies there, by its folded path. */
  readonly #spelled = new Map<string, RelPath>();

  constructor(respelling: Respelling = 'new spelling') {
    super();
    this.#respelling = respelling;
  }

  override list(folder: RelPath | undefined): AsyncIterable<RemoteFile> {
    return super.list(folder === undefined ? undefined : this.#at(folder));
  }

  override stat(path: RelPath): Promise<RemoteFile | undefined> {
    return super.stat(this.#at(path));
  }

  override read(path: RelPath): AsyncIterable<Uint8Array> {
    return super.read(this.#at(path));
  }

  override write(path: RelPath, body: Body, meta: FileMeta): Promise<number> {
    return super.write(this.#made(path), body, meta);
  }

  override link({ path, meta }: Basis, to: RelPath): Promise<boolean> {
    return super.link({ path: this.#at(path), meta }, this.#made(to));
  }

  override patch({ path, meta }: Basis, to: RelPath, recipe: Recipe, whole: FileMeta): Promise<boolean> {
    return super.patch({ path: this.#at(path), meta }, this.#made(to), recipe, whole);
  }

  override append(path: RelPath, offset: number, bytes: Uint8Array): Promise<void> {
    return super.append(this.#made(path), offset, bytes);
  }

  override async rename(from: RelPath, to: RelPath): Promise<void> {
    const [source, destination] = [this.#at(from), this.#at(to)];
    const isOne = source === destination;
    if (isOne && this.#respelling === 'old spelling') return;
    await super.rename(source, isOne ? this.#below(to) : destination);
    this.#spelled.delete(foldedPath(from));
    if (isOne) this.#spelled.set(foldedPath(to), this.#below(to));
    else this.#made(to);
  }

  override async moveFolder(from: RelPath, to: RelPath): Promise<void> {
    const [source, destination] = [this.#at(from), this.#at(to)];
    await super.moveFolder(source, destination);
    for (const [folded, path] of this.#spelled) {
      if (!isWithin(path, source)) continue;
      this.#spelled.delete(folded);
      const moved = `${destination}${path.slice(source.length)}` as RelPath;
      this.#spelled.set(foldedPath(moved), moved);
    }
  }

  override chmod(path: RelPath, mode: number): Promise<void> {
    return super.chmod(this.#at(path), mode);
  }

  override makeFolder(path: RelPath, mode: number): Promise<void> {
    return super.makeFolder(this.#made(path), mode);
  }

  override makeFolderAmong(path: RelPath, mode: number): Promise<RemoteFile[]> {
    return super.makeFolderAmong(this.#made(path), mode);
  }

  override async remove(path: RelPath): Promise<void> {
    await super.remove(this.#at(path));
    this.#spelled.delete(foldedPath(path));
  }

  override async removeFolder(path: RelPath): Promise<boolean> {
    const isGone = await super.removeFolder(this.#at(path));
    if (isGone) this.#spelled.delete(foldedPath(path));
    return isGone;
  }

  /** The path as what lies there is spelled. */
  #at(path: RelPath): RelPath {
    return this.#spelled.get(foldedPath(path)) ?? this.#below(path);
  }

  #below(path: RelPath): RelPath {
    const parent = parentOf(path);
    return parent === undefined ? path : join(this.#at(parent), nameOf(path) as RelPath);
  }

  #made(path: RelPath): RelPath {
    const at = this.#at(path);
    this.#spelled.set(foldedPath(path), at);
    return at;
  }
}
