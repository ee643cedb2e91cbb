/**
 * A target in memory: the reference implementation of the contract, for tests of everything above it.
 */
import { CONTROL, isWithin, nameOf, parentOf, type RelPath } from '../core/relpath.js';
import { TargetError } from '../errors.js';
import type { Basis, Body, Capabilities, FileMeta, Piece, Recipe, RemoteFile, Target } from './target.js';

type Node =
  | { readonly kind: 'folder'; mode: number }
  | { readonly kind: 'file'; content: Buffer; mtime: number; mode: number };

export class MemoryTarget implements Target {
  readonly url = 'memory:';
  readonly capabilities: Capabilities = {
    atomicReplace: true,
    storesMtime: true,
    hardlink: true,
    serverCopy: true,
    roundTripMs: 0,
  };
  readonly #nodes = new Map<RelPath, Node>();

  async *list(folder: RelPath | undefined): AsyncIterable<RemoteFile> {
    const wantsControl = folder !== undefined && isWithin(folder, CONTROL);
    for (const [path, node] of [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (folder !== undefined && (path === folder || !isWithin(path, folder))) continue;
      if (wantsControl || !isWithin(path, CONTROL)) yield remoteFile(path, node);
    }
  }

  async stat(path: RelPath): Promise<RemoteFile | undefined> {
    const node = this.#nodes.get(path);
    return node === undefined ? undefined : remoteFile(path, node);
  }

  async rootMode(): Promise<number> {
    return 0o755;
  }

  async *read(path: RelPath): AsyncIterable<Uint8Array> {
    yield this.#file('read', path).content;
  }

  async write(path: RelPath, body: Body, meta: FileMeta): Promise<number> {
    this.#requireParent('write', path);
    const content = body();
    const pieces: Uint8Array[] = [];
    // A piece is only good until the next one is asked for.
    if (content instanceof Uint8Array) pieces.push(content);
    else for await (const piece of content) pieces.push(Buffer.from(piece));
    const whole = Buffer.concat(pieces);
    if (whole.length !== meta.size)
      throw new TargetError('failed', `cannot write ${path}: ${whole.length} bytes instead of ${meta.size}`);
    this.#nodes.set(path, { kind: 'file', content: whole, mtime: meta.mtime, mode: meta.mode });
    return whole.length;
  }

  async link(basis: Basis, to: RelPath): Promise<boolean> {
    const node = this.#basis(basis);
    this.#requireParent('link', to);
    if (node?.mode !== basis.meta.mode) return false;
    this.#nodes.set(to, node); // one file under two names, as on a disk
    return true;
  }

  async patch(basis: Basis, to: RelPath, recipe: Recipe, meta: FileMeta): Promise<boolean> {
    const node = this.#basis(basis);
    if (node === undefined) return false;
    const bytesOf = (piece: Piece): Uint8Array =>
      piece instanceof Uint8Array ? piece : node.content.subarray(piece.offset, piece.offset + piece.length);
    await this.write(to, () => mapped(recipe(), bytesOf), meta);
    return true;
  }

  async append(path: RelPath, offset: number, bytes: Uint8Array): Promise<void> {
    this.#requireParent('write', path);
    const node = this.#nodes.get(path) ?? { kind: 'file', content: Buffer.alloc(0), mtime: 0, mode: 0o600 };
    if (node.kind !== 'file') throw new TargetError('not-a-file', `cannot write ${path}: it is a folder`);
    const grown = Buffer.alloc(Math.max(node.content.length, offset + bytes.length));
    node.content.copy(grown);
    grown.set(bytes, offset);
    this.#nodes.set(path, { ...node, content: grown });
  }

  async rename(from: RelPath, to: RelPath): Promise<void> {
    const node = this.#file('rename', from);
    this.#requireParent('rename', to);
    if (this.#nodes.get(to)?.kind === 'folder')
      throw new TargetError('not-a-file', `cannot replace ${to}: a folder is there`);
    if (this.#nodes.get(to) === node) return; // as on a disk: two names of one file stay
    this.#nodes.delete(from);
    this.#nodes.set(to, node);
  }

  async moveFolder(from: RelPath, to: RelPath): Promise<void> {
    const folder = this.#nodes.get(from);
    if (folder === undefined) throw new TargetError('not-found', `cannot move ${from}: there is no such folder`);
    if (folder.kind !== 'folder') throw new TargetError('not-a-directory', `cannot move ${from}: it is a file`);
    this.#requireParent('move', to);
    if (this.#nodes.has(to)) throw new TargetError('exists', `cannot move a folder to ${to}: something is there`);
    const moving = [...this.#nodes].filter(([path]) => isWithin(path, from));
    for (const [path, node] of moving) {
      this.#nodes.delete(path);
      this.#nodes.set((to + path.slice(from.length)) as RelPath, node);
    }
  }

  async chmod(path: RelPath, mode: number): Promise<void> {
    this.#file('change the mode of', path).mode = mode;
  }

  async makeFolder(path: RelPath, mode: number): Promise<void> {
    this.#requireParent('make', path);
    const node = this.#nodes.get(path);
    if (node?.kind === 'file')
      throw new TargetError('not-a-directory', `cannot make the folder ${path}: a file is there`);
    if (node === undefined) this.#nodes.set(path, { kind: 'folder', mode });
  }

  async makeFolderAmong(path: RelPath, mode: number): Promise<RemoteFile[]> {
    await this.makeFolder(path, mode);
    const beside = [...this.#nodes].filter(([each]) => parentOf(each) === parentOf(path));
    return beside.map(([each, node]) => remoteFile(each, node));
  }

  async remove(path: RelPath): Promise<void> {
    const node = this.#nodes.get(path);
    if (node?.kind === 'folder') throw new TargetError('not-a-file', `cannot remove ${path}: it is a folder`);
    this.#nodes.delete(path);
  }

  async removeFolder(path: RelPath): Promise<boolean> {
    if (this.#nodes.get(path)?.kind === 'file')
      throw new TargetError('failed', `cannot remove the folder ${path}: it is a file`);
    if ([...this.#nodes.keys()].some((other) => other !== path && isWithin(other, path))) return false;
    this.#nodes.delete(path);
    return true;
  }

  async close(): Promise<void> {}

  #basis({ path, meta: { size, mtime } }: Basis): Extract<Node, { kind: 'file' }> | undefined {
    const node = this.#nodes.get(path);
    const isStill = node?.kind === 'file' && node.content.length === size && node.mtime === mtime;
    return isStill ? node : undefined;
  }

  #file(verb: string, path: RelPath): Extract<Node, { kind: 'file' }> {
    const node = this.#nodes.get(path);
    if (node === undefined) throw new TargetError('not-found', `cannot ${verb} ${path}: there is no such file`);
    if (node.kind !== 'file') throw new TargetError('not-a-file', `cannot ${verb} ${path}: it is a folder`);
    return node;
  }

  #requireParent(verb: string, path: RelPath): void {
    const parent = parentOf(path);
    if (parent === undefined) return;
    const node = this.#nodes.get(parent);
    if (node === undefined)
      throw new TargetError('not-found', `cannot ${verb} ${nameOf(path)}: there is no folder ${parent}`);
    if (node.kind !== 'folder')
      throw new TargetError('not-a-directory', `cannot ${verb} ${nameOf(path)}: ${parent} is a file`);
  }
}

async function* mapped<T, U>(items: Iterable<T> | AsyncIterable<T>, map: (item: T) => U): AsyncIterable<U> {
  for await (const item of items) yield map(item);
}

function remoteFile(path: RelPath, node: Node): RemoteFile {
  return node.kind === 'folder'
    ? { path, kind: 'folder', size: 0, mtime: 0, mode: node.mode }
    : { path, kind: 'file', size: node.content.length, mtime: node.mtime, mode: node.mode };
}
