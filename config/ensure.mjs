/**
 * Makes a fresh clone ready, so that `npm test`, `npm run demo` and the like work as the first command ever typed.
 * With the argument `test` also what the tests need from the system: OpenSSH's server, rsync, systemd's tools, a browser,
 * and real Django in the versions of django-versions.json, unpacked into node_modules, to compare with.
 * With `bench` what is measured beside pushstatic as well, where it can be had.
 * Plain JavaScript on Node alone, because nothing is installed or built when it runs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
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
  { program: 'zsh', places: ['/usr/bin/zsh', '/bin/zsh'], package: 'zsh' },
  { program: 'fish', places: ['/usr/bin/fish', '/usr/local/bin/fish'], package: 'fish' },
  { program: 'systemd-analyze', places: ['/usr/bin/systemd-analyze'], package: 'systemd' },
  { program: 'systemd-notify', places: ['/usr/bin/systemd-notify'], package: 'systemd' },
];
// Of use to root alone, who may mount what it makes.
const FOR_ROOT = [
  { program: 'mkfs.btrfs', places: ['/usr/sbin/mkfs.btrfs', '/sbin/mkfs.btrfs'], package: 'btrfs-progs' },
  { program: 'nft', places: ['/usr/sbin/nft', '/sbin/nft'], package: 'nftables' },
];
const COMPARED = [{ program: 'lsyncd', places: ['/usr/bin/lsyncd', '/usr/local/bin/lsyncd'], package: 'lsyncd' }];

const PYTHON = [
  { program: 'python3', package: 'python3' },
  { program: 'pip', package: 'python3-pip' },
];
// Of a version that is not meant for this Python, the parts that collect run on it nevertheless, from 3.11 on.
const PIP_OPTIONS = ['--quiet', '--no-deps', '--only-binary=:all:', '--ignore-requires-python', '--no-user'];
const PIP_ENV = { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1', PIP_ROOT_USER_ACTION: 'ignore' };
const OLDEST_PYTHON = [3, 11];
const DJANGO = JSON.parse(readFileSync(new URL('django-versions.json', import.meta.url), 'utf8'));

const purpose = process.argv[2];
installPackages();
build();
if (purpose === 'test' || purpose === 'bench') {
  installSystemPrograms();
  installDjango();
}
if (purpose === 'test') tryToInstall(missingOf(FOR_ROOT));
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
  if (missing.length > 0) installOrStop(missing);
}

function installOrStop(programs) {
  const packages = packagesOf(programs);
  if (mayInstall()) return install(packages);
  stop(`The tests need ${programs.map((each) => each.program).join(', ')}: sudo apt-get install ${packages.join(' ')}`);
}

/**
 * Each package in a folder of its own, named by its version, which is there only when it is whole. The required versions
 * of Django must be there; without the others the tests that compare with them are skipped, and say so.
 */
function installDjango() {
  const required = new Set(DJANGO.required.map((version) => DJANGO.django[version]));
  const packages = [
    ...Object.entries(DJANGO.libraries).map(([name, version]) => ({ name, version, isRequired: true })),
    ...Object.values(DJANGO.django).map((version) => ({ name: 'django', version, isRequired: required.has(version) })),
  ].filter((each) => !existsSync(folderOf(each)));
  if (whichPython() === undefined) installOrStop(PYTHON);
  if (packages.length === 0) return;
  if (!isNewEnough(whichPython())) stop(`The tests need Python ${OLDEST_PYTHON.join('.')} or newer as python3.`);
  const python = pythonWithPip();
  for (const each of packages) installPython(python, each);
}

function installPython(python, { name, version, isRequired }) {
  const wanted = `${name}==${version}`;
  const folder = folderOf({ name, version });
  if (existsSync(folder)) return; // by another run, in the meantime
  say(`installing ${wanted}`);
  try {
    unpack(python, wanted, folder);
  } catch (error) {
    const what = `cannot install ${wanted} (${error.message})`;
    if (isRequired) stop(`The tests need ${wanted}, to compare with it: ${what}`);
    say(`${what}; goes on without`);
  }
}

/** Into a temporary folder, which gets its name when it is whole: two runs may start at once, and any may be broken off. */
function unpack(python, wanted, folder) {
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(join(dirname(folder), '.unfinished-'));
  try {
    const env = { ...process.env, ...PIP_ENV };
    run(python, ['-m', 'pip', 'install', ...PIP_OPTIONS, '--target', unfinished, wanted], env);
    chmodSync(unfinished, 0o755); // tests run as other users, too
    takeItsName(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function takeItsName(unfinished, folder) {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // the other run was first
  }
}

function folderOf({ name, version }) {
  return join(root, DJANGO.folder, `${name}-${version}`);
}

/** Debian has Python without pip. The pip of any Python will do, because the packages are the same for all. */
function pythonWithPip() {
  const found = () => [whichPython(), '/usr/bin/python3'].find(hasPip);
  if (found() === undefined) installOrStop(PYTHON);
  return found() ?? stop('The tests need pip: python3 -m pip');
}

function hasPip(python) {
  return spawnSync(python, ['-m', 'pip', '--version'], { stdio: 'ignore' }).status === 0;
}

function isNewEnough(python) {
  const test = `import sys; sys.exit(sys.version_info < (${OLDEST_PYTHON.join(', ')}))`;
  return spawnSync(python, ['-c', test], { stdio: 'ignore' }).status === 0;
}

function whichPython() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'python3')).find((place) => existsSync(place));
}

/** Whoever uses them says what is not there. */
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
  const apt = (...words) => run('flock', ['/var/lib/apt', 'apt-get', '-qq', ...words], env); // two runs may start at once
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
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

function stop(why) {
  console.error(why);
  process.exit(1);
}

function say(what) {
  console.error(`pushstatic: ${what}`);
}

function run(command, args, env = process.env) {
  execFileSync(command, args, { cwd: root, env, stdio: ['ignore', process.stderr, process.stderr] });
}
