"""`ivr graph`: the right ways between steps, a layout without overlaps, pictures that need no network."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.cli import main
from ivr.dialog.drawing import html, shorten, svg
from ivr.dialog.graph import Coverage, FlowGraph, GraphEdge, GraphNode, as_json, build, layout, overview
from ivr.dialog.loader import Definition, load

HARBOUR = Path(__file__).parent / "fixtures" / "harbour"


@pytest.fixture(scope="module")
def harbour() -> Definition:
    return load(HARBOUR)


def edges(graph: FlowGraph) -> set[tuple[str, str, str, str]]:
    return {(edge.start.split("/")[-1], edge.end.split("/")[-1], edge.kind, edge.label) for edge in graph.edges}


def test_the_ways_of_a_flow(harbour: Definition) -> None:
    graphs = {graph.flow: graph for graph in build(harbour)}
    assert next(iter(graphs)) == "welcome"
    assert edges(graphs["dispute"]) == {
        ("details", "lookup", "next", ""),
        ("lookup", "offer", "branch", "txn.found"),
        ("lookup", "not_found", "branch", "otherwise"),
        ("lookup", "human", "event", "error.timeout"),
        ("not_found", "human", "next", ""),
        ("offer", "file", "branch", "file_it"),
        ("offer", "bye", "branch", "otherwise"),
        ("file", "told", "next", ""),
        ("told", "bye", "next", ""),
        ("human", "queue:cards", "handover", ""),
    }
    assert ("topic", "human", "next", "") not in edges(graphs["welcome"])  # an open question leaves the flow
    node = next(node for node in graphs["dispute"].nodes if node.title == "lookup")
    assert (node.kind, node.text, node.source, node.covered) == ("call", "cards.find", "flows/dispute.yaml:18", None)


def test_the_overview(harbour: Definition) -> None:
    assert edges(overview(harbour)) >= {
        ("welcome", "dispute", "branch", ""),
        ("welcome", "fees", "branch", ""),
        ("dispute", "ticket", "event", "queue"),
    }


def test_coverage_marks_what_is_untested(harbour: Definition) -> None:
    data = {"coverage": {"steps": {"missing": ["dispute/bye"]}, "branches": {"missing": ["dispute/offer -> bye"]}}}
    graphs = {graph.flow: graph for graph in build(harbour, Coverage.from_json(data))}
    covered = {node.title: node.covered for node in graphs["dispute"].nodes if node.kind != "queue"}
    assert covered.pop("bye") is False
    assert set(covered.values()) == {True}
    assert [edge.end for edge in graphs["dispute"].edges if edge.covered is False] == ["dispute/bye"]
    picture = svg(list(graphs.values()))
    assert 'class="n end no"' in picture
    with pytest.raises(ValueError, match="no coverage in it"):
        Coverage.from_json({"tests": []})


def test_rungs_that_no_test_came_to_are_marked(harbour: Definition) -> None:
    ladder = harbour.hotline.catch["noinput"]
    lookup = next(step for step in harbour.flows["dispute"].steps if step.id == "lookup")
    rung = lookup.catch["error.timeout"].rungs[0]
    missing = [
        f"hotline.yaml:{ladder.rungs[1].at.line} noinput 2",
        f"{rung.at.file}:{rung.at.line} error.timeout 1",
    ]
    data = {"steps": {"missing": []}, "branches": {"missing": []}, "rungs": {"missing": missing}}
    coverage = Coverage.from_json({"coverage": data})
    dispute = next(graph for graph in build(harbour, coverage) if graph.flow == "dispute")
    assert {node.id: node.untried for node in dispute.nodes if node.untried} == {"dispute/lookup": ("error.timeout 1",)}
    ways = {(edge.start, edge.label): edge.covered for edge in dispute.edges if edge.kind == "event"}
    assert ways["dispute/lookup", "error.timeout"] is False
    whole = overview(harbour, coverage)
    anywhere = next(node for node in whole.nodes if node.kind == "catch")
    assert (anywhere.untried, anywhere.covered) == (("noinput 2",), False)
    assert "not tried: noinput 2" in svg([whole])


def test_pictures_are_well_formed_and_self_contained(harbour: Definition) -> None:
    graphs = [overview(harbour), *build(harbour)]
    picture, page = svg(graphs), html("x <&> y", graphs)
    root = ET.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert picture.count("<rect") == sum(len(graph.nodes) for graph in graphs)
    assert "x &lt;&amp;&gt; y" in page
    for text in (picture, page):
        assert not re.search(r"(src|href)=\"(?!#)|url\((?!#)|@import|<script", text)


NODES = [GraphNode(str(number), "say", str(number), "") for number in range(9)]
EDGES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=25)


@given(EDGES)
def test_any_graph_is_laid_out_without_overlaps(pairs: list[tuple[int, int]]) -> None:
    graph = FlowGraph("f", "", NODES, [GraphEdge(str(start), str(end), "next") for start, end in pairs])
    places = layout(graph)
    assert len({(place.layer, place.column) for place in places.values()}) == 9
    ET.fromstring(svg([graph]))
    if all(start < end for start, end in pairs):
        assert all(places[str(start)].layer < places[str(end)].layer for start, end in pairs)


def test_an_empty_graph_is_drawn() -> None:
    ET.fromstring(svg([FlowGraph("f", "")]))


def test_texts_are_shortened_by_their_width() -> None:
    assert shorten("short") == "short"
    assert shorten("x" * 40) == "x" * 29 + "…"
    assert shorten("好" * 20) == "好" * 14 + "…"


def test_data(harbour: Definition) -> None:
    data = json.loads(json.dumps(as_json(harbour, build(harbour))))
    assert data["hotline"] == "harbour_pay"
    assert [flow["flow"] for flow in data["flows"]] == ["welcome", "dispute", "fees", "survey", "ticket"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, start in (("a.svg", "<svg"), ("a.html", "<!doctype html>"), ("a.json", "{")):
        assert main(["graph", str(HARBOUR), "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    capsys.readouterr()
    assert main(["graph", str(HARBOUR), "--json", "--flow", "fees"]) == 0
    assert [flow["flow"] for flow in json.loads(capsys.readouterr().out)["flows"]] == ["fees"]
    assert main(["graph", str(HARBOUR), "--flow", "fee"]) == 1
    assert "no such flow: fee; there are dispute" in capsys.readouterr().err
    assert main(["graph", str(HARBOUR), "-o", str(tmp_path / "a.png")]) == 1
    assert "must end in .svg, .html or .json" in capsys.readouterr().err
    (tmp_path / "c.json").write_text("[]")
    assert main(["graph", str(HARBOUR), "--coverage", str(tmp_path / "a.json")]) == 1
    assert "no coverage in it" in capsys.readouterr().err
