/**
 * Makes a fresh clone ready, so that `npm test`, `npm run demo` and the like work as the first command ever typed.
 * With the argument `test` also what the tests need from the system: OpenSSH's server, rsync, systemd's tools, a browser.
 * With `bench` what is measured beside pushstatic as well, where it can be had.
 * Plain JavaScript on Node alone, because nothing is installed or built when it runs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SYSTEM = [
  { program: 'sshd', places: ['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/local/sbin/sshd'], package: 'openssh-server' },
  { program: 'ssh-keygen', places: ['/usr/bin/ssh-keygen', '/usr/local/bin/ssh-keygen'], package: 'openssh-client' },
  {
    program: 'chromium',
    places: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
    package: 'chromium',
  },
  { program: 'rsync', places: ['/usr/bin/rsync', '/usr/local/bin/rsync'], package: 'rsync' },
  { program: 'perl', places: ['/usr/bin/perl', '/usr/local/bin/perl'], package: 'perl-base' },
  { program: 'systemd-analyze', places: ['/usr/bin/systemd-analyze'], package: 'systemd' },
  { program: 'systemd-notify', places: ['/usr/bin/systemd-notify'], package: 'systemd' },
];
const COMPARED = [{ program: 'lsyncd', places: ['/usr/bin/lsyncd', '/usr/local/bin/lsyncd'], package: 'lsyncd' }];

const purpose = process.argv[2];
installPackages();
build();
if (purpose === 'test' || purpose === 'bench') installSystemPrograms();
if (purpose === 'bench') tryToInstall(missingOf(COMPARED));

function installPackages() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (isNewer(installed, [join(root, 'package-lock.json')])) return;
  say('installing packages');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}

function build() {
  const built = join(root, 'dist', 'cli', 'main.js');
  if (isNewer(built, sources(join(root, 'src')))) return;
  say('building');
  run('npm', ['run', '--silent', 'build']);
}

function installSystemPrograms() {
  const missing = missingOf(SYSTEM);
  if (missing.length === 0) return;
  const packages = packagesOf(missing);
  if (!mayInstall()) {
    console.error(
      `The tests need ${missing.map((each) => each.program).join(', ')}: sudo apt-get install ${packages.join(' ')}`,
    );
    process.exit(1);
  }
  install(packages);
}

/** The bench says what is not there. */
function tryToInstall(missing) {
  if (missing.length === 0 || !mayInstall()) return;
  try {
    install(packagesOf(missing));
  } catch {
    say(`cannot install ${packagesOf(missing).join(', ')}; goes on without`);
  }
}

function missingOf(programs) {
  return programs.filter(({ places }) => !places.some((place) => existsSync(place)));
}

function packagesOf(programs) {
  return [...new Set(programs.map((each) => each.package))];
}

function mayInstall() {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

function install(packages) {
  say(`installing ${packages.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], env);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], env);
}

function isNewer(file, than) {
  if (!existsSync(file)) return false;
  const time = statSync(file).mtimeMs;
  return than.every((other) => statSync(other).mtimeMs <= time);
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function say(what) {
  console.error(`pushstatic: ${what}`);
}

function run(command, args, env = process.env) {
  execFileSync(command, args, { cwd: root, env, stdio: ['ignore', process.stderr, process.stderr] });
}
