/**
 * Whatever comes from outside, a parser ends: with a value, or with the one error that is meant for it. 10,000 cases each, made
 * of sound input with faults in it; where a checksum would refuse them, it is put right, as somebody who means harm would.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConfig } from '../src/config/check.js';
import { parseTrigger } from '../src/control/wire.js';
import { checksum } from '../src/core/bytes.js';
import { decodeMemory, encodeMemory } from '../src/core/collected-codec.js';
import { decodeSignature, encodeSignature, SignatureMaker } from '../src/core/delta/signature.js';
import { sortEntries } from '../src/core/entry.js';
import { EntryTable } from '../src/core/entry-table.js';
import {
  decodeHead,
  decodeJournal,
  decodeSnapshot,
  decodeWholeSegments,
  encodeHead,
  encodeSegment,
  encodeSnapshot,
  FIRST_CHECKSUM,
  type Head,
  replay,
} from '../src/core/index-codec.js';
import { describeHolder, holderOf, isMark, nameOfHolder, runFolderOf } from '../src/core/lease.js';
import { isManifest, Manifest, patchManifest } from '../src/core/manifest/staticfiles-json.js';
import { faultOf, parseRelPath, type RelPath, STAGE } from '../src/core/relpath.js';
import { decodeWarm, encodeWarm } from '../src/core/warm-codec.js';
import { readAnswer } from '../src/django/answer.js';
import { resolveHere } from '../src/targets/ssh/config.js';
import { checkHostKey, keyTypesFor, parseKnownHosts } from '../src/targets/ssh/known-hosts.js';
import { decodeCache, encodeCache } from './support/digest-cache.js';
import { entry, path } from './support/entries.js';
import { mutations } from './support/mutations.js';

const CASES = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

const ENTRIES = sortEntries(['a.css', 'app/é.js', 'app/img/logo.png', 'z'].map((name) => entry(name)));
const SNAPSHOT = encodeSnapshot(EntryTable.of(ENTRIES));
const BEGUN = encodeSegment(
  { kind: 'begin', paths: new Map(ENTRIES.map((each) => [each.path, each])) },
  FIRST_CHECKSUM,
);
const DONE = encodeSegment({ kind: 'commit', paths: new Map([[path('z'), undefined]]) }, BEGUN.checksum);
const HEAD: Head = {
  site: 'shop:var/static',
  generation: 7,
  committedAt: 1_700_000_000_000,
  files: 4,
  bytes: 10,
  pending: 0,
  snapshot: { name: path('snapshot-6-abc'), bytes: SNAPSHOT.length, checksum: 'a'.repeat(64) },
  journal: { name: path('journal-6-abc'), bytes: 0, checksum: FIRST_CHECKSUM },
};
const HOLDER = nameOfHolder({ run: 'mf3k-0a1b2c3d', host: 'build.example.com', machine: '0123abcd', pid: 4242 });

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-fuzz-'));
});

afterAll(() => rm(folder, { recursive: true }));

describe('the index', { timeout: TIMEOUT_MS }, () => {
  it('head', () => {
    const head = encodeHead(HEAD);
    always(mutations([head]), 'IndexError', decodeHead);
    always(mutations([head.subarray(0, head.indexOf('\n'))]), 'IndexError', (line) => {
      decodeHead(Buffer.concat([line, Buffer.from(`\n${checksum(line).toString('hex')}\n`)]));
    });
  });

  it('snapshot', () => {
    const look = (bytes: Uint8Array): void => {
      for (const each of decodeSnapshot(bytes)) expect(faultOf(each.path)).toBeUndefined();
    };
    always(mutations([SNAPSHOT]), 'IndexError', look);
    always(mutations([SNAPSHOT.subarray(0, -32)]), 'IndexError', (bytes) => look(sealed(bytes)));
  });

  it('journal', () => {
    const journal = Buffer.concat([BEGUN.bytes, DONE.bytes]);
    const look = (bytes: Uint8Array, last: string): void => {
      const index = replay(HEAD, EntryTable.of(ENTRIES), decodeJournal(bytes, last));
      for (const each of index.entries) expect(faultOf(each.path)).toBeUndefined();
      for (const each of index.pending.keys()) expect(faultOf(each)).toBeUndefined();
    };
    always(mutations([journal]), 'IndexError', (bytes) => look(bytes, DONE.checksum));
    const content = BEGUN.bytes.subarray(lengthBytes(BEGUN.bytes), -32);
    always(mutations([content]), 'IndexError', (bytes) => {
      const sum = checksum(Buffer.from(FIRST_CHECKSUM, 'hex'), bytes);
      look(Buffer.concat([varint(bytes.length), bytes, sum]), sum.toString('hex'));
    });
  });

  it('notes of a stage', () => {
    always(mutations([Buffer.concat([BEGUN.bytes, DONE.bytes])]), 'IndexError', decodeWholeSegments);
  });

  it('signatures', () => {
    const content = Buffer.alloc(9000, 'some text ');
    const maker = new SignatureMaker({ digest: 'a'.repeat(64), size: content.length, salt: Buffer.alloc(16) });
    maker.add(content);
    const signature = encodeSignature(maker.finish());
    always(mutations([signature]), 'IndexError', decodeSignature);
    always(mutations([signature.subarray(0, -32)]), 'IndexError', (bytes) => decodeSignature(sealed(bytes)));
  });
});

describe('the lease', { timeout: TIMEOUT_MS }, () => {
  it('names on the stage', () => {
    always(mutations([HOLDER, 'at-0123456789abcdef01234567', 'left-mf3k.0']), undefined, (bytes) => {
      const name = bytes.toString();
      holderOf(name);
      describeHolder(name);
      isMark(name);
      expect(runFolderOf(`${STAGE}/${name}` as RelPath)).toContain(STAGE);
    });
  });

  it('paths of a listing', () => {
    always(mutations(['app/img/logo.png', '.pushstatic/stage/x/y', 'é/漢/😀']), undefined, (bytes) => {
      const text = bytes.toString();
      const parsed = parseRelPath(text);
      expect(parsed === undefined).toBe(faultOf(text) !== undefined);
      if (parsed === undefined) return;
      expect(parsed.split('/')).not.toContain('..');
      expect(parsed).not.toMatch(/^\/|\0/);
    });
  });
});

describe('a login', { timeout: TIMEOUT_MS }, () => {
  const KEY = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ0sS3kH0S1Xo6v2cQm1m2rJQF0v2m0l1nq3m9k1n0aZ';

  it('known_hosts', () => {
    const sound = [
      `example.com,10.0.0.* ssh-ed25519 ${KEY} comment\n`,
      `@cert-authority *.example.com ssh-ed25519 ${KEY}\n@revoked * ssh-ed25519 ${KEY}\n`,
      `|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 ${KEY}\n`,
      `[example.com]:2222,!no.example.com ssh-rsa ${KEY}\n`,
    ];
    const key = Buffer.from(KEY, 'base64');
    always(mutations(sound), undefined, (bytes) => {
      const lines = parseKnownHosts(bytes.toString(), 'known_hosts');
      checkHostKey(lines, { host: 'www.example.com', port: 2222, key });
      keyTypesFor(lines, 'example.com', 22);
    });
  });

  it('ssh_config, where there is no ssh to ask', () => {
    const sound = [
      'Host *.example.com !no.example.com\n  HostName %h.internal\n  Port 2222\n  User deploy\n  IdentityFile ~/.ssh/%r@%h\n',
      'Host=web\nProxyJump jump:22,other\nIdentityAgent $AGENT\nIdentitiesOnly yes\nUserKnownHostsFile "~/a b" /c\n',
      'Match host web\n  IdentityFile none\nHost *\n  ProxyCommand nc %h %p\n',
    ];
    const [file, env] = ['ssh_config', { HOME: folder }];
    always(mutations(sound), 'ConfigError', (bytes) => {
      resolveHere(bytes.toString(), file, { host: 'web.example.com', file, env });
    });
  });
});

describe('a configuration', { timeout: TIMEOUT_MS }, () => {
  it('pushstatic.yaml', async () => {
    const sound = [
      "source: { dirs: [assets, { path: vendor, prefix: v }], ignore: [CVS, '.*'] }\nstatic: { root: out, storage: manifest }\n" +
        'targets:\n  web:\n    url: sftp://me@example.com:22/srv/static\n    delete: { max: 50% }\n    mode: { file: "0644" }\n' +
        'push: { bandwidth: 10M, concurrency: auto }\nwatch: { settle: 100ms }\nlog: { level: info }\n',
      'static: &a { root: out, storage: none }\ntargets: { a: { url: "file:///srv/a", exclude: ["**/*.map"] }, b: { url: *a } }\n',
      'source:\n  django:\n    manage: manage.py\nhooks:\n  after: |\n    one\n    two\ndaemon: { http: "[::1]:80" }\n',
    ];
    const setting = { file: join(folder, 'pushstatic.yaml'), folder, home: folder };
    await alwaysAsync(mutations(sound), undefined, async (bytes) => {
      const checked = await checkConfig(bytes.toString(), setting);
      if (checked.kind === 'wrong') expect(checked.complaints.length).toBeGreaterThan(0);
    });
  });
});

describe('a manifest', { timeout: TIMEOUT_MS }, () => {
  const table = new Map([
    ['a.css', 'a.0123456789ab.css'],
    ['é"\\.js', 'é"\\.ba9876543210.js'],
  ]);
  const { text, pairs } = Manifest.of(table, '5.2');

  it('of Django', () => {
    always(mutations([text]), undefined, (bytes) => void isManifest(bytes.toString()));
  });

  it('that is to get other names', () => {
    const sound = { text: text.toString('latin1'), pairs: pairs.toString('latin1') };
    const other = new Map([['a.css', 'a.ffffffffffff.css']]);
    always(mutations([text]), undefined, (bytes) => {
      patchManifest({ ...sound, text: bytes.toString('latin1') }, other);
    });
    always(mutations([pairs]), undefined, (bytes) => {
      patchManifest({ ...sound, pairs: bytes.toString('latin1') }, other);
    });
  });
});

describe('what others say', { timeout: TIMEOUT_MS }, () => {
  it('on the control socket', () => {
    const sound = ['{"targets":["web"],"force":true,"checksum":false,"wait":true}', '{}', '[]', '"x"', 'null'];
    always(mutations(sound), 'ControlError', (bytes) => {
      const value = jsonIn(bytes);
      if (value !== undefined) parseTrigger(value);
    });
  });

  it("the project's Python", () => {
    const failure = { phase: 'settings', settings: 'mysite.settings', python: '3.12', lines: ['Traceback', 'x'] };
    always(mutations([JSON.stringify({ failure })]), undefined, (bytes) => void readAnswer(bytes.toString()));
  });
});

describe('what is remembered on this machine', { timeout: TIMEOUT_MS }, () => {
  it('of what was collected', () => {
    const memory = encodeMemory({
      sources: new Map([['/srv/assets', 2]]),
      files: new Map(ENTRIES.map((each) => [each.path, each.digest])),
      made: new Set(['a.css']),
      folders: new Set(['app']),
    });
    always(mutations([memory]), undefined, decodeMemory);
    always(mutations([memory.subarray(0, -32)]), undefined, (bytes) => decodeMemory(sealed(bytes)));
  });

  it('of digests', () => {
    const cached = { digest: 'b'.repeat(64), stamp: '\x01'.repeat(40), mtime: 1, hash: '0123456789ab' };
    const cache = encodeCache(new Map([['a.css', cached]]));
    always(mutations([cache]), undefined, decodeCache);
    always(mutations([cache.subarray(0, -32)]), undefined, (bytes) => decodeCache(sealed(bytes)));
  });

  it('by a daemon', () => {
    const warm = encodeWarm({
      madeFor: 'x',
      entries: EntryTable.of(ENTRIES),
      foreign: [path('f')],
      folders: ['app'],
      links: [{ path: path('l'), leadsTo: '/srv' }],
      marks: { sources: new Map([['/srv', new Float64Array([1, 2])]]), root: new Map() },
      changedSince: [path('z')],
    });
    always(mutations([warm]), undefined, (bytes) => decodeWarm(bytes, 'x'));
    always(mutations([warm.subarray(0, -32)]), undefined, (bytes) => decodeWarm(sealed(bytes), 'x'));
  });
});

/** `parse` returns or throws an error of this name, and takes no memory that its input does not warrant. */
function always(input: fc.Arbitrary<Buffer>, name: string | undefined, parse: (bytes: Buffer) => unknown): void {
  const check = (bytes: Buffer): void => {
    const before = memoryInUse();
    try {
      parse(bytes);
    } catch (error) {
      expectNamed(error, name);
    }
    expect(memoryInUse() - before).toBeLessThan(MOST_BYTES);
  };
  fc.assert(fc.property(input, check), { numRuns: CASES });
}

async function alwaysAsync(
  input: fc.Arbitrary<Buffer>,
  name: string | undefined,
  parse: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  const check = async (bytes: Buffer): Promise<void> => {
    const before = memoryInUse();
    await parse(bytes).catch((error: unknown) => expectNamed(error, name));
    expect(memoryInUse() - before).toBeLessThan(MOST_BYTES);
  };
  await fc.assert(fc.asyncProperty(input, check), { numRuns: CASES });
}

function expectNamed(error: unknown, name: string | undefined): void {
  if (name === undefined) throw error;
  expect(error).toMatchObject({ name });
}

function memoryInUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function sealed(content: Uint8Array): Buffer {
  return Buffer.concat([content, checksum(content)]);
}

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** Of the number in front of a segment. */
function lengthBytes(segment: Uint8Array): number {
  return segment.findIndex((byte) => byte < 0x80) + 1;
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
