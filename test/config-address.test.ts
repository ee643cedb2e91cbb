import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { controlFault, controlPath, parseAddress } from '../src/config/address.js';

const HOME = '/home/ann';

describe('the URL of a target', () => {
  test.each([
    ['sftp://h/srv/static', { kind: 'sftp', host: 'h', path: '/srv/static' }],
    ['SFTP://h/srv/static', { kind: 'sftp', host: 'h', path: '/srv/static' }],
    [
      'sftp://me@static1.example.com:2222/srv/x',
      { kind: 'sftp', host: 'static1.example.com', port: 2222, user: 'me', path: '/srv/x' },
    ],
    ['sftp://me%40corp@h/www', { kind: 'sftp', host: 'h', user: 'me@corp', path: '/www' }],
    ['sftp://[::1]:22/www', { kind: 'sftp', host: '::1', port: 22, path: '/www' }],
    ['sftp://[fe80::1%25eth0]/www', { kind: 'sftp', host: 'fe80::1%eth0', path: '/www' }],
    ['sftp://h//srv///static/', { kind: 'sftp', host: 'h', path: '/srv/static' }],
    ['sftp://h/~/site/static/', { kind: 'sftp', host: 'h', path: 'site/static' }],
    ['sftp://h/%7E/static', { kind: 'sftp', host: 'h', path: '/~/static' }],
    ['sftp://h/a%20b/%C3%A9/100%25', { kind: 'sftp', host: 'h', path: '/a b/é/100%' }],
    ['sftp://h/a b/é', { kind: 'sftp', host: 'h', path: '/a b/é' }],
    ['sftp://h/...', { kind: 'sftp', host: 'h', path: '/...' }],
    ['file:///srv/static/', { kind: 'file', path: '/srv/static' }],
    ['file://localhost/srv/a%3Fb', { kind: 'file', path: '/srv/a?b' }],
    ['file:///~/static', { kind: 'file', path: '/home/ann/static' }],
  ])('%s is read', (url, address) => {
    expect(parseAddress(url, HOME)).toEqual(address);
  });

  const PASSWORD = 'a password stands in the URL; secrets never stand in the file: use passwordEnv';
  const DOTS = 'the path holds . or ..; write where it really leads';
  const QUERY = 'a target has no query or fragment; write ? as %3F and # as %23';
  const FORMS = 'expected a URL like sftp://user@host/path or file:///path';
  const HOST = 'the host is not a name, an IPv4 address or an IPv6 address in brackets';
  test.each([
    ['', FORMS],
    ['/srv/static', FORMS],
    ['me@h:/srv/static', FORMS],
    ['sftp:/h/srv', FORMS],
    ['s3://bucket/prefix', 's3:// is not there yet; use sftp:// or file://'],
    ['stfp://h/srv', 'unknown scheme "stfp"; did you mean "sftp"?'],
    ['https://h/srv', 'unknown scheme "https"; expected sftp://user@host/path or file:///path'],
    ['sftp://h', 'the root of the server cannot be a target; name a folder, as in sftp://host/srv/static'],
    ['sftp://h/', 'the root of the server cannot be a target; name a folder, as in sftp://host/srv/static'],
    ['sftp://h///', 'the root of the server cannot be a target; name a folder, as in sftp://host/srv/static'],
    ['sftp://h/~', 'the login folder cannot be a target; name a folder, as in sftp://host/srv/static'],
    ['sftp://h/~/', 'the login folder cannot be a target; name a folder, as in sftp://host/srv/static'],
    ['file:///', 'the root of the file system cannot be a target; name a folder, as in file:///srv/static'],
    ['file://', 'the root of the file system cannot be a target; name a folder, as in file:///srv/static'],
    ['file:///~/', 'the home folder cannot be a target; name a folder, as in file:///srv/static'],
    ['file://srv/static', 'a file URL names no host; write three slashes, as in file:///srv/static'],
    ['sftp://me:hunter2@h/srv', PASSWORD],
    ['sftp://me:@h/srv', PASSWORD],
    ['sftp://me:p@ss@h/srv', PASSWORD],
    ['sftp://me:hun/ter2@h/srv', 'the port is not a number from 1 to 65535'],
    ['sftp://me:hun#ter2@h/srv', QUERY],
    ['sftp://h/srv?x=1', QUERY],
    ['file:///srv#x', QUERY],
    ['sftp://h/srv/../etc', DOTS],
    ['sftp://h/srv/%2e%2e/etc', DOTS],
    ['sftp://h/srv/%2E/etc', DOTS],
    ['sftp://h/~/../x', DOTS],
    ['file:///srv/..', DOTS],
    ['sftp://h/srv%2Fetc', 'the path holds a control character or an encoded slash'],
    ['sftp://h/srv%00', 'the path holds a control character or an encoded slash'],
    ['sftp://h/srv\nx', 'the path holds a control character or an encoded slash'],
    ['sftp://h/100%', 'the path holds a % that begins no two hexadecimal digits of UTF-8'],
    ['sftp://h/%ff', 'the path holds a % that begins no two hexadecimal digits of UTF-8'],
    ['sftp:///srv', 'the host is missing; expected sftp://user@host/path or file:///path'],
    ['sftp://@h/srv', 'the user before the @ cannot be read'],
    ['sftp://%zz@h/srv', 'the user before the @ cannot be read'],
    ['sftp://-oProxyCommand=x/srv', HOST],
    ['sftp://h h/srv', HOST],
    ['sftp://[::1/srv', HOST],
    ['sftp://[nonsense]/srv', HOST],
    ['sftp://::1/srv', 'the host is missing; expected sftp://user@host/path or file:///path'],
    ['sftp://h:0/srv', 'the port is not a number from 1 to 65535'],
    ['sftp://h:65536/srv', 'the port is not a number from 1 to 65535'],
    ['sftp://h:/srv', 'the port is not a number from 1 to 65535'],
  ])('%j is refused', (url, reason) => {
    expect(parseAddress(url, HOME)).toEqual({ kind: 'refused', reason });
  });

  const RESERVED =
    '/ /bin /boot /dev /etc /lib /proc /run /sbin /sys /usr /var ' +
    '/root /home /home/deploy /Users /Users/ann /etc/ //etc /%65tc';
  test.each(RESERVED.split(' '))('%s is nobody’s to publish into', (path) => {
    for (const [start, example] of [
      ['sftp://h', 'sftp://host/srv/static'],
      ['file://', 'file:///srv/static'],
    ] as const) {
      expect(parseAddress(`${start}${path}`, '/elsewhere')).toEqual({
        kind: 'refused',
        reason: expect.stringMatching(new RegExp(` cannot be a target; name a folder.* as in ${example}$`)),
      });
    }
  });

  test.each(['/srv/static', '/opt/site', '/var/www', '/home/deploy/static', '/root/static', '/etc/x', '/www', '/mnt'])(
    'what lies in such a folder may be one: %s',
    (path) => {
      expect(parseAddress(`sftp://h${path}`, HOME)).toMatchObject({ path });
      expect(parseAddress(`file://${path}`, HOME)).toMatchObject({ path });
    },
  );

  test('is not the home folder of this machine, wherever that is', () => {
    const reason = 'a home folder cannot be a target; name a folder of its own in it, as in file:///srv/static';
    expect(parseAddress('file:///data/ann', '/data/ann')).toEqual({ kind: 'refused', reason });
    expect(parseAddress('sftp://h/data/ann', '/data/ann')).toMatchObject({ path: '/data/ann' });
  });

  test('whatever it is, never leads to a path that climbs or is empty, and is not repeated with its password', () => {
    const piece = fc.constantFrom(
      'sftp://',
      'file://',
      'h',
      '@',
      ':',
      '/',
      '..',
      '.',
      '%2e',
      '%2F',
      '~',
      '[',
      ']',
      '?',
      'é',
      'SECRET',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const address = parseAddress(pieces.join(''), HOME);
        if (address.kind === 'refused') return !address.reason.includes('SECRET');
        const components = address.path.replace(/^\//, '').split('/');
        return !components.some((component) => ['', '.', '..'].includes(component));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the control area', () => {
  const absolute = { kind: 'sftp', host: 'h', path: '/srv/static' } as const;
  const below = { kind: 'sftp', host: 'h', path: 'static' } as const;

  test.each([
    [absolute, '.pushstatic', '/srv/static/.pushstatic'],
    [absolute, './.pushstatic/', '/srv/static/.pushstatic'],
    [absolute, '../.ctl', '/srv/.ctl'],
    [absolute, '/var/ctl/', '/var/ctl'],
    [absolute, '../static2', '/srv/static2'],
    [below, '.pushstatic', 'static/.pushstatic'],
    [below, '../.ctl', '.ctl'],
    [below, '/var/ctl', '/var/ctl'],
  ])('of %j as %j is at %s', (address, control, place) => {
    expect(controlFault(address, control, HOME)).toBeUndefined();
    expect(controlPath(address, control)).toBe(place);
  });

  const BESIDE = 'expected .pushstatic or a path beside the target like ../.pushstatic-static';
  test.each([
    [absolute, 'ctl', `it lies in the published tree; ${BESIDE}`],
    [absolute, '.pushstatic/x', `it lies in the published tree; ${BESIDE}`],
    [absolute, '/srv/static', `it lies in the published tree; ${BESIDE}`],
    [absolute, '.', `it lies in the published tree; ${BESIDE}`],
    [absolute, '..', `it holds the published tree; ${BESIDE}`],
    [absolute, '/', `it holds the published tree; ${BESIDE}`],
    [absolute, '~/ctl', BESIDE],
    [below, '..', `it holds the published tree; ${BESIDE}`],
    [below, '../../ctl', `it climbs out of the login folder; ${BESIDE}`],
    [below, '/', `it holds the published tree; ${BESIDE}`],
    [below, '/etc', `it is a folder of the system; ${BESIDE}`],
    [absolute, '/root', `it is a home folder; ${BESIDE}`],
    [{ kind: 'file', path: '/srv/static' } as const, '/home/ann', `it is a home folder; ${BESIDE}`],
  ])('of %j is not %j', (address, control, fault) => {
    expect(controlFault(address, control, HOME)).toBe(fault);
  });
});
