/**
 * The SFTP server of `src/demo` for tests: a folder of its own, faults on demand, and a record of what was asked.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthContext } from 'ssh2';
import { type Intervention, type SftpServerOptions, serveSftp } from '../../src/demo/sftp-server.js';
import { OPEN_FLAG, type RequestKind, type SftpRequest, STATUS } from '../../src/demo/sftp-wire.js';

/** One request as a fault sees it. `count` is 1 for the first of its kind. */
interface FaultRequest {
  readonly kind: RequestKind;
  /** As the client gave it; for a request on a handle, the path that was opened. */
  readonly path?: string;
  readonly count: number;
}

export interface TestServerOptions extends Omit<SftpServerOptions, 'intercept'> {
  readonly fault?: (request: FaultRequest) => Intervention | undefined;
  /** Refuses to open files exclusively, as some servers do. */
  readonly denyExclusive?: boolean;
}

export interface SftpServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** The folder that is `/` to a client. */
  readonly folder: string;
  /** A file with the private key that lets the user in. */
  readonly identityFile: string;
  readonly knownHosts: string;
  /** 'SHA256:…' of the host key. */
  readonly fingerprint: string;
  /** How often each kind of request came. */
  readonly requests: Map<RequestKind, number>;
  /** The paths of all OPENs, in their order, and of all READs. */
  readonly opened: string[];
  readonly read: string[];
  url(path: string): string;
  /** Cuts every connection and goes on listening. */
  dropAll(): void;
  stop(): Promise<void>;
}

export async function startSftpServer(options: TestServerOptions = {}): Promise<SftpServer> {
  const { fault, denyExclusive, ...rest } = options;
  const base = await mkdtemp(join(tmpdir(), 'pushstatic-sftp-'));
  const folder = await mkdtemp(join(tmpdir(), 'pushstatic-root-'));
  const record = { requests: new Map<RequestKind, number>(), opened: [] as string[], read: [] as string[] };
  const intercept = (request: SftpRequest, path: string | undefined): Intervention | undefined => {
    const count = (record.requests.get(request.kind) ?? 0) + 1;
    record.requests.set(request.kind, count);
    if (request.kind === 'OPEN') record.opened.push(request.path);
    if (request.kind === 'READ') record.read.push(path ?? '');
    if (denyExclusive === true && isExclusive(request)) return { status: STATUS.failure };
    return fault?.({ kind: request.kind, count, ...(path === undefined ? {} : { path }) });
  };
  const server = await serveSftp(folder, { ...rest, intercept });
  const identityFile = join(base, 'id_ed25519');
  const knownHosts = join(base, 'known_hosts');
  await writeFile(identityFile, server.userKey, { mode: 0o600 });
  await writeFile(knownHosts, `[127.0.0.1]:${server.port} ${server.hostKey}\n`);
  return {
    host: '127.0.0.1',
    port: server.port,
    user: 'deploy',
    folder,
    identityFile,
    knownHosts,
    fingerprint: server.hostKeyFingerprint,
    ...record,
    url: (path) => `sftp://deploy@127.0.0.1:${server.port}/${path.replace(/^\//, '')}`,
    dropAll: () => server.dropAll(),
    stop: async () => {
      await server.stop();
      await rm(base, { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Counts every try to log in by its method, and lets `decide` answer it. */
export function countLogins(decide: (context: AuthContext) => void): {
  readonly tries: string[];
  readonly authenticate: (context: AuthContext) => void;
} {
  const tries: string[] = [];
  return {
    tries,
    authenticate: (context) => {
      tries.push(context.method);
      decide(context);
    },
  };
}

function isExclusive(request: SftpRequest): boolean {
  return request.kind === 'OPEN' && (request.flags & OPEN_FLAG.exclusive) !== 0;
}
