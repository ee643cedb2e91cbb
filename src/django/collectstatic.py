"""
Run by pushstatic with a Django project's own Python: runs the project's own collectstatic into folders of pushstatic's, and
says on file descriptor 3, as one line of JSON, what the manifest is called, or why it failed. What lies in STATIC_ROOT is
not touched.

    python collectstatic.py MANAGE SETTINGS STATIC MANIFEST [IGNORE]

MANAGE and SETTINGS are as of probe.py; STATIC stands for STATIC_ROOT, and MANIFEST for a folder of its own that the manifest
lies in; IGNORE is a list of patterns as JSON, in the place of those that Django ignores.
"""
import importlib.util
import io
import json
import os
import sys
import threading

ANSWER = 3
LIFELINE = 4  # it ends when whoever started this does
MOST_HEARD = 4  # lines that the command itself wrote to its stderr
LONGEST_HEARD = 64 * 1024


def load_probe():
    """Not by its name, which may be that of something in the project."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.py")
    spec = importlib.util.spec_from_file_location("pushstatic_probe", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


probe = load_probe()


def main():
    manage, settings, static, manifest = sys.argv[1:5]
    ignore = json.loads(sys.argv[5]) if len(sys.argv) > 5 else None
    for descriptor in (ANSWER, LIFELINE):
        os.set_inheritable(descriptor, False)
    threading.Thread(target=end_with_parent, daemon=True).start()
    probe.state["is_recording"] = False
    probe.take_over(manage, settings, [], lambda: collect(settings, static, manifest, ignore))


def end_with_parent():
    os.read(LIFELINE, 1)
    os._exit(1)


def collect(settings_name, static, manifest, ignore):
    probe.state["phase"] = "django"
    import django

    probe.state["phase"] = "settings"
    if settings_name:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings_name
    from django.conf import settings

    settings.INSTALLED_APPS
    root = settings.STATIC_ROOT
    settings.STATIC_ROOT = static if root is None or isinstance(root, str) else type(root)(static)
    probe.state["phase"] = "apps"
    django.setup()
    probe.state["phase"] = "static"
    from django.contrib.staticfiles import storage as module

    # The manifest of the last run says nothing about this one.
    module.ManifestFilesMixin.read_manifest, read = (lambda self: None), module.ManifestFilesMixin.read_manifest
    try:
        storage = probe.unwrapped(module.staticfiles_storage)
    finally:
        module.ManifestFilesMixin.read_manifest = read
    try:
        is_elsewhere = redirect_all(storage, [os.path.abspath(os.fspath(root))] if root else [], static, manifest)
    except CannotRedirect as error:
        return {"failure": {"phase": "storage", "storage": str(error), "lines": []}}
    probe.state["phase"] = "collectstatic"
    run_command(ignore)
    name = probe.quietly(storage, "manifest_name")
    return {"done": {"manifest": name if isinstance(name, str) else None, "isElsewhere": is_elsewhere}}


def redirect_all(storage, roots, static, manifest):
    """Whether the manifest is kept in a folder of its own."""
    keeper = getattr(storage, "manifest_storage", None)
    roots = roots + [static, probe.quietly(storage, "location")]
    redirect(storage, static)
    if keeper is None or keeper is storage:
        return False
    is_elsewhere = probe.quietly(keeper, "location") not in roots
    redirect(keeper, manifest if is_elsewhere else static)
    return is_elsewhere


def redirect(storage, folder):
    """Makes a storage of Django's keep its files in `folder`, wherever it was told to. What does otherwise is refused."""
    if probe.quietly(storage, "location") != folder:
        for name in ("base_location", "location"):
            storage.__dict__.pop(name, None)
        storage._location = folder
    try:
        is_there = storage.location == folder and os.path.abspath(storage.path("x")).startswith(folder + os.sep)
    except Exception:
        is_there = False
    if not is_there:
        raise CannotRedirect(probe.dotted(type(storage)))


class CannotRedirect(Exception):
    pass


def run_command(ignore):
    from django.core.management import call_command

    heard = io.StringIO()
    options = {} if ignore is None else {"ignore_patterns": ignore, "use_default_ignore_patterns": False}
    try:
        call_command("collectstatic", "--noinput", skip_checks=False, stdout=Nowhere(), stderr=heard, no_color=True,
                     **options)
    except BaseException as error:
        said = [line for line in heard.getvalue()[-LONGEST_HEARD:].splitlines() if line.strip()]
        error.pushstatic_heard = said[-MOST_HEARD:]
        raise


class Nowhere(io.TextIOBase):
    def write(self, text):
        return len(text)


if __name__ == "__main__":
    main()
