"""Mutation testing: change one operator, number or condition of a module at a time; some test must fail.

    python tests/mutation/mutate.py [--only numeric/laws/channels.py] [--record tests/mutation/results.json]

The mutants are those of Cosmic Ray (cosmic-ray.readthedocs.io). ``mutation.toml`` lists its operators, the modules and the
tests that guard each. Cosmic Ray would start the tests anew for every mutant; here they are collected once, and a forked
child puts the mutant's code into the functions that every importer already holds. It runs the tests that reach the changed
line (all of them, where a line runs at import only), fastest first, up to one that fails. A mutant that all pass has survived.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import tomllib
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from cosmic_ray import mutating, plugins
from cosmic_ray.ast import ast_nodes, get_ast
from hypothesis import Phase, settings

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KILLED, SURVIVED, UNREACHED = "killed", "survived", "unreached"
GRACE = 20.0  # seconds beyond three times what the tests take unchanged; a mutant that takes longer hangs, and is seen
MEMORY = 6 * 2**30


@dataclass(frozen=True)
class Mutant:
    """One changed version of a module.

    Attributes:
        operator: Cosmic Ray's name of the change.
        line: its line number in the module.
        before, after: the line, stripped, as it was and as it is.
        place: how many equal changes there are before it in the module; with the other fields it names the mutant.
        source: the whole changed module.
    """

    operator: str
    line: int
    before: str
    after: str
    place: int
    source: str

    @property
    def key(self) -> str:
        return f"{self.before}  ->  {self.after}" + (f"  (no. {self.place + 1})" if self.place else "")


class _Bare(ast.NodeTransformer):
    """A module without its annotations, which nothing evaluates, and without the star of a signature, which is no product."""

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.args, node.posonlyargs, node.kwonlyargs = [*node.posonlyargs, *node.args, *node.kwonlyargs], [], []
        node.defaults, node.kw_defaults = [*node.defaults, *(one for one in node.kw_defaults if one is not None)], []
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def meaning(source: str) -> str:
    """The syntax tree without what does not matter: equal for sources that do the same."""
    return ast.dump(_Bare().visit(ast.parse(source)))


def statements(source: str) -> Iterator[tuple[int, str]]:
    """The first line number and the text of every statement of a module, decorators included."""
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        yield first, "".join(lines[first - 1 : node.end_lineno])


def mutants(source: str, operators: Sequence[str]) -> Iterator[Mutant]:
    """Every mutant of a module that differs from it in more than annotations, each once."""
    lines, places = source.splitlines(keepends=True), Counter[tuple[str, str]]()
    for first, text in statements(source):
        nodes, seen, old = list(ast_nodes(get_ast(text))), {meaning(text)}, text.splitlines()
        for name in operators:
            operator = plugins.get_operator(f"core/{name}")()
            for occurrence in range(sum(len(list(operator.mutation_positions(node))) for node in nodes)):
                changed = mutating.mutate_code(text, operator, occurrence)
                try:
                    same = changed is None or meaning(changed) in seen
                except SyntaxError:
                    continue  # no program at all
                if same:
                    continue
                seen.add(meaning(changed))
                new = changed.splitlines()
                row = next(row for row, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
                change = old[row].strip(), new[row].strip()
                whole = "".join([*lines[: first - 1], changed, *lines[first - 1 + len(old) :]])
                yield Mutant(name, first + row, *change, places[change], whole)
                places[change] += 1


# --- putting a mutant in place ---------------------------------------------------------------------------------------
def put(module: types.ModuleType, mutant: Mutant) -> int:
    """Give the functions, classes and constants of a loaded module the mutant's code; how many were changed.

    Everybody who imported a function holds the same function object, so its code is replaced inside it.
    """
    new = types.ModuleType(module.__name__)
    new.__file__ = module.__file__
    exec(compile(mutant.source, str(module.__file__), "exec"), new.__dict__)
    changed = 0
    for name, old in list(vars(module).items()):
        if name.startswith("__") or name not in vars(new):
            continue
        fresh = vars(new)[name]
        if (isinstance(old, type) or callable(old)) and getattr(old, "__module__", module.__name__) != module.__name__:
            continue  # imported from elsewhere
        if isinstance(old, type):
            changed += _put_class(old, fresh)
        elif _function(old) is not None:
            changed += _put_function(_function(old), _function(fresh))
        elif not isinstance(old, types.ModuleType):
            changed += _put_value(module, name, old, fresh)
    return changed


def _function(value: Any) -> types.FunctionType | None:
    """The plain function inside a property, a method or a decorated function."""
    for attribute in ("fget", "func", "__func__", "__wrapped__"):
        inner = getattr(value, attribute, None)
        if inner is not None and not isinstance(value, types.FunctionType):
            return _function(inner)
    if isinstance(value, types.FunctionType):
        return _function(value.__wrapped__) if hasattr(value, "__wrapped__") else value
    return None


def _put_function(old: types.FunctionType, new: types.FunctionType) -> int:
    same = old.__code__ == new.__code__ and _constants(old.__code__) == _constants(new.__code__)
    same = same and repr((old.__defaults__, old.__kwdefaults__)) == repr((new.__defaults__, new.__kwdefaults__))
    old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
    return int(not same)


def _constants(code: types.CodeType) -> str:
    """All constants inside a code object, by representation: 1, 1.0 and True differ."""
    inner = [_constants(one) if isinstance(one, types.CodeType) else repr(one) for one in code.co_consts]
    return f"{code.co_code!r}{inner}"


def _put_class(old: type, new: type) -> int:
    changed = 0
    for name, value in list(vars(old).items()):
        function, fresh = _function(value), _function(vars(new).get(name))
        if function is not None and fresh is not None and function.__module__ == old.__module__:
            changed += _put_function(function, fresh)
        elif (
            not name.startswith("__")
            and isinstance(value, (int, float, str, tuple))
            and repr(value) != repr(vars(new).get(name))
        ):
            setattr(old, name, vars(new)[name])
            changed += 1
    for name in ("__setattr__", "__delattr__", "__eq__", "__hash__"):  # what the arguments of @dataclass decide
        if (vars(old).get(name) is None) != (vars(new).get(name) is None):
            if name in vars(new):
                setattr(old, name, vars(new)[name])
            else:
                delattr(old, name)
            changed += 1
    return changed


def _put_value(module: types.ModuleType, name: str, old: Any, new: Any) -> int:
    """A constant, for this module and for all that imported it by name; inside a table, functions are changed in place."""
    if isinstance(old, dict) and isinstance(new, dict) and list(map(repr, old)) == list(map(repr, new)):
        pairs = [(_function(a), _function(b)) for a, b in zip(old.values(), new.values(), strict=True)]
        if all(a is not None and b is not None for a, b in pairs):
            return sum(_put_function(a, b) for a, b in pairs if a is not None and b is not None)
    if repr(old) == repr(new) or " object at " in repr(new):
        return 0
    for other in list(sys.modules.values()):
        if other is module or vars(other).get(name) is old if isinstance(other, types.ModuleType) else False:
            setattr(other, name, new)
    return 1


# --- one module ------------------------------------------------------------------------------------------------------
@dataclass
class Outcome:
    """What became of the mutants of one module."""

    killed: int
    survivors: list[Mutant]
    seconds: float


class Session:
    """A pytest plugin that takes the place of the test loop: every mutant against the collected tests."""

    def __init__(self, path: str, operators: Sequence[str]) -> None:
        self.path, self.operators = path, operators
        self.outcome: Outcome | None = None
        self.module: types.ModuleType
        self.items: list[pytest.Item]
        self.reached: dict[str, tuple[float, set[int]]]
        self.kills: dict[str, int]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests could not be collected")
        self.items, began = session.items, time.monotonic()
        self.module = importlib.import_module(self.path.removesuffix(".py").replace("/", "."))
        assert Path(str(self.module.__file__)) == ROOT / self.path, "another copy of the module is loaded"
        self.reached = self.measure()
        self.kills = dict.fromkeys(self.reached, 0)
        gc.freeze()  # children copy less
        found = list(mutants((ROOT / self.path).read_text(encoding="utf-8"), self.operators))
        survivors, count = [], Counter[str]()
        for done, mutant in enumerate(found, start=1):
            result = self.judge(mutant)
            count[result] += 1
            if result != KILLED:
                survivors.append(mutant)
                print(f"  {result}: {self.path}:{mutant.line}: {mutant.key}", flush=True)
            if done % 100 == 0:
                print(f"  {done} of {len(found)} mutants, {count[KILLED]} killed", flush=True)
        self.outcome = Outcome(count[KILLED], survivors, time.monotonic() - began)
        return True

    @cached_property
    def filename(self) -> str:
        return str(ROOT / self.path)

    def measure(self) -> dict[str, tuple[float, set[int]]]:
        """Seconds and lines of the module that each test takes, from a child that runs all of them unchanged.

        What a test sets up may serve the others of its file, so it counts for all of them.
        """
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "reached.json"
            child = os.fork()
            if not child:
                os._exit(self._measure(answer))
            _, status = os.waitpid(child, 0)
            if status:
                raise SystemExit(f"{self.path}: its tests fail without any mutant")
            raw = json.loads(answer.read_text(encoding="utf-8"))
        return {name: (seconds, set(lines)) for name, (seconds, lines) in raw.items()}

    def _measure(self, answer: Path) -> int:
        lines: set[int] = set()

        def local(frame: types.FrameType, event: str, _: object) -> Any:
            lines.add(frame.f_lineno)
            return local

        def trace(frame: types.FrameType, event: str, _: object) -> Any:
            if frame.f_code.co_filename != self.filename:
                return None
            lines.add(frame.f_lineno)
            return local

        found: dict[str, tuple[float, list[int]]] = {}
        shared: dict[str, set[int]] = {}
        for item, following in zip(self.items, [*self.items[1:], None], strict=True):
            start = time.monotonic()
            sys.settrace(trace)
            lines.clear()
            reports = [runtestprotocol(item, nextitem=following, log=False)]
            sys.settrace(None)
            if any(report.failed for report in reports[0]):
                print(*(report.longreprtext for report in reports[0]), file=sys.__stderr__)
                return 1
            found[item.nodeid] = time.monotonic() - start, sorted(lines)
            if reports[0][0].duration > 0.02:
                shared.setdefault(item.nodeid.split("::")[0], set()).update(lines)
        for name, (seconds, own) in found.items():
            found[name] = seconds, sorted({*own, *shared.get(name.split("::")[0], ())})
        answer.write_text(json.dumps(found), encoding="utf-8")
        return 0

    def judge(self, mutant: Mutant) -> str:
        """Killed or survived, by a child of its own."""
        near = [item for item in self.items if mutant.line in self.reached[item.nodeid][1]]
        # a test that killed the last mutants is likely to kill this one
        chosen = sorted(near or self.items, key=lambda item: (-self.kills[item.nodeid], self.reached[item.nodeid][0]))
        limit = GRACE + 3.0 * sum(self.reached[item.nodeid][0] for item in chosen)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os._exit(self._judge(mutant, chosen, writing))
        os.close(writing)
        ends = time.monotonic() + limit
        while True:
            finished, status = os.waitpid(child, os.WNOHANG)
            if finished:
                break
            if time.monotonic() > ends:
                os.kill(child, signal.SIGKILL)
                status = os.waitpid(child, 0)[1]
                break
            time.sleep(0.005)
        with os.fdopen(reading, "rb") as answer:
            killer = answer.read()
        for name in self.kills:
            self.kills[name] //= 2
        if killer:
            self.kills[chosen[int(killer)].nodeid] += 64
        return {0: SURVIVED, 2: UNREACHED}.get(os.waitstatus_to_exitcode(status), KILLED)

    def _judge(self, mutant: Mutant, chosen: Sequence[pytest.Item], writing: int) -> int:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            changed = put(self.module, mutant)
        except Exception:  # the mutant cannot even be loaded
            return 1
        if not changed:
            return 2
        for place, (item, following) in enumerate(zip(chosen, [*chosen[1:], None], strict=True)):
            if any(report.failed for report in runtestprotocol(item, nextitem=following, log=False)):
                os.write(writing, str(place).encode())
                return 1
        return 0


def run(path: str, tests: Sequence[str], operators: Sequence[str]) -> Outcome:
    """The outcome for one module."""
    # the simplest failing case does not matter here: no shrinking
    settings.register_profile(
        "mutation", derandomize=True, deadline=None, database=None, phases=(Phase.explicit, Phase.generate)
    )
    os.environ.update(HYPOTHESIS_PROFILE="mutation", HYPOTHESIS_SEED="0")
    session = Session(path, operators)
    arguments = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header", "--no-summary", "-x"]
    arguments += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning", *tests]
    pytest.main(arguments, plugins=[session])
    if session.outcome is None:
        raise SystemExit(f"{path}: the tests did not run")
    return session.outcome


def main() -> None:
    """Run every module of the configuration, in a process of its own each, and write what came out."""
    parser = argparse.ArgumentParser(description="Mutation testing of the modules named in mutation.toml.")
    parser.add_argument("--only", nargs="*", metavar="MODULE", help="these modules (default: all)")
    parser.add_argument("--record", type=Path, default=HERE / "results.json", help="where the outcome is kept")
    options = parser.parse_args()
    os.chdir(ROOT)
    configuration = tomllib.loads((HERE / "mutation.toml").read_text(encoding="utf-8"))
    kept = json.loads(options.record.read_text(encoding="utf-8")) if options.record.exists() else {}
    wanted = [entry["path"] for entry in configuration["module"]]
    for entry in configuration["module"]:
        path = entry["path"]
        if options.only and path not in options.only:
            continue
        print(path, flush=True)
        child = os.fork()  # a fresh import of everything for each module
        if not child:
            outcome = run(path, entry["tests"], configuration["operators"])
            survivors = [{"line": one.line, "mutant": one.key, "operator": one.operator} for one in outcome.survivors]
            kept[path] = {"tried": outcome.killed + len(survivors), "killed": outcome.killed, "survivors": survivors}
            options.record.write_text(
                json.dumps({name: kept[name] for name in wanted if name in kept}, indent=1) + "\n", encoding="utf-8"
            )
            print(f"  {outcome.killed} of {kept[path]['tried']} killed in {outcome.seconds:.0f} s", flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(1)
        kept = json.loads(options.record.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
