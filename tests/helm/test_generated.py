"""What of the chart is generated: who may do what, the list of services in the values, the README's tables."""

import json

import pytest
import yaml

from agora.discovery import folders, streams
from agora.grants import TOPICS, TRACES, Rights
from agora.papers.chart import ELSEWHERE, ChartError, Value, described, services_file, with_services, with_values
from agora.provision import names_of
from console import docs
from tests.compose.composed import ROOT
from tests.helm.chart import CHART

VALUES = """\
# What is set here is what people may set.

# -- Who brings the servers:
# `a|b`.
mode: external # or another
# Only for us.
hidden: 1

# -- Where Kafka is.
kafka:
  # -- Its address.
  bootstrap: ""
  tls:
    # -- Whether to speak TLS.
    enabled: false
  # -- Who else.
  others:
    - name: one
      port: 1
    - name: two
  # -- What it says.
  words: |
    not: a key
  # -- At last.
  last: {a: 1}
# services:begin (generated)
services:
  # -- It buys.
  buyer: {}
  # it is slow
  gone:
    replicas: 3
  # it is busy
  seller:
    replicas: 2

    env: {A: b}
# services:end
"""


def test_a_values_words_are_the_comment_right_above_its_key() -> None:
    found = {value.name: value for value in described(VALUES)}
    assert found["mode"] == Value(("mode",), "external", "Who brings the servers: `a|b`.")
    assert found["hidden"].words == ""
    assert found["kafka.tls.enabled"] == Value(("kafka", "tls", "enabled"), "false", "Whether to speak TLS.")
    assert found["kafka.last"].default == "{a: 1}"


def test_nothing_within_a_list_or_a_text_is_taken_for_a_key() -> None:
    found = {value.name: value.default for value in described(VALUES)}
    assert (found["kafka.others"], found["kafka.words"]) == (ELSEWHERE, ELSEWHERE)
    assert not any("port" in name or "not" in name or "others.name" in name for name in found)


def test_a_new_service_is_added_and_one_that_is_gone_goes_with_its_words_and_the_others_keep_theirs() -> None:
    made = with_services(VALUES, ["seller", "baker", "buyer"])
    assert yaml.safe_load(made)["services"] == {
        "baker": {},
        "buyer": {},
        "seller": {"replicas": 2, "env": {"A": "b"}},
    }
    assert "  # it is busy\n  seller:\n    replicas: 2\n" in made
    assert {value.name: value.words for value in described(made)}["services.buyer"] == "It buys."
    assert {value.name: value.words for value in described(made)}["services.baker"].startswith("What the service baker")
    assert "slow" not in made
    assert with_services(made, ["baker", "buyer", "seller"]) == made


def test_the_readme_has_a_table_for_each_part_and_keeps_what_people_wrote() -> None:
    readme = "# Chart\n\nWords.\n\n## Values\n\nold\n\n## More\n\nMore words.\n"
    made = with_values(readme, VALUES)
    assert made.startswith("# Chart\n\nWords.\n\n## Values\n\n| value |")
    assert made.endswith("\n\n## More\n\nMore words.\n")
    assert "| `mode` | `external` | Who brings the servers: `a\\|b`. |\n" in made
    assert "### `kafka`\n\nWhere Kafka is.\n" in made
    assert "| `kafka.others` | see values.yaml | Who else. |\n" in made
    assert "old" not in made
    assert with_values(made, VALUES) == made


def test_what_cannot_be_generated_into_is_named() -> None:
    with pytest.raises(ChartError, match="services:begin"):
        with_services("services: {}\n", ["buyer"])
    with pytest.raises(ChartError, match="## Values"):
        with_values("# Chart\n", VALUES)


def test_the_file_of_services_says_who_may_do_what_and_whose_each_database_is() -> None:
    told = (
        Rights("baker", "loaves", reads=("loaves",), writes=("errors", "loaves"), groups=("baker",), shares=True),
        Rights("shop", "requests", reads=("loaves",), writes=("requests",), door=True),
        Rights(TRACES, reads=("errors", "loaves"), groups=(TRACES,)),
        Rights(TOPICS, makes=("errors", "loaves", "requests")),
    )
    made = json.loads(services_file(told))
    assert made["services"]["baker"] == {
        "stream": "loaves",
        "reads": ["loaves"],
        "writes": ["errors", "loaves"],
        "groups": ["baker"],
        "door": False,
        "database": "agora_baker",
        "role": "baker",
        "owner": "baker_owner",
    }
    assert list(made["services"]) == ["baker", "shop"]
    assert made["services"]["shop"]["door"] is True
    assert made["streams"] == ["errors", "loaves", "requests"]
    assert made["traces"] == {"reads": ["errors", "loaves"], "writes": [], "groups": ["traces"]}


def test_who_may_do_what_is_in_the_chart_as_the_contracts_have_it() -> None:
    for name, made in docs.chart_pages(ROOT, docs.market()).items():
        assert (ROOT / name).read_text() == made, f"{name}: run: agora docs"


def test_the_chart_knows_every_service_and_stream_that_there_is() -> None:
    known = json.loads((CHART / "files" / "services.json").read_text())
    assert list(known["services"]) == list(folders())
    assert known["streams"] == streams()
    for name, service in known["services"].items():
        names = names_of(name)
        assert (service["database"], service["role"], service["owner"]) == (names.database, names.role, names.owner)
    assert list(yaml.safe_load((CHART / "values.yaml").read_text())["services"]) == list(folders())


def test_the_readmes_reader_of_values_sees_what_yaml_sees() -> None:
    text = (CHART / "values.yaml").read_text()
    whole = yaml.safe_load(text)
    for value in described(text):
        at = whole
        for part in value.path:
            at = at[part]
        if value.default and value.default != ELSEWHERE:
            assert yaml.safe_load(value.default) == at, value.name
        else:
            assert value.default or at is None or isinstance(at, dict), value.name
