"""A burst is made of valid claims, each of an environment of its own."""

from pathlib import Path

import yaml

from benchmarks.burst import Burst
from shared.claims import ApplicationClaim, parse


def test_the_claims_are_valid_and_do_not_compete(tmp_path: Path) -> None:
    burst = Burst(claims=12, applications=5)
    burst.write(tmp_path / "claims")
    documents = [yaml.safe_load(file.read_text()) for file in sorted((tmp_path / "claims").iterdir())]
    claims = [parse("ApplicationClaim", document) for document in documents]
    assert all(isinstance(claim, ApplicationClaim) and len(claim.spec.applications) == 5 for claim in claims)
    assert [document["spec"]["environment"] for document in documents] == burst.environments()
    assert [claim.metadata.name for claim in claims] == [burst.name(number) for number in range(12)]
