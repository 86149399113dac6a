"""Credentials in values are found where they stand, and what merely looks like one is left alone."""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.leaks import find, without
from tests.claims_strategies import values as any_values

ROOT = Path(__file__).parents[2]
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
DIGEST = "sha256:" + "9f86d081884c7d65" * 4
PEM = "-----BEGIN {0}-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE2I2yPB\n-----END {0}-----\n"
CERTIFICATE = (ROOT / "tests" / "shared" / "certificate.pem").read_text()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# The tokens are made up, and put together here so that nobody's scanner of this repository finds them.
CREDENTIALS: list[tuple[dict[str, Any], str, str]] = [
    ({"database": {"password": "hunter2"}}, "database.password", "a password by its key"),
    ({"auth": {"postgresPassword": "s3cr3t-of-postgres"}}, "auth.postgresPassword", "Bitnami's own field"),
    ({"password": 12345678}, "password", "a password of digits without quotes"),
    ({"dbPass": "hunter2"}, "dbPass", "a short word for it"),
    ({"passwords": {"admin": "hunter2"}}, "passwords.admin", "a map of them"),
    ({"passwords": ["hunter2"]}, "passwords[0]", "a list of them"),
    ({"env": {"POSTGRES_PASSWORD": "hunter2"}}, "env.POSTGRES_PASSWORD", "a variable in a map"),
    ({"env": [{"name": "A", "value": "b"}, {"name": "B", "value": "c"},
              {"name": "POSTGRES_PASSWORD", "value": "hunter2"}]}, "env[2].value", "a variable in a list"),
    ({"parameters": [{"key": "apiKey", "value": "hunter2"}]}, "parameters[0].value", "a list of keys and values"),
    ({"args": ["--user", "bob", "--password", "hunter2"]}, "args[3]", "the word after an option"),
    ({"args": ["--db-password=hunter2"]}, "args[0]", "an option with its value"),
    ({"command": ["sh", "-c", "psql --password hunter2 -h db"]}, "command[2]", "an option in a shell's line"),
    ({"clientSecret": "hunter2"}, "clientSecret", "a secret by its key"),
    ({"oauth": {"clientSecret": "my-oauth-secret"}}, "oauth.clientSecret", "a secret that reads like a name"),
    ({"secret": "hunter2"}, "secret", "a secret that is no name of one"),
    ({"jwtSecret": "correct horse battery staple"}, "jwtSecret", "a phrase"),
    ({"apiKey": "abcdef"}, "apiKey", "an API key by its key"),
    ({"api_key": "0123456789abcdef0123456789abcdef"}, "api_key", "hexadecimal, which elsewhere is a digest"),
    ({"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, "AWS_SECRET_ACCESS_KEY", "AWS by key"),
    ({"encryption-key": "correct-horse"}, "encryption-key", "words with a dash"),
    ({"token": "abc123"}, "token", "a token by its key"),
    ({"password": "changeme"}, "password", "a default is a password as soon as it is deployed"),
    ({"password": "$2y$10$abcdefghijklmnopqrstuv"}, "password", "a hash is no variable, and can be tried offline"),
    ({"password": "pa$$word"}, "password", "a dollar sign is not a variable"),
    ({"note": "AKIA" + "IOSFODNN7EXAMPLE"}, "note", "an AWS access key"),
    ({"note": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}, "note", "a GitHub token"),
    ({"note": "github_pat_" + "11ABCDEFG0abcdefghijkl_abcdefgh"}, "note", "a fine-grained GitHub token"),
    ({"note": "glpat-" + "a1B2c3D4e5F6g7H8i9J0"}, "note", "a GitLab token"),
    ({"note": "xoxb-" + "123456789012-123456789012-a1B2c3D4e5F6"}, "note", "a Slack token"),
    ({"url": "https://hooks.slack.com/services/" + "T0ABCDEF/B0ABCDEF/a1B2c3D4e5F6g7H8"}, "url", "a Slack webhook"),
    ({"note": "sk_live_" + "a1B2c3D4e5F6g7H8i9J0k1L2"}, "note", "a Stripe key"),
    ({"note": "SG." + "a1B2c3D4e5F6g7H8i9J0k1." + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V"}, "note", "SendGrid"),
    ({"note": "npm_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}, "note", "an npm token"),
    ({"note": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"}, "note", "a Google API key"),
    ({"note": "hvs." + "CAESIJa1B2c3D4e5F6g7H8i9J0k1"}, "note", "a Vault token"),
    ({"note": f"a note, and {JWT} in the midst"}, "note", "a JWT in a sentence"),
    ({"tls": {"key": PEM.format("RSA PRIVATE KEY")}}, "tls.key", "a private key"),
    ({"tls": {"key": PEM.format("ENCRYPTED PRIVATE KEY")}}, "tls.key", "a private key with a passphrase"),
    ({"key": PEM.format("OPENSSH PRIVATE KEY").replace("\n", "\\n")}, "key", "a private key in one line"),
    ({"data": {"tls.key": b64(PEM.format("PRIVATE KEY"))}}, 'data["tls.key"]', "a private key in base64"),
    ({"data": {"x": b64("password=hunter2hunter2")}}, "data.x", "an assignment in base64"),
    ({"age": "AGE-SECRET-KEY-1" + "QYQSZQGPQYQSZQGPQYQSZQGP"}, "age", "an age identity"),
    ({"url": "https://bob:hunter2@example.com/x"}, "url", "a password in an address"),
    ({"url": "postgres://app:hunter2!$@db:5432/app"}, "url", "a password with marks in it"),
    ({"url": "redis://:hunter2@redis:6379/0"}, "url", "a password without a user"),
    ({"dsn": "app:hunter2@tcp(db:3306)/app"}, "dsn", "Go's MySQL address, which has no scheme"),
    ({"image": {"repository": "bob:hunter2@ghcr.io/acme/shop"}}, "image.repository", "a password in an image"),
    ({"dsn": "host=db user=app password=hunter2 dbname=app"}, "dsn", "libpq's connection string"),
    ({"dsn": "Server=db;User Id=sa;Password=hunter2;"}, "dsn", "SQL Server's connection string"),
    ({"dsn": "jdbc:postgresql://db/app?user=app&password=hunter2"}, "dsn", "JDBC's connection string"),
    ({"az": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + "a1B2" * 21 + "a1=="}, "az", "Azure"),
    ({"config": "a: b\nspring.datasource.password=hunter2\n"}, "config", "a properties file"),
    ({"config": "db:\n  password: hunter2\n"}, "config", "a YAML file"),
    ({"config": '{"db": {"password": "hunter2"}}'}, "config", "a JSON file"),
    ({"config": "[db]\npassword = hunter2\n"}, "config", "an INI file"),
    ({"config": "<db><password>hunter2</password></db>"}, "config", "an XML file"),
    ({"headers": {"Authorization": "Bearer abcdef123"}}, "headers.Authorization", "a header"),
    ({"headers": "Authorization: Basic Ym9iOmh1bnRlcjI="}, "headers", "a header in one string"),
    ({"cookie": "q8Zr4VbN2xKw7TjY1mPd5Gh9"}, "cookie", "nothing but randomness"),
    ({"headers": {"ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8": "x", "a": "b"}}, "headers.<key 2>", "a key"),
    ({"a b": {"password": "hunter2"}}, '["a b"].password', "a key that has to be quoted"),
    ({"\x1b[31m": {"password": "hunter2"}}, "<key 1>.password", "a key that no terminal should see"),
]  # fmt: skip

HARMLESS: list[tuple[Any, str]] = [
    ({"existingSecret": "my-secret"}, "the name of a Secret"),
    ({"existingSecret": "hunter2"}, "the name of a Secret, whatever it is called"),
    ({"auth": {"existingSecret": "", "password": ""}}, "nothing"),
    ({"secretName": "db-credentials"}, "the name of a Secret"),
    ({"tlsSecret": "shop-tls"}, "our charts' own field"),
    ({"volumes": [{"secret": {"secretName": "x", "items": [{"key": "password", "path": "password"}]}}]}, "a volume"),
    ({"env": [{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]}, "a reference"),
    ({"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "x1"}}}]}, "a reference"),
    ({"envFrom": [{"secretRef": {"name": "db-credentials"}}]}, "a reference"),
    ({"imagePullSecrets": [{"name": "regcred"}], "pullSecrets": ["regcred"]}, "names of Secrets"),
    ({"secretKeys": {"adminPasswordKey": "postgres-password", "userPasswordKey": "password"}}, "keys in a Secret"),
    ({"passwordKey": "password"}, "a key in a Secret"),
    ({"secretKey": "db.password", "apiKey": "api-key"}, "keys in a Secret"),
    ({"secret": "db-credentials", "credentials": "shop-db"}, "names of Secrets"),
    ({"usePasswordFile": True, "usePasswordFiles": "true"}, "a switch"),
    ({"passwordFile": "/run/secrets/db", "POSTGRES_PASSWORD_FILE": "/run/secrets/db"}, "a path"),
    ({"password": "/run/secrets/db", "privateKey": "tls.key"}, "a file"),
    ({"tokenTTL": "15m", "passwordPolicy": "strong", "passwordMinLength": 12, "maxTokens": 4096}, "settings"),
    ({"password": "${DB_PASSWORD}", "token": "$(TOKEN)", "secret": "$SECRET", "pw": "%(pw)s"}, "variables"),
    ({"password": "{{ .Values.db.password }}"}, "a template"),
    ({"password": "<from secret>", "token": "********", "apiKey": "xxxx", "secret": "[redacted]"}, "placeholders"),
    ({"password": "null", "token": "disabled"}, "words"),
    ({"password": "vault:secret/data/db#password"}, "a reference to Vault"),
    ({"password": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"}, "a reference to AWS"),
    ({"password": "ENC[AES256_GCM,data:p673w==,iv:YY=,tag:0w==,type:str]"}, "encrypted by SOPS"),
    ({"url": "https://$(USER):$(PASSWORD)@example.com", "dsn": "postgres://app:${PW}@db/app"}, "variables"),
    ({"dsn": "host=db password=$(PASSWORD)"}, "a variable in a connection string"),
    ({"digest": DIGEST, "image": "ghcr.io/a/b@" + DIGEST}, "digests"),
    ({"image": "ghcr.io/acme/shop:v1@" + DIGEST}, "a tag and a digest"),
    ({"commit": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "short": "da39a3e"}, "commits"),
    ({"id": "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "app": "3f2504e0-4f89-11d3-9a0c-0305e82c3301"}, "UUIDs"),
    ({"host": "ecommerce-dev.example.com", "svc": "postgres.platform-services.svc.cluster.local:5432"}, "hosts"),
    ({"url": "https://bob@example.com/x", "git": "git@github.com:acme/shop.git", "to": "mailto:a@b.com"}, "users"),
    ({"arn": "arn:aws:acm:eu-west-1:123456789012:certificate/3f2504e0-4f89-11d3-9a0c-0305e82c3301"}, "an ARN"),
    ({"topic": "arn:aws:sns:eu-west-1:123456789012:a-topic-with-a-very-long-name-Of-Course-42"}, "not Telegram"),
    ({"subnet": "subnet-0a1b2c3d4e5f67890", "zone": "Z2FDTNDATAQYW2"}, "identifiers of AWS"),
    ({"schedule": "*/15 0-6,18-23 * * MON-FRI"}, "a cron line"),
    ({"ca": CERTIFICATE, "caBundle": b64(CERTIFICATE)}, "a certificate is public"),
    ({"ca": CERTIFICATE.replace("\n", "\\n")}, "a certificate in one line"),
    ({"publicKey": PEM.format("PUBLIC KEY")}, "a public key"),
    ({"authorizedKeys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a@b"}, "ssh"),
    ({"integrity": "sha512-" + b64("z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8") + ""}, "SRI"),
    ({"description": "Set the password: it must be long. Basic authentication enabled; token is required"}, "prose"),
    ({"annotations": {"nginx.ingress.kubernetes.io/auth-type": "basic", "auth-secret": "basic-auth"}}, "an ingress"),
    ({"annotations": {"cert-manager.io/private-key-secret-name": "x1"}}, "an annotation"),
    ({"javaOpts": "-XX:MaxRAMPercentage=75.0 -Djava.security.egd=file:/dev/./urandom -XX:+UseG1GC"}, "options"),
    ({"class": "org.springframework.boot.autoconfigure.SecurityAutoConfiguration2Handler"}, "a class"),
    ({"path": "/opt/Company/ApplicationServer/WebSphere-9.0/lib/ext/Handler2.jar"}, "a path, of a server nowhere"),
    ({"name": "APACHESERVER", "level": "APPLICATION_SECURITY_LEVEL_DEBUG"}, "words in capitals"),
    ({"sentry": "https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/1"}, "an address with a user only"),
    ({"config": "ssl_key_file = '/etc/tls/tls.key'\npassword_encryption = scram-sha-256\n"}, "INI"),
    ({"config": "server {\n  proxy_pass http://shop:8080;\n  auth_basic off;\n}\n"}, "nginx"),
    ({"resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}, "size": "10Gi", "gc": "1e3"}, "quantities"),
    ({"matchLabels": {"app.kubernetes.io/name": "shop", "pod-template-hash": "5d4b8f9c6d"}}, "labels"),
    ({"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}]}, "a taint"),
    ({"sealed": {"password": "AgBy3i4OJSWK" + "PiTySYZZA9rO" * 30}}, "a sealed secret"),
    ({"gate": {"pass": 80}, "MYSQL_RANDOM_ROOT_PASSWORD": "1", "ALLOW_EMPTY_PASSWORD": "yes"}, "switches, a bound"),
    ({"privateKeySecretRef": {"name": "letsencrypt-prod"}, "tokenSecretRef": {"name": "cf", "key": "token"}}, "refs"),
    ({"TOKEN_URL": "https://example.com/token", "tokenLifespan": "300", "clientSecretKey": "client-secret"}, "id"),
    ({"CSRF_TOKEN_HEADER": "X-CSRF-Token", "JAVA_TOOL_OPTIONS": "-Xmx1g -Dfile.encoding=UTF-8"}, "options"),
    ({"monkey": "banana", "keyboard": "qwerty", "compass": "north", "bypass": "all"}, "words that contain the words"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "path", "why"), CREDENTIALS, ids=[case[2] for case in CREDENTIALS])
def test_credentials(values: dict[str, Any], path: str, why: str) -> None:
    """Found, by a path that says nothing of the secret, and gone from a copy without it."""
    assert find(values) == (path,), why
    assert find(without(values, [path])) == ()
    assert json.dumps(without(values, [path])) != json.dumps(values)


@pytest.mark.parametrize(("values", "why"), HARMLESS, ids=[str(index) for index in range(len(HARMLESS))])
def test_what_merely_looks_like_a_credential(values: dict[str, Any], why: str) -> None:
    assert find(values) == (), why


def _documents() -> list[Path]:
    charts = [*ROOT.glob("charts/*/values.yaml"), *ROOT.glob("platform-charts/*/values.yaml")]
    return sorted([*ROOT.glob("deployments/**/*.yaml"), *charts])


@pytest.mark.parametrize("path", _documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_and_charts_are_clean(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        assert find(document) == ()


def test_a_path_says_nothing_of_the_secret() -> None:
    """Whatever a key holds: a token is named by its place, and so is what no terminal or status should hold."""
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    values = {token: {"password": "hunter2"}, "x" * 5000: {"password": "hunter2"}, "a": [{token: token}]}
    assert find(values) == ("<key 2>", "<key 3>.password", "a[0].<key 1>")
    assert without(values, find(values)) == {"x" * 5000: {}, "a": [{}]}


@given(any_values())
def test_what_is_left_is_clean_and_nothing_else_is_gone(values: dict[str, Any]) -> None:
    paths = find(values)
    left = without(values, paths)
    assert find(left) == ()
    assert paths or left == values


_NUMBERS = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()


@given(st.dictionaries(st.sampled_from(["a", "tokens", "ttl"]), _NUMBERS | st.lists(_NUMBERS)))
def test_numbers_are_no_credentials(values: dict[str, Any]) -> None:
    assert find(values) == ()


LARGE = 256 * 1024
SEEDS = (
    *(
        "password",
        "eyJ",
        "eyJa.",
        "://",
        "https://a1:",
        "sk-A1",
        "//a/:_authToken=npm_",
        "awskey'",
        "AKIA",
        "a1B2",
        "M1_.",
    ),
    *("a=", "a: ", "\na: b", "--a ", "password=", "-----BEGIN ", "12345678:", "SG.", "a:b@", "authorization: basic "),
    *("<a>", "\\n", "{", "softlayer_key", "\u00e9", "clpass=", "xoxb-1-", "A1=+/", "_", "Z", "0"),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_time_is_bounded(seed: str) -> None:
    """The largest values that a claim can hold, made for regular expressions that look back, take no more than this.

    A quadratic search of such a text takes minutes. The machine may be busy: its processor's time is measured.
    """
    text = (seed * LARGE)[:LARGE]
    started = time.process_time()
    find({"a": text, "b": f"Z9{text}", text: "c"})
    assert time.process_time() - started < 10


def test_the_detectors_are_imported_only_for_what_could_be_a_token() -> None:
    """Their import takes longer than everything else that a function does with a claim."""
    program = (
        "import sys\n"
        "from shared.leaks import find\n"
        "assert find({'replicas': 2, 'host': 'ecommerce-dev.example.com', 'auth': {'existingSecret': 'a-b'}}) == ()\n"
        "assert 'detect_secrets' not in sys.modules\n"
        "assert find({'a': 'AK' + 'IAIOSFODNN7EXAMPLE'}) == ('a',)\n"
        "assert 'detect_secrets' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
