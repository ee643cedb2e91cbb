/**
 * An SFTP server inside the process, on loopback: what the `demo` command pushes to, and what tests put faults into.
 * It serves one folder and nothing else, and answers the requests of a channel one after another, in their order.
 * It listens on 127.0.0.1 only and is not meant for other machines.
 */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import ssh2, { type AuthContext, type ParsedKey, type ServerChannel } from 'ssh2';
import { TargetError } from '../errors.js';
import { fingerprintOf } from '../targets/ssh/known-hosts.js';
import { SftpFolder } from './sftp-folder.js';
import { type LinkOrder, names, PacketReader, readRequest, type SftpRequest, status, version } from './sftp-wire.js';

const MAX_HANDLES = 1000; // as OpenSSH has it

/** What offering the extensions costs nothing; a server without them is `{}`. */
const EXTENSIONS = {
  'fsync@openssh.com': '1',
  'hardlink@openssh.com': '1',
  'posix-rename@openssh.com': '1',
  'statvfs@openssh.com': '2',
};

/** Instead of carrying the request out: answer with a status or with names, cut the connection, or never answer. */
export type Intervention =
  | { readonly status: number; readonly message?: string }
  | { readonly names: Parameters<typeof names>[1] }
  | 'drop'
  | 'hang';

export interface SftpServerOptions {
  /** A private key as text, so that a server can come back with the same one. Default: a fresh one. */
  readonly hostKey?: string;
  /** Lets in whoever knows it, too. Default: only the user key. */
  readonly password?: string;
  /** Takes the place of the checks for the user key and the password. */
  readonly authenticate?: (context: AuthContext) => void;
  readonly port?: number;
  readonly extensions?: Readonly<Record<string, string>>;
  readonly maxHandles?: number;
  /** On how many channels of a connection it speaks; it opens more and never says a word there. Default: on all. */
  readonly speakingChannels?: number;
  /** Equal for names that are to be one, such as `A` and `a` on macOS and Windows. Default: each is one of its own. */
  readonly keyOf?: (name: string) => string;
  /** Sees each request before it is carried out, with the path that it, or its handle, is about. */
  readonly intercept?: (request: SftpRequest, path: string | undefined) => Intervention | undefined;
}

export interface RunningSftpServer {
  readonly port: number;
  /** The public host key, as a line of known_hosts has it: type and base64. */
  readonly hostKey: string;
  /** 'SHA256:…' */
  readonly hostKeyFingerprint: string;
  /** The private key that lets a user in, in OpenSSH's format. Any user name will do. */
  readonly userKey: string;
  /** Cuts every connection, as a network that fails; the server goes on listening. */
  dropAll(): void;
  stop(): Promise<void>;
}

/** Serves `folder` until `stop` is called. */
export async function serveSftp(folder: string, options: SftpServerOptions = {}): Promise<RunningSftpServer> {
  const root = await realpath(folder);
  const hostKey = options.hostKey ?? freshKeys().private;
  const user = freshKeys();
  const authenticate = options.authenticate ?? authenticator(parseKey(user.public), options.password);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    speak(socket, { root, hostKey, authenticate, options });
  });
  const dropAll = () => sockets.forEach((socket) => socket.destroy());
  return {
    port: await listen(server, options.port ?? 0),
    hostKey: publicLine(hostKey),
    hostKeyFingerprint: fingerprintOf(parseKey(hostKey).getPublicSSH()),
    userKey: user.private,
    dropAll,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      dropAll();
      await closed;
    },
  };
}

interface Service {
  readonly root: string;
  readonly hostKey: string;
  readonly authenticate: (context: AuthContext) => void;
  readonly options: SftpServerOptions;
}

/** One connection. A server object of its own gives each of them a socket that can be cut. */
function speak(socket: Socket, service: Service): void {
  // Compressed, the library's server throws what nobody catches when a channel is closed after its connection.
  const algorithms = { compress: ['none' as const] };
  const ssh = new ssh2.Server({ hostKeys: [service.hostKey], algorithms }, (connection, info) => {
    const order: LinkOrder = info.header.versions.software.startsWith('OpenSSH') ? 'target-first' : 'link-first';
    let channels = 0;
    connection.on('authentication', service.authenticate);
    connection.on('error', () => socket.destroy()); // the client broke off, or speaks nonsense
    connection.on('session', (accept) => {
      // Under this event the library hands out the bare channel. Its own SFTP server cannot announce extensions.
      accept().on('subsystem', (take, refuse, { name }) => {
        if (name !== 'sftp') return refuse();
        const channel = take();
        if (channels++ >= (service.options.speakingChannels ?? Number.POSITIVE_INFINITY)) return channel.resume();
        serveChannel(channel, socket, order, service).catch(() => socket.destroy()); // not an SFTP client
      });
    });
  });
  ssh.injectSocket(socket);
}

async function serveChannel(channel: ServerChannel, socket: Socket, order: LinkOrder, service: Service): Promise<void> {
  const { root, options } = service;
  const folder = new SftpFolder(root, options.maxHandles ?? MAX_HANDLES, options.keyOf);
  async function* answers(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const reader = new PacketReader();
    for await (const chunk of chunks) {
      for (const packet of reader.push(chunk)) {
        const request = readRequest(packet, order);
        const answer = request === 'INIT' ? version(options.extensions ?? EXTENSIONS) : await answerTo(request);
        if (answer !== undefined) yield answer;
      }
    }
  }
  async function answerTo(request: SftpRequest): Promise<Buffer | undefined> {
    const intervention = options.intercept?.(request, folder.pathOf(request));
    if (intervention === undefined) return folder.answer(request);
    if (intervention === 'drop') socket.destroy();
    if (typeof intervention === 'string') return undefined;
    if ('names' in intervention) return names(request.id, intervention.names);
    return status(request.id, intervention.status, intervention.message ?? '');
  }
  try {
    await pipeline(channel, answers, channel);
  } finally {
    await folder.close();
  }
}

function authenticator(userKey: ParsedKey, password: string | undefined): (context: AuthContext) => void {
  return (context) => {
    if (context.method === 'publickey' && mayEnter(context, userKey)) return context.accept();
    if (context.method === 'password' && context.password === password) return context.accept();
    context.reject(password === undefined ? ['publickey'] : ['publickey', 'password']);
  };
}

/** Without a signature the client only asks whether the key would do. */
function mayEnter(context: Extract<AuthContext, { method: 'publickey' }>, userKey: ParsedKey): boolean {
  const known = userKey.getPublicSSH();
  const { key, blob, signature, hashAlgo } = context;
  if (key.data.length !== known.length || !timingSafeEqual(key.data, known)) return false;
  if (signature === undefined || blob === undefined) return true;
  const verdict: unknown = userKey.verify(blob, signature, hashAlgo); // an Error, not false, for nonsense
  return verdict === true;
}

/** About one key in two hundred that the library makes it cannot read again (ssh2 1.17). */
function freshKeys(): { readonly private: string; readonly public: string } {
  for (;;) {
    const keys = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(keys.private) instanceof Error)) return keys;
  }
}

function parseKey(text: string): ParsedKey {
  const parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error) throw new TargetError('failed', `cannot read the server's key: ${parsed.message}`);
  return parsed;
}

function publicLine(privateKey: string): string {
  const key = parseKey(privateKey);
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TargetError('failed', 'cannot listen on 127.0.0.1');
  return address.port;
}
