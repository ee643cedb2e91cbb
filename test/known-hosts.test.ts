import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  checkHostKey,
  fingerprintOf,
  type HostName,
  keyTypesFor,
  parseKnownHosts,
  readKnownHosts,
} from '../src/targets/ssh/known-hosts.js';
import { fingerprintOfFile, makeKey } from './support/openssh-server.js';

const run = promisify(execFile);

let folder: string;
let ed25519: string;
let rsa: string;
let other: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-known-hosts-'));
  ed25519 = await publicKey('ed25519', 'ed25519');
  rsa = await publicKey('rsa', 'rsa');
  other = await publicKey('other', 'ed25519');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** `type base64` of a fresh key. */
async function publicKey(name: string, type: 'ed25519' | 'rsa'): Promise<string> {
  const line = await readFile(`${await makeKey(join(folder, name), type)}.pub`, 'utf8');
  return line.split(' ').slice(0, 2).join(' ');
}

function bytesOf(key: string): Buffer {
  return Buffer.from(key.split(' ')[1] ?? '', 'base64');
}

const SERVER: HostName = { host: 'web1.example.com', port: 22 };

function verdict(text: string, key: string, host: HostName = SERVER) {
  return checkHostKey(parseKnownHosts(text, 'known_hosts'), { ...host, key: bytesOf(key) });
}

describe('a host key', () => {
  test('is trusted when a line has it', () => {
    expect(verdict(`web1.example.com ${ed25519}\n`, ed25519)).toEqual({ kind: 'trusted' });
  });

  test('is unknown when no line is about the host', () => {
    expect(verdict(`web2.example.com ${ed25519}\n`, ed25519)).toEqual({ kind: 'unknown' });
  });

  test('has changed when the lines about the host have only other keys, and says which and where', () => {
    const found = verdict(`# ours\nweb1.example.com ${rsa}\nweb1.example.com ${other}\n`, ed25519);
    expect(found).toMatchObject({
      kind: 'changed',
      known: [
        { keyType: 'ssh-rsa', file: 'known_hosts', line: 2 },
        { keyType: 'ssh-ed25519', file: 'known_hosts', line: 3 },
      ],
    });
  });

  test('is trusted when the host has several keys and it is one of them', () => {
    expect(verdict(`web1.example.com ${rsa}\nweb1.example.com ${ed25519}\n`, ed25519)).toEqual({ kind: 'trusted' });
  });

  test('is revoked even if another line trusts it', () => {
    const text = `web1.example.com ${ed25519}\n@revoked * ${ed25519}\n`;
    expect(verdict(text, ed25519)).toMatchObject({ kind: 'revoked', by: { line: 2 } });
  });

  test('is not touched by the revocation of another key', () => {
    expect(verdict(`web1.example.com ${ed25519}\n@revoked * ${other}\n`, ed25519)).toEqual({ kind: 'trusted' });
  });

  test('cannot be judged when only a certificate authority is known for the host', () => {
    const text = `@cert-authority *.example.com ${other}\n`;
    expect(verdict(text, ed25519)).toMatchObject({ kind: 'certificate-only', by: { line: 1 } });
  });

  test('is not trusted because it is the key of the authority', () => {
    expect(verdict(`@cert-authority *.example.com ${ed25519}\n`, ed25519)).toMatchObject({ kind: 'certificate-only' });
  });
});

describe('the name of a host', () => {
  test.each([
    ['web1.example.com', true],
    ['WEB1.Example.COM', true],
    ['other,web1.example.com', true],
    ['*.example.com', true],
    ['web?.example.com', true],
    ['*', true],
    ['web1.example.com.', false],
    ['web1', false],
    ['?.example.com', false],
    ['*.example.com,!web1.example.com', false],
    ['!web1.example.com', false],
    ['!web2.example.com,*.example.com', true],
    ['[web1.example.com]:22', false],
  ])('%s: is web1.example.com meant? %s', (names, isMeant) => {
    expect(verdict(`${names} ${ed25519}`, ed25519).kind).toBe(isMeant ? 'trusted' : 'unknown');
  });

  test('is looked up with its port when that is not 22', () => {
    const onPort = { host: 'web1.example.com', port: 2222 };
    expect(verdict(`[web1.example.com]:2222 ${ed25519}`, ed25519, onPort).kind).toBe('trusted');
    expect(verdict(`[web1.example.com]:2223 ${ed25519}`, ed25519, onPort).kind).toBe('unknown');
    expect(verdict(`[*.example.com]:2222 ${ed25519}`, ed25519, onPort).kind).toBe('trusted');
  });

  test('without a port gives trust on every port, but no reason for distrust', () => {
    const onPort = { host: 'web1.example.com', port: 2222 };
    expect(verdict(`web1.example.com ${ed25519}`, ed25519, onPort).kind).toBe('trusted');
    expect(verdict(`web1.example.com ${other}`, ed25519, onPort).kind).toBe('unknown');
  });

  test('can be an IPv6 address', () => {
    expect(verdict(`[::1]:2222 ${ed25519}`, ed25519, { host: '::1', port: 2222 }).kind).toBe('trusted');
    expect(verdict(`::1 ${ed25519}`, ed25519, { host: '::1', port: 22 }).kind).toBe('trusted');
  });

  test('with many wildcards is decided quickly', () => {
    const pattern = '*a'.repeat(2000);
    expect(verdict(`${pattern} ${ed25519}`, ed25519, { host: `${'a'.repeat(4000)}b`, port: 22 }).kind).toBe('unknown');
  });
});

describe('a line', () => {
  test.each([
    ['is a comment', '# web1.example.com KEY'],
    ['has no key', 'web1.example.com ssh-ed25519'],
    ['has a key of another type than it says', 'web1.example.com ssh-rsa BASE64'],
    ['has a key that is no base64', 'web1.example.com ssh-ed25519 !!!'],
    ['has a marker nobody knows', '@trusted web1.example.com KEY'],
    ['is hashed in a way nobody knows', '|2|c2FsdA==|aGFzaA== KEY'],
    ['is hashed in part', '|1|c2FsdA== KEY'],
  ])('that %s says nothing', (_, line) => {
    const text = line.replace('KEY', ed25519).replace('BASE64', ed25519.split(' ')[1] ?? '');
    expect(verdict(text, ed25519).kind).toBe('unknown');
  });

  test('may end in a comment, begin with blanks, and end in CR LF', () => {
    expect(verdict(` \tweb1.example.com\t${ed25519} me@home\r\n`, ed25519).kind).toBe('trusted');
  });

  test('of any content whatever is no error', () => {
    fc.assert(fc.property(fc.string(), (text) => parseKnownHosts(text).length >= 0));
    fc.assert(fc.property(fc.string(), (text) => parseKnownHosts(`|1|${text}|${text} ${ed25519}`).length <= 1));
  });
});

describe('against ssh-keygen', () => {
  test('finds what ssh-keygen -H has hashed', async () => {
    const file = join(folder, 'hashed');
    await writeFile(file, `web1.example.com ${ed25519}\n[web1.example.com]:2222 ${rsa}\n`);
    await run('ssh-keygen', ['-H', '-f', file]);
    const lines = await readKnownHosts([file]);
    expect(await readFile(file, 'utf8')).not.toContain('example');
    expect(checkHostKey(lines, { ...SERVER, key: bytesOf(ed25519) }).kind).toBe('trusted');
    expect(checkHostKey(lines, { host: 'web1.example.com', port: 2222, key: bytesOf(rsa) }).kind).toBe('trusted');
    expect(checkHostKey(lines, { host: 'web2.example.com', port: 22, key: bytesOf(ed25519) }).kind).toBe('unknown');
  });

  test('finds the same lines as ssh-keygen -F', async () => {
    const names = [
      'a.example',
      'b.example',
      '[a.example]:2222',
      '*.example',
      'a.*,!a.example',
      '?.example',
      'A.EXAMPLE',
    ];
    const file = join(folder, 'table');
    await writeFile(file, names.map((name) => `${name} ${ed25519}\n`).join(''));
    const lines = await readKnownHosts([file]);
    for (const asked of ['a.example', 'b.example', 'c.example', '[a.example]:2222', 'example']) {
      const { stdout } = await run('ssh-keygen', ['-F', asked, '-f', file]).catch((error: { stdout: string }) => error);
      const theirs = [...stdout.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
      const [host = '', port = '22'] = asked.replaceAll(/[[\]]/g, '').split(':');
      const changed = checkHostKey(lines, { host, port: Number(port), key: bytesOf(other) });
      const ours = changed.kind === 'changed' ? changed.known.map((line) => line.line) : [];
      expect({ asked, lines: ours }).toEqual({ asked, lines: theirs });
    }
  });

  test('prints the fingerprint as ssh-keygen -l does', async () => {
    expect(fingerprintOf(bytesOf(rsa))).toBe(await fingerprintOfFile(join(folder, 'rsa.pub')));
  });
});

describe('the types to ask for', () => {
  test('are those of the host, each once', () => {
    const lines = parseKnownHosts(`web1.example.com ${rsa}\n*.example.com ${rsa}\nweb2.example.com ${ed25519}\n`);
    expect(keyTypesFor(lines, 'web1.example.com', 22)).toEqual(['ssh-rsa']);
  });

  test('leave out revoked keys and authorities', () => {
    const lines = parseKnownHosts(`@revoked * ${rsa}\n@cert-authority * ${rsa}\nweb1.example.com ${ed25519}\n`);
    expect(keyTypesFor(lines, 'web1.example.com', 22)).toEqual(['ssh-ed25519']);
  });

  test('are those without a port where the port has none of its own', () => {
    const lines = parseKnownHosts(`web1.example.com ${rsa}\n`);
    expect(keyTypesFor(lines, 'web1.example.com', 2222)).toEqual(['ssh-rsa']);
  });
});

describe('several files', () => {
  test('count together, and one that is missing counts nothing', async () => {
    const first = join(folder, 'first');
    const second = join(folder, 'second');
    await writeFile(first, `web1.example.com ${rsa}\n`);
    await writeFile(second, `web1.example.com ${ed25519}\n`);
    const lines = await readKnownHosts([first, join(folder, 'missing'), second]);
    expect(checkHostKey(lines, { ...SERVER, key: bytesOf(ed25519) }).kind).toBe('trusted');
    expect(lines.map((line) => line.file)).toEqual([first, second]);
  });

  test('are an error where one cannot be read', async () => {
    await expect(readKnownHosts([folder])).rejects.toThrow(
      `cannot read the known hosts in ${folder}: it is a folder; name a file in it`,
    );
  });
});
