import { expect, it } from 'vitest';
import { diff } from '../../src/core/diff.js';
import { exposureOf, guardExposure, isPrivateKey } from '../../src/core/exposure.js';
import { makePlan, type Plan } from '../../src/core/plan.js';
import type { RelPath } from '../../src/core/relpath.js';
import { atOnce } from '../../src/core/work.js';
import { SafetyError } from '../../src/errors.js';
import { entry, index, snapshot } from '../support/entries.js';

const NOTHING = (): boolean => false;

it.each([
  ['.htaccess', 'a hidden file'],
  ['app/.git/config', 'a hidden file'],
  ['.well-known/security.txt', 'a hidden file'],
  ['.env', 'an environment with its secrets'],
  ['deploy/prod.env', 'an environment with its secrets'],
  ['keys/id_ed25519', 'a private key'],
  ['id_rsa.0123456789ab', 'a private key'],
  ['id_ecdsa_sk', 'a private key'],
  ['tls/Server.PEM', 'a private key'],
  ['tls/server.0123456789ab.key', 'a private key'],
  ['mysite/settings.py', 'code of the server'],
  ['mysite/__pycache__/settings.cpython-312.pyc', 'code of the server'],
  ['db.sqlite3', 'a database'],
])('%s is %s', (path, what) => {
  expect(exposureOf(path as RelPath)).toBe(what);
});

it.each([
  'app.css',
  'id_rsa.pub',
  'js/monkey.js',
  'css/x.py.css',
  'a..b/c.png',
  'fonts/id_card.svg',
  'environment',
  'valid_rsa',
  'img/env.png',
])('%s gives away nothing', (path) => {
  expect(exposureOf(path as RelPath)).toBeUndefined();
});

it.each([
  ['-----BEGIN PRIVATE KEY-----\nMIIE', true],
  ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl', true],
  ['-----BEGIN RSA PRIVATE KEY-----\n', true],
  ['-----BEGIN ENCRYPTED PRIVATE KEY-----', true],
  ['PuTTY-User-Key-File-3: ssh-ed25519', true],
  ['-----BEGIN PUBLIC KEY-----\nMIIE', false],
  ['-----BEGIN CERTIFICATE-----\nMIIE', false],
  ['// -----BEGIN PRIVATE KEY-----', false],
  ['-', false],
  ['', false],
  ['Plain text', false],
])('%j is a private key: %s', (text, is) => {
  expect(isPrivateKey(Buffer.from(text))).toBe(is);
});

it('refuses a plan that publishes such files, and names the first of them', () => {
  const plan = planFor(['.env', 'a.css', 'b.py', 'c.pem', 'd/.e', 'f.pyc']);
  expect(() => atOnce(guardExposure(plan, NOTHING))).toThrow(
    new SafetyError(
      'nothing is published, for it would show what is hardly meant for the public: .env (an environment with its secrets), ' +
        'b.py (code of the server), c.pem (a private key) and 2 more; take them out of the sources or name them under exclude ' +
        'of the target, or, if they are meant to be published, under allow',
    ),
  );
});

it('lets through what is allowed, and all that is published already', () => {
  const known = [entry('.env'), entry('old.py')];
  const plan = makePlan(diff(index(...known), snapshot(entry('.env'), entry('b.css'), entry('c.py'))), 'delete');
  expect(() => atOnce(guardExposure(plan, (path) => path === 'c.py'))).not.toThrow();
  expect(() => atOnce(guardExposure(plan, (path) => path === 'C.py'))).toThrow('c.py');
});

function planFor(names: readonly string[]): Plan {
  return makePlan(diff(index(), snapshot(...names.map((name) => entry(name)))), 'delete');
}
