"""
Run by pushstatic with a Django project's own Python: says, as one line of JSON on file descriptor 3, what collectstatic
would go by in this project. It runs manage.py up to the point where that hands over to Django, writes nothing, asks no
database, and leaves stdout and stderr to the project.

    python probe.py MANAGE SETTINGS      MANAGE is absolute; SETTINGS is '' for what manage.py sets

Its words are those of old Pythons on purpose: to a Django that is too old it can still say so.
"""
import ast
import functools
import hashlib
import importlib.util
import inspect
import io
import json
import linecache
import os
import runpy
import stat
import sys
import sysconfig
import traceback

ANSWER = 3
OLDEST = (4, 2)
MOST_LINES = 8  # of a traceback: the error, and where in the project it comes from
MOST_FRAMES = 2
LONGEST_LINE = 300
MOST_MEMBERS = 20  # one is enough to be judged by
MOST_PLACES = 5000
LONGEST_PATH = 1024
NO_FILES = ("/proc/", "/sys/")
IMPORTERS = ("<frozen importlib", "<frozen zipimport")  # what they look at is known by what they find, and by NothingFound
IMPORTLIB = os.path.dirname(importlib.util.__file__)  # the part of it that is written in Python
LOOK, LOOK_AT_LINK, READ_LINK = os.stat, os.lstat, os.readlink
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")  # each says which program, and then its words
STARTERS = ("subprocess.py", "os.py")  # who start what others ask for
GIT_TELLS = ("HEAD", "logs/HEAD", "packed-refs")  # one of them changes with whatever is committed or checked out
GIT_COMMANDS = ("rev-parse", "rev-list", "log", "show", "symbolic-ref")  # tags, and what is not committed, show elsewhere
GIT_ELSEWHERE = ("--all", "--branches", "--decorate", "--glob", "--remotes", "--tags", "%d", "%D")
PLAIN = (bool, int, str, type(None))
PACKAGES = ("site-packages", "dist-packages")
# What every class has, and what says nothing about how it works.
ORDINARY = frozenset(["__module__", "__doc__", "__qualname__", "__dict__", "__weakref__", "__firstlineno__",
                      "__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__",
                      "__annotations_cache__"])
SAVING = ("save", "_save")
DJANGO = "django."  # what the names of Django's own modules begin with

state = {"phase": "manage", "is_recording": True, "folder": ""}
variables = set()
opened = set()
looked = {}
listed = set()
early = set()  # of these, what the settings looked at, listed or read by themselves
wanted = set()
starters = set()  # the files that started a program whose answer nothing tells of


def main():
    manage, settings = sys.argv[1:3]
    if hasattr(os, "set_inheritable"):
        os.set_inheritable(ANSWER, False)
    record()
    # It is a dry run if something starts that anew.
    take_over(manage, settings, ["--dry-run"], lambda: collect(manage, settings))


def take_over(manage, settings, words, work):
    """Runs manage.py as if it were the program, up to where it hands over to Django; then `work` says what to answer."""
    state["folder"] = os.path.dirname(manage)
    sys.argv = [manage, "collectstatic", "--noinput"] + words
    if sys.path and os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)):
        sys.path[0] = os.path.dirname(os.path.realpath(manage))
    if settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings

    def answer():
        attempt(lambda: finish(work()))

    sys.meta_path.insert(0, HandOver(answer))
    attempt(lambda: runpy.run_path(manage, run_name="__main__"))
    answer()  # it never handed over


def attempt(work):
    try:
        work()
    except BaseException as error:
        state["is_recording"] = False
        finish({"failure": failure_of(error)})


def finish(document):
    """The end of this process, whatever threads and exit handlers the project has."""
    with io.open(ANSWER, "wb") as out:
        out.write(json.dumps(document).encode("ascii") + b"\n")
    os._exit(0)


class HandOver(object):
    """Puts the answer in the place of whatever manage.py is about to run."""

    def __init__(self, answer):
        self.answer = answer

    def find_spec(self, name, path, target=None):
        if name != "django.core.management":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.ManagementUtility.execute = lambda utility: self.answer()

        spec.loader.exec_module = exec_module
        return spec


# ---- what the answer depends on ----


def record():
    """Notes which variables are read, which files, what is there or not, and which modules were looked for where there is none."""
    try:
        os.environ.__class__ = environment_that_tells(type(os.environ))
    except TypeError:
        variables.add("*")
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(hear)
    for name in ("stat", "lstat", "access"):
        tell_of_looks(name)
    sys.meta_path.append(NothingFound())


def environment_that_tells(kind):
    class Environment(kind):
        def __getitem__(self, name):
            variables.add(os.fsdecode(name) if isinstance(name, bytes) else str(name))
            return kind.__getitem__(self, name)

        def __iter__(self):
            variables.add("*")
            return kind.__iter__(self)

    return Environment


class Look(object):
    """
    Whether something is there may decide as much as what it says, and no audit event tells who asked for that. It is no function:
    pathlib of Python 3.10 and before would make a method of that.
    """

    def __init__(self, look):
        self.look = look
        functools.update_wrapper(self, look)

    def __call__(self, *arguments, **named):
        path = arguments[0] if arguments else named.get("path")
        if state["is_recording"] and path is not None and not isinstance(path, int) and named.get("dir_fd") is None:
            note(path)
        return self.look(*arguments, **named)


def tell_of_looks(name):
    look = getattr(os, name)
    heard = Look(look)
    setattr(os, name, heard)
    for able in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
        if look in able:
            able.add(heard)


def note(path):
    try:
        path = os.path.abspath(os.fsdecode(path))
    except TypeError:
        return  # whoever looks hears of it
    if is_plain(path) and not path.startswith(NO_FILES):
        looked[path] = kind_of(path)
        note_early(path)


def note_early(path):
    if state["phase"] != "static":
        early.add(path)


def is_plain(path):
    """Whether it can be told. A key is no path, although some settings ask whether it is one."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return len(path) <= LONGEST_PATH and not any(character < " " for character in path)


def kind_of(path):
    try:
        if stat.S_ISLNK(LOOK_AT_LINK(path).st_mode):
            return "link to " + READ_LINK(path)
        mode = LOOK(path).st_mode
    except OSError:
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def hear(event, arguments):
    if event in STARTS and state["is_recording"]:
        words = arguments[1] if len(arguments) > 1 else ()
        folder, environment = arguments[2:4] if event == "subprocess.Popen" else (None, None)
        hear_start(arguments[0], words, folder, os.environ if environment is None else environment)
    if event in ("os.listdir", "os.scandir") and state["is_recording"]:
        path = arguments[0]
        asker = sys._getframe(1).f_code.co_filename
        if not isinstance(path, int) and not asker.startswith(IMPORTERS) and os.path.basename(asker) != "pkgutil.py":
            path = os.path.abspath(os.fsdecode(path or "."))
            if is_plain(path):
                listed.add(path)
                note_early(path)
    if event != "open" or not state["is_recording"]:
        return
    path, mode, flags = arguments
    if not isinstance(path, (str, bytes)) or (flags or 0) & (os.O_WRONLY | os.O_RDWR):
        return
    path = os.path.abspath(os.fsdecode(path))
    if path.endswith(".pyc"):
        path = source_of(path)
    if path.endswith(".pyc") or path.startswith(NO_FILES) or not is_plain(path):
        return
    if os.path.isfile(path) or not os.path.exists(path):  # devices change without end
        opened.add(path)
        note_early(path)


def source_of(compiled):
    """What it was made of is looked at as well, but not opened."""
    try:
        return importlib.util.source_from_cache(compiled)
    except (ValueError, NotImplementedError):
        return compiled


def hear_start(program, words, folder, environment):
    """What git says of a commit is told by its files. What else a program says may be another thing each time."""
    above = os.path.abspath(os.fsdecode(folder) if isinstance(folder, (str, bytes, os.PathLike)) else ".")
    while asks_for_commit(program, words, environment):
        git = os.path.join(above, ".git")
        if os.path.isdir(git):
            opened.update(os.path.join(git, name) for name in GIT_TELLS)
            early.update(os.path.join(git, name) for name in GIT_TELLS)
            return
        if os.path.lexists(git) or os.path.dirname(above) == above:
            break
        above = os.path.dirname(above)
    frame = sys._getframe(2)
    while frame.f_back is not None and os.path.basename(frame.f_code.co_filename) in STARTERS:
        frame = frame.f_back
    starters.add(os.path.abspath(frame.f_code.co_filename))


def asks_for_commit(program, words, environment):
    """Whether git is asked, of the repository that it is started in, for what one of GIT_TELLS tells."""
    if not isinstance(program, (str, bytes, os.PathLike)) or os.path.basename(os.fsdecode(program)) != "git":
        return False
    words = [os.fsdecode(word) for word in words if isinstance(word, (str, bytes, os.PathLike))]
    is_plain_word = all(word.startswith("-") or word.isdigit() or word == "HEAD" for word in words[2:])
    is_elsewhere = any(part in word for word in words for part in GIT_ELSEWHERE) or "GIT_DIR" in environment
    return len(words) > 1 and words[1] in GIT_COMMANDS and is_plain_word and not is_elsewhere


class NothingFound(object):
    """Asked last, for modules that nobody has: each may come later, where it was looked for."""

    def find_spec(self, name, path, target=None):
        last = name.rpartition(".")[2]
        is_app_config = path is not None and last == "apps"
        if state["is_recording"] or is_app_config:
            importer = sys.argv[0] if is_app_config else file_that_imports(sys._getframe(1))
            for folder in sys.path if path is None else path:
                if isinstance(folder, str) and not folder.endswith(".zip"):  # as Python, it goes by texts alone
                    for candidate in (last + ".py", last):
                        wanted.add((os.path.abspath(os.path.join(folder, candidate)), importer))
        return None


def file_that_imports(frame):
    while frame.f_back is not None and is_importer(frame.f_code.co_filename):
        frame = frame.f_back
    return os.path.abspath(frame.f_code.co_filename)


def is_importer(file):
    return file.startswith("<") or os.path.dirname(file) == IMPORTLIB


class Libraries(object):
    """The folders of installed packages and of Python itself: they change by being installed."""

    def __init__(self):
        paths = sysconfig.get_paths()
        texts = [path for path in sys.path if isinstance(path, str)]
        self.packages = sorted(set(os.path.abspath(path) for path in texts if is_for_packages(path)))
        own = [paths.get("stdlib"), paths.get("platstdlib"), os.path.dirname(os.path.abspath(__file__))]
        folders = [path for path in self.packages + own if path]
        self.prefixes = tuple(set(path + os.sep for folder in folders for path in (folder, os.path.realpath(folder))))

    def hold(self, path):
        return path.startswith(self.prefixes)


def is_for_packages(folder):
    if os.path.basename(folder) in PACKAGES:
        return True
    try:
        return any(name.endswith(".dist-info") for name in os.listdir(folder))
    except OSError:
        return False


def files_behind(manage, settings_module, modules, libraries, trees):
    """What may change the answer when it changes: files, some of which are not there yet."""
    top = settings_module.split(".")[0]
    files = set([manage])
    for name in modules:
        path = file_of(name)
        if path is not None and (name.split(".")[0] == top or not libraries.hold(path)):
            files.add(path)
    # What a library does without does not make a difference to the project.
    missing = set(path for path, importer in wanted if not libraries.hold(importer))
    is_elsewhere = elsewhere(libraries, trees)
    return sorted(files | set(path for path in opened | missing if not is_elsewhere(path)))


def elsewhere(libraries, trees):
    """Whether something else sees to it that a change at a path is noticed. What settings ask of a source is what they go by."""
    folders = tuple(tree + os.sep for tree in trees)
    return lambda path: libraries.hold(path) or (path.startswith(folders) and path.rstrip(os.sep) not in early)


def places_behind(libraries, trees):
    """What was there or not, by path; and what was in folders. What is in the sources themselves is looked at elsewhere."""
    is_elsewhere = elsewhere(libraries, trees)
    above = state["folder"] + os.sep  # what holds the project is there
    looks = sorted((path, kind) for path, kind in looked.items()
                   if not is_elsewhere(path) and not above.startswith(path.rstrip(os.sep) + os.sep))
    folders = sorted(path for path in listed
                     if not is_elsewhere(path + os.sep) and not (path + os.sep).startswith(NO_FILES))
    is_fleeting = any(not libraries.hold(starter) for starter in starters)
    if is_fleeting or len(looks) + len(folders) > MOST_PLACES:
        return [("/", "not to be told by looking")], []  # which is never so: each run asks
    return looks, [(path, names_in(path)) for path in folders]


def names_in(path):
    """A digest; those of compiled files come and go."""
    try:
        names = sorted(os.fsencode(name) for name in os.listdir(path) if name != "__pycache__")
    except OSError:
        return ""
    return hashlib.sha256(b"\0".join(names)).hexdigest()


def file_of(name):
    path = getattr(sys.modules.get(name), "__file__", None)
    return os.path.abspath(path) if isinstance(path, str) and not path.startswith("<") else None


def with_parents(names):
    found = set()
    for name in names:
        parts = name.split(".")
        found.update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return found


def with_imports(names, libraries):
    """And what those that are the project's own take from others when they are loaded: a name of a class may come from there."""
    found, left = set(names), list(names)
    while left:
        name = left.pop()
        path = file_of(name)
        if path is None or libraries.hold(path) or not path.endswith(".py"):
            continue
        fresh = set(each for each in with_parents(imported_by(name, path)) if each in sys.modules) - found
        found.update(fresh)
        left.extend(fresh)
    return found


def imported_by(name, path):
    try:
        with io.open(path, "rb") as source:
            body = ast.parse(source.read()).body
    except (OSError, SyntaxError, ValueError):
        return set()
    package = getattr(sys.modules[name], "__package__", None) or ""
    found, left = set(), list(body)
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[:len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([each for each in above if each] + ([node.module] if node.module else []))
            found.add(module)
            found.update(module + "." + alias.name for alias in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            left.extend(ast.iter_child_nodes(node))
    return found


# ---- what the project says ----


def collect(manage, settings_name):
    state["phase"] = "django"
    import django

    if django.VERSION[:2] < OLDEST:
        return {"failure": {"phase": "old", "django": django.get_version(), "lines": []}}
    state["phase"] = "settings"
    if settings_name:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings_name
    from django.conf import settings

    settings.INSTALLED_APPS
    modules = set(sys.modules)
    # Models and whatever else the apps load are no settings: they change all the time and decide nothing here.
    state.update(phase="apps", is_recording=False)
    django.setup()
    state.update(phase="static", is_recording=True)
    from django.apps import apps

    finders, strange = finders_of()
    storage, classes, trouble = storage_of()
    modules.update(name for each in apps.get_app_configs() for name in (type(each).__module__, each.module.__name__))
    modules.update(classes, (each["class"].rpartition(".")[0] for each in finders))
    trees = [entry["path"] for each in finders for entry in each["dirs"]]
    root = text_or_none(settings.STATIC_ROOT)
    command, patterns, checks = command_of(apps), ignored(apps), failed_checks()
    state["is_recording"] = False
    libraries = Libraries()
    modules = with_imports(with_parents(modules), libraries)
    settings_module = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    answer = {
        "django": django.get_version(),
        "python": sys.version.split()[0],
        "settings": settings_module,
        "command": command,
        "ignore": patterns,
        "root": None if root is None else os.path.abspath(root),
        "url": str(settings.STATIC_URL or ""),
        "permissions": modes_of(settings, "FILE_UPLOAD_PERMISSIONS", "FILE_UPLOAD_DIRECTORY_PERMISSIONS"),
        "finders": finders,
        "patched": strange,
        "storage": storage,
        "trouble": trouble,
        "checks": checks,
        "files": files_behind(manage, settings_module, modules, libraries, trees + ([root] if root else [])) +
                 [os.path.abspath(django.__file__)] + ([sys.executable] if sys.executable else []),
        "folders": libraries.packages,
        "variables": sorted(variables),
    }
    answer["looked"], answer["listed"] = places_behind(libraries, trees + ([root] if root else []))
    return answer


def text_or_none(value):
    return os.fspath(value) if value else None


def dotted(kind):
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def command_of(apps):
    """The app whose collectstatic it is; None where there is no such command."""
    from django.core.management import get_commands

    for each in apps.get_app_configs():  # it may get one
        wanted.add((os.path.join(each.path, "management", "commands", "collectstatic.py"), sys.argv[0]))
    owner = get_commands().get("collectstatic")
    return owner if owner is None or isinstance(owner, str) else dotted(type(owner))


def ignored(apps):
    try:
        return [str(pattern) for pattern in apps.get_app_config("staticfiles").ignore_patterns]
    except LookupError:
        return None


def failed_checks():
    from django.core import checks

    found = checks.run_checks(tags=[checks.Tags.staticfiles])
    return [str(each) for each in found if each.level >= checks.ERROR and not each.is_silenced()]


def finders_of():
    from django.contrib.staticfiles.finders import get_finders

    finders = list(get_finders())
    return [finder_of(finder) for finder in finders], patched(finders)


def finder_of(finder):
    return {
        "class": dotted(type(finder)),
        "dirs": dirs_of(finder),
        "storageWithoutFolder": storage_without_folder(finder),
    }


def dirs_of(finder):
    try:
        return folders_of(finder)
    except Exception:
        if type(finder).__module__.startswith(DJANGO):
            raise
        return []  # what it calls by these names is something else


def folders_of(finder):
    if hasattr(finder, "locations"):
        # An empty name is no folder to Django, although its storage would take it for the one that it runs in.
        return [dir_of(finder.storages[root], True) for _, root in finder.locations if root != ""]
    if hasattr(finder, "source_dir"):
        from django.apps import apps

        # Also where there is none: it may be made later.
        found = [finder.storage_class(os.path.join(each.path, finder.source_dir)) for each in apps.get_app_configs()]
        return [dir_of(storage, True) for storage in found]
    storage = getattr(finder, "storage", None)
    location = quietly(storage, "location")
    has_place = isinstance(location, (str, os.PathLike)) and os.path.isabs(location)
    is_folder = keeps_folder(storage) or (has_place and not type(finder).__module__.startswith(DJANGO))
    return [dir_of(storage, False)] if is_folder else []


def storage_without_folder(finder):
    """The class of the storage that it reads, if that is not a folder of this machine: its location then means nothing."""
    storage = None if hasattr(finder, "locations") or hasattr(finder, "source_dir") else quietly(finder, "storage")
    return dotted(type(unwrapped(storage))) if storage is not None and keeps_folder(storage) is False else None


def keeps_folder(storage):
    """None where it cannot be made, which whoever uses it will tell."""
    from django.core.files.storage import FileSystemStorage

    try:
        return isinstance(unwrapped(storage), FileSystemStorage)
    except Exception:
        return None


def dir_of(storage, is_optional):
    return {
        "path": os.path.abspath(storage.location),
        "prefix": str(getattr(storage, "prefix", None) or ""),
        "isOptional": is_optional,
        "storage": dotted(type(unwrapped(storage))),
    }


def storage_of():
    """What it is, the modules of its classes, and why it cannot be made."""
    from django.contrib.staticfiles import storage as module

    # The manifest of the last run says nothing about this one, and needs a STATIC_ROOT to be there.
    module.ManifestFilesMixin.read_manifest, read = (lambda self: None), module.ManifestFilesMixin.read_manifest
    try:
        storage = unwrapped(module.staticfiles_storage)
    except Exception as error:
        return None, [], last_line(error)
    finally:
        module.ManifestFilesMixin.read_manifest = read
    kind = type(storage)
    elsewhere = getattr(storage, "manifest_storage", None)
    described, own = describe(storage), own_members(kind)
    described.update({
        "mro": [dotted(each) for each in kind.__mro__],
        "own": own[:MOST_MEMBERS],
        "savesItself": any(each["name"] in SAVING for each in own),
        "name": None if quietly(storage, "manifest_name") is None else str(storage.manifest_name),
        "keepIntermediateFiles": bool(quietly(storage, "keep_intermediate_files")),
        "maxPasses": number_or_none(storage, "max_post_process_passes"),
        "jsModules": bool(quietly(storage, "support_js_module_import_aggregation")),
        "patterns": digest_of(quietly(storage, "_patterns")),
        "manifestStorage": None if elsewhere is None or elsewhere is storage else describe(elsewhere),
    })
    return described, [each.__module__ for each in kind.__mro__], None


def describe(storage):
    location = quietly(storage, "location")
    return {
        "class": dotted(type(storage)),
        "location": location if isinstance(location, str) and os.path.isabs(location) else None,
        "permissions": modes_of(storage, "file_permissions_mode", "directory_permissions_mode"),
    }


def modes_of(thing, name_for_files, name_for_dirs):
    return {"file": mode_or_none(thing, name_for_files), "dir": mode_or_none(thing, name_for_dirs)}


def mode_or_none(thing, name):
    mode = number_or_none(thing, name)
    return None if mode is None else mode & 0o7777  # as the system takes it


def number_or_none(thing, name):
    value = quietly(thing, name)
    return int(value) if isinstance(value, int) else None  # True is one


def unwrapped(storage):
    """A lazy object makes what it stands for when it is asked for anything."""
    from django.utils.functional import LazyObject, empty

    if not isinstance(storage, LazyObject):
        return storage
    if storage._wrapped is empty:
        storage._setup()
    return storage._wrapped


def quietly(thing, name):
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def homes_of_code():
    """The folders of Django and of Python itself, in which installed packages may lie."""
    import django

    homes = [os.path.dirname(django.__file__), sysconfig.get_paths().get("stdlib")]
    return tuple(each + os.sep for home in homes if home for each in (os.path.abspath(home), os.path.realpath(home)))


def is_put_in(value, homes):
    """Whether a function that stands for one of Django's is somebody else's, also if it says that it is Django's."""
    if not inspect.isfunction(value):
        return False
    file = value.__code__.co_filename
    home = max([each for each in homes if file.startswith(each)] or [""], key=len)
    is_installed = os.path.relpath(file, home).split(os.sep)[0] in PACKAGES if home else not file.startswith("<")
    return is_installed or not (value.__module__ or "").startswith(DJANGO)


def patched(finders):
    """What was put in the place of Django's own: of its finders, of its command, and of what both walk with."""
    from django.contrib.staticfiles import finders as finding, utils
    from django.contrib.staticfiles.management.commands import collectstatic

    command = collectstatic.Command
    places = [utils, finding, command] + [kind for each in finders for kind in type(each).__mro__]
    homes = homes_of_code()
    named = [(place.__name__ if inspect.ismodule(place) else dotted(place), place) for place in places]
    found = set("%s.%s" % (name, member) for name, place in named if name.startswith(DJANGO)
                for member, value in list(vars(place).items()) if is_put_in(value, homes))
    if not command.__module__.startswith(DJANGO):
        found.add(collectstatic.__name__ + ".Command")
    return sorted(found)[:MOST_MEMBERS]


def own_members(kind):
    """What other classes than Django's put in, and what was put into Django's."""
    found, homes = [], homes_of_code()
    for each in kind.__mro__:
        is_foreign = each is not object and not each.__module__.startswith(DJANGO)
        for name, value in vars(each).items():
            if name in ORDINARY:
                continue
            if is_foreign or (each is not object and is_put_in(value, homes)):
                found.append({"class": dotted(each), "name": name, "isPlain": isinstance(value, PLAIN)})
    return found


def digest_of(patterns):
    """Of the compiled table: what is looked for in which files, and what is put there instead."""
    if patterns is None:
        return None
    rows = [[glob, [[row[0].pattern, row[0].flags] + [str(part) for part in row[1:]] for row in rows]]
            for glob, rows in patterns.items()]
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()[:16]


# ---- what went wrong ----


def failure_of(error):
    cause, is_missing = error, False
    while cause is not None and not is_missing:
        # A name that an installed Django does not have is something else, and the error of whoever asks for it.
        is_missing = type(cause).__name__ == "ModuleNotFoundError" and cause.name in ("django", "django.core")
        cause = getattr(cause, "__cause__", None) or getattr(cause, "__context__", None)
    return {
        "phase": "missing" if is_missing else state["phase"],
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
        "python": sys.version.split()[0],
        "lines": lines_of(error),
    }


def lines_of(error):
    """The last frames that are the project's own, and below them the error as Python puts it."""
    try:
        libraries = Libraries()
        frames = [frame for frame in traceback.extract_tb(error.__traceback__)
                  if not frame[0].startswith("<") and not libraries.hold(os.path.abspath(frame[0]))]
        where = [line for frame in frames[-MOST_FRAMES:] for line in frame_lines(frame)]
    except Exception:
        where = []
    what = [line for text in traceback.format_exception_only(type(error), error) for line in text.splitlines()]
    what = [line for line in what if line.strip()]
    cause = error
    while getattr(cause, "__cause__", None) is not None:
        cause = cause.__cause__
    because = [] if cause is error else ["from " + last_line(cause)]
    heard = getattr(error, "pushstatic_heard", [])  # what a command said before it failed
    lines = heard + where + what[:MOST_LINES - len(where) - len(because)] + because
    return [line[:LONGEST_LINE].rstrip() for line in lines]


def frame_lines(frame):
    path, number, function = frame[0], frame[1], frame[2]
    folder = state["folder"]
    shown = os.path.relpath(path, folder) if path.startswith(folder + os.sep) else path
    source = linecache.getline(path, number).strip()
    return ['File "%s", line %d, in %s' % (shown, number, function)] + (["  " + source] if source else [])


def last_line(error):
    return traceback.format_exception_only(type(error), error)[-1].strip()[:LONGEST_LINE]


if __name__ == "__main__":
    main()
